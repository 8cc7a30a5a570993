//! The store's own report of its load.

use std::{
    pin::pin,
    sync::{Arc, Barrier},
    time::Duration,
};

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::{Either, join, join_all, select, select_all};
use portcullis::store::{Database, Store};

use super::isolated_store;
use crate::support::*;

#[tokio::test]
async fn sqlite_queue_length_counts_waiting_tasks_of_all_threads() {
    let (store, _folder) = isolated_store(Backend::Sqlite, &[]).await;
    let Database::Sqlite(sqlite) = store.database() else { unreachable!() };
    assert_eq!(store.stats().queue, 0);
    // One task occupies each thread, and one waits behind it.
    let (begun, go_on) = (Arc::new(Barrier::new(4)), Arc::new(Barrier::new(4)));
    let occupy = || {
        let (begun, go_on) = (begun.clone(), go_on.clone());
        move || {
            begun.wait();
            go_on.wait();
            Ok(())
        }
    };
    let (lane, reader, writer) = (occupy(), occupy(), occupy());
    let count = async {
        begun.wait();
        let queue = store.stats().queue;
        go_on.wait();
        queue
    };
    let (.., queue) = tokio::join!(
        sqlite.lookup(move |_| lane()),
        sqlite.lookup(|_| Ok(())),
        sqlite.read(move |_| reader()),
        sqlite.read(|_| Ok(())),
        sqlite.write(move |_| writer()),
        sqlite.write(|_| Ok(())),
        count
    );
    assert_eq!(queue, 3);
}

#[tokio::test]
async fn postgresql_connections_waits_and_timeouts_are_counted() {
    let settings = ["--database-pool-size", "1", "--database-timeout", "1"];
    let (store, _folder) = isolated_store(Backend::Postgres, &settings).await;
    let Database::Postgres(postgres) = store.database() else { unreachable!() };
    let occupy = async |seconds: f32| {
        let sql = format!("SELECT pg_sleep({seconds})");
        postgres.read(async |connection| connection.batch_execute(&sql).await).await
    };
    store.ping().await.unwrap();
    let before = store.stats();
    let (occupied, waited) = join(occupy(0.1), store.ping()).await;
    assert!(occupied.is_ok() && waited.is_ok());
    let after = store.stats();
    assert_eq!((after.connections, after.idle, after.timeouts), (1, 1, 0));
    assert_eq!(after.waits, before.waits + 1);
    assert!(after.wait_micros > before.wait_micros);

    let (occupied, waited) = join(occupy(3.0), join_all((0..5).map(|_| store.ping()))).await;
    // One of them may get the new connection that replaces the lost one.
    assert!(occupied.is_err() && waited.iter().filter(|ping| ping.is_ok()).count() <= 1);
    assert!(store.stats().timeouts > 0);
}

#[apply(on_both_databases)]
async fn long_list_queries_do_not_block_short_reads(backend: Backend) {
    let (store, _folder) = isolated_store(backend, &[]).await;
    let lists = (0..8).map(|_| long_list(&store));
    let lists = pin!(select_all(lists.map(Box::pin)));
    match select(lists, pin!(store.ping())).await {
        Either::Left(_) => panic!("a short read waited for the end of a list"),
        Either::Right((answered, _)) => answered.unwrap(),
    }
}

/// Takes as long as the request with the longest timeout.
async fn long_list(store: &Store) {
    match store.database() {
        Database::Sqlite(sqlite) => {
            let done = sqlite.read_list(|_| {
                std::thread::sleep(Duration::from_secs(3));
                Ok(())
            });
            drop(done.await);
        }
        Database::Postgres(postgres) => {
            let sleep = async |connection: &mut AsyncPgConnection| {
                connection.batch_execute("SELECT pg_sleep(3)").await
            };
            drop(postgres.read_list(sleep).await);
        }
    }
}
