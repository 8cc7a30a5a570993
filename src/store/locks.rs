//! Row locks that both databases speak: a row is locked by touching it, to the transaction's end.
//!
//! A transaction takes them in this order, lest two of them deadlock: the admins' lock, the user, then
//! what belongs to the user. Macros, as the statements must be expanded for each backend.

/// Whoever may change the number of active admins holds this row's lock: with READ COMMITTED alone,
/// two admins could demote each other.
macro_rules! lock_admins {
    ($conn:ident) => {
        diesel::update($crate::store::schema::locks::table.find("admins"))
            .set($crate::store::schema::locks::name.eq("admins"))
            .execute($conn)
            .await?
    };
}

/// The user as they are, and as they stay until the end: no lock-out, no change of their password or
/// address can slip in between.
macro_rules! lock_user {
    ($conn:ident, $id:expr) => {{
        use $crate::store::schema::users;
        let user: Option<$crate::store::users::User> =
            diesel::update(users::table.filter($crate::store::users::present()).find($id))
                .set(users::updated_at.eq(users::updated_at))
                .returning($crate::store::users::User::as_returning())
                .get_result($conn)
                .await
                .optional()?;
        user
    }};
}

pub(super) use {lock_admins, lock_user};
