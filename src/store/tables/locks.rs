//! Row locks for both databases: updating a row locks it until the end of the transaction.
//!
//! To avoid deadlocks, a transaction takes them in this order: the admins' lock, the user, then what belongs to the
//! user. Macros, because the statements must be expanded for each backend.

/// Excludes other transactions that may change the number of active admins: with READ COMMITTED alone, two admins
/// could demote each other.
macro_rules! lock_admins_tx {
    ($conn:ident) => {
        diesel::update($crate::store::schema::locks::table.find("admins"))
            .set($crate::store::schema::locks::name.eq("admins"))
            .execute($conn)
            .await?
    };
}

/// Locks the user's row and returns it: until the end of the transaction no deactivation and no change of password or
/// email can interleave.
macro_rules! lock_user_tx {
    ($conn:ident, $id:expr) => {{
        use $crate::store::schema::users;
        let user: Option<$crate::store::tables::users::User> =
            diesel::update(users::table.filter($crate::store::tables::users::present()).find($id))
                .set(users::updated_at.eq(users::updated_at))
                .returning($crate::store::tables::users::User::as_returning())
                .get_result($conn)
                .await
                .optional()?;
        user
    }};
}

pub(in crate::store) use {lock_admins_tx, lock_user_tx};
