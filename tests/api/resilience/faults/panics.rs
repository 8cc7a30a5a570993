//! A panic inside a database operation.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use portcullis::store::Database;

use crate::support::*;

#[apply(on_both_databases)]
async fn panic_in_a_query_leaves_connections_usable(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    // More often than there are connections.
    for _ in 0..6 {
        match server.state.store.database() {
            Database::Sqlite(sqlite) => {
                assert!(sqlite.read::<()>(|_| panic!("planted")).await.is_err());
                assert!(sqlite.write::<()>(|_| panic!("planted")).await.is_err());
            }
            Database::Postgres(postgres) => {
                let read = postgres.read::<()>(async |_| panic!("planted"));
                assert!(AssertUnwindSafe(read).catch_unwind().await.is_err());
                let write = postgres.write::<()>(async |_| panic!("planted"));
                assert!(AssertUnwindSafe(write).catch_unwind().await.is_err());
            }
        }
    }
    for _ in 0..6 {
        ada.browser.get("/api/me").await.expect(200);
        ada.browser.post(TOKENS, json!({ "name": "x" })).await.expect(201);
    }
}
