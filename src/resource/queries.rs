//! The queries of a resource.

/// Expands to the queries. Each takes the owner, and reads or writes no row of another, so that none can lack the filter.
///
/// They import the methods of Diesel's traits themselves. `RunQueryDsl` alone is named at each call: a module that imports
/// Diesel's own has two traits whose methods have the same names.
#[doc(hidden)]
#[macro_export]
macro_rules! resource_queries {
    ($row:ident $table:ident $update:ident [$($field:ident |$change:ident| $value:expr;)+]) => {
        // A resource need not have every operation.
        #[allow(dead_code)]
        impl $row {
            /// The foreign key to the owner.
            const OWNER_KEY: &'static str = concat!(stringify!($table), "_user_id_fkey");

            /// Returns a page of an owner's rows, newest first.
            ///
            /// # Errors
            /// As every query: see [`Error`]($crate::store::Error).
            pub async fn list(
                store: &$crate::store::Store,
                owner: &$crate::gate::Owner,
                window: $crate::store::page::Window,
            ) -> Result<$crate::store::page::Page<Self>, $crate::store::Error> {
                use $crate::store::diesel_traits::*;

                let (owner, wanted) = (owner.id.clone(), window.clone());
                let rows = $crate::list_query!(store, |conn| {
                    let query = $table::table
                        .filter($table::user_id.eq(&owner))
                        .select($row::as_select())
                        .into_boxed::<Backend>();
                    $crate::load_window!(conn, query, $table::id, &wanted)
                })?;
                Ok(window.page(rows, |row: &$row| &row.id))
            }

            /// Inserts a row and adds jobs, in one transaction. Returns the row.
            ///
            /// # Errors
            /// [`Error::Violated`]($crate::store::Error::Violated) when it violates a constraint, or its owner has been
            /// deleted.
            pub async fn insert(
                self,
                store: &$crate::store::Store,
                jobs: Vec<$crate::store::jobs::NewJob>,
            ) -> Result<Self, $crate::store::Error> {
                use $crate::store::diesel_traits::*;

                let row = self;
                $crate::transaction!(store, |conn| {
                    let insert = diesel::insert_into($table::table)
                        .values(&row)
                        .returning($row::as_returning());
                    let created = diesel_async::RunQueryDsl::get_result(insert, conn).await;
                    // Before the next statement, which PostgreSQL would reject after a violated constraint.
                    let created =
                        $crate::own_user_key!(conn, created, $row::OWNER_KEY, &row.user_id)?;
                    for job in jobs.clone() {
                        $crate::add_job!(conn, job);
                    }
                    Ok(created)
                })
            }

            /// Returns an owner's row. Another owner's is not found.
            ///
            /// # Errors
            /// As every query: see [`Error`]($crate::store::Error).
            pub async fn find(
                store: &$crate::store::Store,
                owner: &$crate::gate::Owner,
                id: String,
            ) -> Result<Option<Self>, $crate::store::Error> {
                use $crate::store::diesel_traits::*;

                let owner = owner.id.clone();
                $crate::query!(store, |conn| {
                    let row = $table::table
                        .find(&id)
                        .filter($table::user_id.eq(&owner))
                        .select($row::as_select());
                    diesel_async::RunQueryDsl::get_result(row, conn).await.optional()
                })
            }

            /// Changes an owner's row, and returns it. Another owner's is not found. Without a change, the row stays as it is,
            /// with its date.
            ///
            /// # Errors
            /// [`Error::Violated`]($crate::store::Error::Violated) when it violates a constraint.
            pub async fn update(
                store: &$crate::store::Store,
                owner: &$crate::gate::Owner,
                id: String,
                changes: $update,
                now: $crate::time::Timestamp,
            ) -> Result<Option<Self>, $crate::store::Error> {
                use $crate::store::diesel_traits::*;

                if true $(&& changes.$field.is_none())+ {
                    return Self::find(store, owner, id).await;
                }
                let owner = owner.id.clone();
                $crate::transaction!(store, |conn| {
                    let changes = changes.clone();
                    let update = diesel::update($table::table.find(&id))
                        .filter($table::user_id.eq(&owner))
                        .set((
                            $(changes.$field.map(|$change| $table::$field.eq($value)),)+
                            $table::updated_at.eq(now),
                        ))
                        .returning($row::as_returning());
                    diesel_async::RunQueryDsl::get_result(update, conn).await.optional()
                })
            }

            /// Deletes an owner's row. Returns whether there was one.
            ///
            /// # Errors
            /// As every query: see [`Error`]($crate::store::Error).
            pub async fn delete(
                store: &$crate::store::Store,
                owner: &$crate::gate::Owner,
                id: String,
            ) -> Result<bool, $crate::store::Error> {
                use $crate::store::diesel_traits::*;

                let owner = owner.id.clone();
                let deleted = $crate::transaction!(store, |conn| {
                    let delete =
                        diesel::delete($table::table.find(&id)).filter($table::user_id.eq(&owner));
                    diesel_async::RunQueryDsl::execute(delete, conn).await
                })?;
                Ok(deleted == 1)
            }
        }
    };
}
