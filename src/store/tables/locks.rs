//! Row locks for both databases: updating a row locks it until the end of the transaction.
//!
//! To avoid deadlocks, a transaction takes them in this order: the admins' lock, the user, then what belongs to the
//! user.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::store::{
    schema::{locks, users},
    statements,
    tables::users::{User, present},
};

statements! {
    /// Row locks, within a transaction.
    pub(in crate::store) trait Locks {
        /// Excludes other transactions that may change the number of active admins: with READ COMMITTED alone, two admins
        /// could demote each other.
        async fn lock_admins(conn) -> () {
            diesel::update(locks::table.find("admins"))
                .set(locks::name.eq("admins"))
                .execute(conn)
                .await
                .map(drop)
        }

        /// Locks the user's row and returns it: until the end of the transaction no deactivation and no change of password
        /// or email can interleave.
        async fn lock_user(conn, id: &str) -> Option<User> {
            diesel::update(users::table.filter(present()).find(id))
                .set(users::updated_at.eq(users::updated_at))
                .returning(User::as_returning())
                .get_result(conn)
                .await
                .optional()
        }
    }
}
