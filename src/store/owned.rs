//! The queries of a resource whose rows belong to users.

/// Declares the queries of a table whose rows each belong to one user: `list`, `create`, `find`, `update` and `delete`.
/// Each takes the owner's id and reads or writes no row of another user, so that none of them can lack the filter.
///
/// The table has a primary key `id`; the row implements `Queryable`, `Selectable` and `Insertable`, the changes
/// `AsChangeset`. `"…_fkey"` is the name of the owner's foreign key, among the table's constraints as
/// [`Constraint::own_user`](crate::store::constraints::Constraint::own_user). Write other queries beside them with
/// [`query!`](crate::query!), [`list_query!`](crate::list_query!) and [`transaction!`](crate::transaction!), whose
/// bodies need `use diesel::prelude::*` and `use diesel_async::RunQueryDsl`.
///
/// ```
/// use diesel::{AsChangeset, Insertable, Queryable, Selectable};
/// use portcullis::store::owned_rows;
///
/// diesel::table! {
///     tasks (id) {
///         id -> Text,
///         user_id -> Text,
///         title -> Text,
///     }
/// }
///
/// #[derive(Queryable, Selectable, Insertable)]
/// #[diesel(table_name = tasks)]
/// pub struct Task {
///     id: String,
///     user_id: String,
///     title: String,
/// }
///
/// #[derive(AsChangeset)]
/// #[diesel(table_name = tasks)]
/// pub struct Changes {
///     title: Option<String>,
/// }
///
/// owned_rows!(tasks: Task, Changes, owner user_id "tasks_user_id_fkey");
/// ```
///
/// It expands to these functions:
///
/// ```ignore
/// pub async fn list(store: &Store, owner: String, window: Window) -> Result<Page<Task>, Error>;
/// pub async fn create(store: &Store, row: Task) -> Result<Task, Error>;
/// pub async fn find(store: &Store, owner: String, id: String) -> Result<Option<Task>, Error>;
/// pub async fn update(store: &Store, owner: String, id: String, changes: Changes) -> Result<Option<Task>, Error>;
/// pub async fn delete(store: &Store, owner: String, id: String) -> Result<bool, Error>;
/// ```
///
/// Their methods are those of Diesel's traits, which they import themselves. Only `RunQueryDsl` is named at each call: a
/// module that imports Diesel's own has two traits whose methods have the same names.
#[macro_export]
macro_rules! owned_rows {
    ($table:ident: $row:ty, $changes:ty, owner $owner:ident $key:literal) => {
        // A resource need not have every operation.
        #[allow(dead_code)]
        /// Returns a page of a user's rows, newest first.
        ///
        /// # Errors
        /// As every query: see [`Error`]($crate::store::Error).
        pub async fn list(
            store: &$crate::store::Store,
            owner: String,
            window: $crate::store::page::Window,
        ) -> Result<$crate::store::page::Page<$row>, $crate::store::Error> {
            use $crate::store::diesel_traits::*;

            let wanted = window.clone();
            let rows = $crate::list_query!(store, |conn| {
                let query = $table::table
                    .filter($table::$owner.eq(&owner))
                    .select(<$row>::as_select())
                    .into_boxed::<Backend>();
                $crate::load_window!(conn, query, $table::id, &wanted)
            })?;
            Ok(window.page(rows, |row: &$row| &row.id))
        }

        #[allow(dead_code)]
        /// Inserts a row.
        ///
        /// # Errors
        /// [`Error::Violated`]($crate::store::Error::Violated) when it violates a constraint, or its owner has been
        /// deleted.
        pub async fn create(
            store: &$crate::store::Store,
            row: $row,
        ) -> Result<$row, $crate::store::Error> {
            use $crate::store::diesel_traits::*;

            $crate::transaction!(store, |conn| {
                let insert = diesel::insert_into($table::table)
                    .values(&row)
                    .returning(<$row>::as_returning());
                let created = diesel_async::RunQueryDsl::get_result(insert, conn).await;
                $crate::own_user_key!(conn, created, $key, &row.$owner)
            })
        }

        #[allow(dead_code)]
        /// Returns a user's row. Another user's is not found.
        ///
        /// # Errors
        /// As every query: see [`Error`]($crate::store::Error).
        pub async fn find(
            store: &$crate::store::Store,
            owner: String,
            id: String,
        ) -> Result<Option<$row>, $crate::store::Error> {
            use $crate::store::diesel_traits::*;

            $crate::query!(store, |conn| {
                let row = $table::table
                    .find(&id)
                    .filter($table::$owner.eq(&owner))
                    .select(<$row>::as_select());
                diesel_async::RunQueryDsl::get_result(row, conn).await.optional()
            })
        }

        #[allow(dead_code)]
        /// Changes a user's row, and returns it. Another user's is not found.
        ///
        /// # Errors
        /// As for [`create`].
        pub async fn update(
            store: &$crate::store::Store,
            owner: String,
            id: String,
            changes: $changes,
        ) -> Result<Option<$row>, $crate::store::Error> {
            use $crate::store::diesel_traits::*;

            $crate::transaction!(store, |conn| {
                let update = diesel::update($table::table.find(&id))
                    .filter($table::$owner.eq(&owner))
                    .set(&changes)
                    .returning(<$row>::as_returning());
                diesel_async::RunQueryDsl::get_result(update, conn).await.optional()
            })
        }

        #[allow(dead_code)]
        /// Deletes a user's row. Returns whether there was one.
        ///
        /// # Errors
        /// As every query: see [`Error`]($crate::store::Error).
        pub async fn delete(
            store: &$crate::store::Store,
            owner: String,
            id: String,
        ) -> Result<bool, $crate::store::Error> {
            use $crate::store::diesel_traits::*;

            let deleted = $crate::transaction!(store, |conn| {
                let delete =
                    diesel::delete($table::table.find(&id)).filter($table::$owner.eq(&owner));
                diesel_async::RunQueryDsl::execute(delete, conn).await
            })?;
            Ok(deleted == 1)
        }
    };
}
