//! The two databases, and the macros that run a query or a transaction on the one that is in use.

use crate::store::engine::{postgres::Postgres, sqlite::Sqlite};

/// A database of one of the two kinds.
pub enum Database {
    /// SQLite, embedded.
    Sqlite(Sqlite),
    /// PostgreSQL, a server.
    Postgres(Postgres),
}

/// Runs a query, or several that need no common snapshot, and returns a [`Result`].
///
/// The body must be repeatable: on PostgreSQL it runs again if its connection turns out to be dead.
#[macro_export]
macro_rules! query {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::run!($store, read, anything, |$connection| $body)
    };
}

/// Does the same as `query!`, for a list, a search or a count: on separate threads and connections, so that none of
/// these, however slow, is ever ahead of a short read.
#[macro_export]
macro_rules! list_query {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::run!($store, read_list, anything, |$connection| $body)
    };
}

/// Reads the epoch, on a connection that is used for nothing else. The body must be repeatable, as in `query!`.
macro_rules! read_epoch {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::run!($store, read_epoch, anything, |$connection| $body)
    };
}

/// Runs a body in one transaction that takes rights away or changes what a session shows, and returns when no instance
/// can use a cached credential from before it: `docs/explanation/credential-cache.md`. It also waits if there was nothing left to do,
/// since the request that did it may not have waited yet. In builds with debug assertions, `transaction!` rejects such
/// a body.
#[macro_export]
macro_rules! invalidating_transaction {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::invalidating_transaction!($store, if true, |$connection| $body)
    };
    ($store:expr, if $takes:expr, |$connection:ident| $body:expr) => {{
        let takes = $takes;
        let done = $crate::run!($store, write, indexes_users, |$connection| $body);
        if takes { $store.wait_for_invalidation(done).await } else { done }
    }};
}

/// Does the same as `transaction!`, for work that no request waits for: it may take longer than a request.
macro_rules! maintenance_transaction {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::run!($store, maintain, begins_no_epoch, |$connection| $body)
    };
}

/// Does the same as `maintenance_transaction!`, for rows that were revoked before: deleting them begins an epoch, and
/// nothing waits for its invalidation.
macro_rules! cleanup_transaction {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::run!($store, maintain, anything, |$connection| $body)
    };
}

/// Runs a body in one transaction.
#[macro_export]
macro_rules! transaction {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::run!($store, write, begins_no_epoch_and_indexes_users, |$connection| $body)
    };
}

/// Expands a body for each database, as one statement of Diesel does not compile for both: on PostgreSQL
/// `postgres.write(async |conn| body)`, on SQLite `sqlite.write(|conn| in_place(async { body }))`, where the body runs
/// on another thread and never waits. Then gives an error the operation's name and the meaning that its table declares.
#[macro_export]
macro_rules! run {
    ($store:expr, $how:ident, $check:ident, |$connection:ident| $body:expr) => {{
        let result = match $store.database() {
            $crate::store::Database::Postgres(postgres) => {
                #[allow(dead_code, reason = "a body names its backend where it boxes a query")]
                type Backend = diesel::pg::Pg;
                postgres.$how(async |$connection| $body).await
            }
            $crate::store::Database::Sqlite(sqlite) => {
                #[allow(dead_code, reason = "a body names its backend where it boxes a query")]
                type Backend = diesel::sqlite::Sqlite;
                sqlite
                    .$how(move |connection| {
                        $crate::store::checks::$check(connection, move |$connection| {
                            $crate::store::in_place(async move { $body })
                        })
                    })
                    .await
            }
        };
        // The name of the enclosing function.
        result.map_err(|error| {
            $store.explain(error).in_operation({
                fn here() {}
                std::any::type_name_of_val(&here)
            })
        })
    }};
}

/// Declares parts of transactions that several transactions share, as a trait that the connections of both databases
/// implement. A method is compiled once for each database; a macro would be wherever a transaction uses it, and most of the
/// time that this library takes to compile is spent on Diesel's types.
macro_rules! statements {
    (
        $(#[$doc:meta])*
        $vis:vis trait $Statements:ident {
            $(
                $(#[$about:meta])*
                async fn $name:ident($conn:ident $(, $argument:ident: $Type:ty)*) -> $Returned:ty
                $body:block
            )+
        }
    ) => {
        $(#[$doc])*
        $vis trait $Statements {
            $(
                $(#[$about])*
                async fn $name(&mut self $(, $argument: $Type)*) -> diesel::QueryResult<$Returned>;
            )+
        }

        impl $Statements for $crate::store::engine::postgres::Connection {
            $(
                async fn $name(&mut self $(, $argument: $Type)*) -> diesel::QueryResult<$Returned> {
                    #[allow(dead_code, reason = "a body may name its backend")]
                    type Backend = diesel::pg::Pg;
                    let $conn = self;
                    $body
                }
            )+
        }

        impl $Statements for $crate::store::engine::sqlite::Connection {
            $(
                async fn $name(&mut self $(, $argument: $Type)*) -> diesel::QueryResult<$Returned> {
                    #[allow(dead_code, reason = "a body may name its backend")]
                    type Backend = diesel::sqlite::Sqlite;
                    let $conn = self;
                    $body
                }
            )+
        }
    };
}

pub(super) use {cleanup_transaction, maintenance_transaction, read_epoch, statements};
