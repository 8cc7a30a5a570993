//! The store where HTTP does not reach, and direct changes to its database.

mod batch_loader;
mod groups;
mod last_used;
mod load;
mod pipeline;
mod retries;
mod revocation;
mod scans;
mod schedules;

use std::path::Path;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use portcullis::{
    jobs::{Job, Mail, MailKind},
    secrets::{LinkSecret, PasswordHash},
    store::{
        Database, Location, Store,
        accounts::NewAccount,
        activity::{Action, Client, Event},
        last_used::{CredentialId, LastUsed, LastUsedBuffer},
        page::Window,
        passwords,
        registration::{self, CreateUserOptions},
        schema::verifications,
        sessions,
        users::{self, Filter, Role},
        verifications::{NewVerification, Purpose},
    },
    time::days,
};

use crate::support::*;

/// Opens a store that has no other users.
async fn isolated_store(backend: Backend, settings: &[&str]) -> (Store, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = backend.database(folder.path()).await;
    (open(&url, folder.path(), settings).await, folder)
}

/// Opens a store on this migrated database.
async fn open(url: &str, folder: &Path, settings: &[&str]) -> Store {
    let options = config(url, folder, settings).store_options(true, product().tables());
    Store::open(&Location::parse(url, None).unwrap(), options).await.unwrap()
}

/// Adds a link with the current generation, as if it were issued now.
pub async fn add_link(server: &Server, link: NewVerification) {
    const CURRENT: &str = "UPDATE verifications SET generation = (
        SELECT users.link_generation + epoch.link_generation FROM users, epoch
        WHERE users.id = verifications.user_id) WHERE job_id = ''";
    match server.state.store.database() {
        Database::Sqlite(sqlite) => sqlite
            .write(move |connection| {
                portcullis::store::in_place(async move {
                    let added = diesel::insert_into(verifications::table).values(&link);
                    added.execute(connection).await?;
                    connection.batch_execute(CURRENT).await
                })
            })
            .await
            .unwrap(),
        Database::Postgres(postgres) => postgres
            .write(async |connection| {
                let added = diesel::insert_into(verifications::table).values(&link);
                added.execute(connection).await?;
                connection.batch_execute(CURRENT).await
            })
            .await
            .unwrap(),
    }
}

#[apply(on_both_databases)]
async fn concurrent_migrations_of_an_empty_database_apply_once(backend: Backend) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = backend.empty_database(folder.path()).await;
    let location = Location::parse(&url, None).unwrap();
    let (one, other) = {
        let tables = product().tables();
        tokio::join!(Store::migrate(&location, &tables), Store::migrate(&location, &tables))
    };
    let applied = one.unwrap().len() + other.unwrap().len();
    assert!(applied >= 7, "{applied}");
    assert_eq!(Store::migrate(&location, &product().tables()).await.unwrap().len(), 0);
}

#[apply(on_both_databases)]
async fn migrations_can_be_reverted_and_applied_again(backend: Backend) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = backend.empty_database(folder.path()).await;
    let location = Location::parse(&url, None).unwrap();
    let up = Store::migrate(&location, &product().tables()).await.unwrap();
    let side = match backend {
        Backend::Sqlite => "sqlite",
        Backend::Postgres => "postgres",
    };
    let server = Server::on(&url, tempfile::TempDir::new().unwrap(), &[]).await;
    for folder in migration_folders(side).iter().rev() {
        execute(&server, &std::fs::read_to_string(folder.join("down.sql")).unwrap()).await;
    }
    execute(&server, "DELETE FROM __diesel_schema_migrations").await;
    drop(server);
    assert_eq!(Store::migrate(&location, &product().tables()).await.unwrap(), up);
}

#[apply(on_both_databases)]
async fn binary_too_old_for_the_schema_fails_and_names_the_required_version(backend: Backend) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = backend.database(folder.path()).await;
    let location = Location::parse(&url, None).unwrap();
    let options = config(&url, folder.path(), &[]).store_options(true, product().tables());
    Store::open(&location, options.clone()).await.unwrap();
    let record = |migration: &str, oldest: &str| {
        format!(
            "INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('{migration}', '{oldest}')"
        )
    };

    // One more migration than this binary knows, with which it is compatible: a rolling upgrade.
    let server = Server::on(&url, tempfile::TempDir::new().unwrap(), &[]).await;
    execute(&server, &record("2099-01-01-000001_more", "0.1.0")).await;
    Store::open(&location, options.clone()).await.unwrap();
    // And one with which it is not.
    execute(&server, &record("2099-01-01-000002_much_more", "99.0.0")).await;
    let Err(refusal) = Store::open(&location, options.clone()).await else {
        panic!("the store opened")
    };
    let text = refusal.to_string();
    assert!(text.contains("needs version 99.0.0 or newer of portcullis"), "{text}");
}

/// With SQL, since the code writes lower case.
#[apply(on_both_databases)]
async fn email_in_another_case_is_rejected_by_the_database(backend: Backend) {
    let server = backend.start().await;
    server.sign_up("ada").await;
    let (store, now) = (&server.state.store, server.now());
    let second = || users::User::new("x".into(), "ADA@example.com".into(), Role::User, now);
    let event = Event::new(None, Action::UserCreated, "x", &json!({}), now);
    let with = CreateUserOptions { account: None, mail: None, event };
    let opened = registration::create_user(store, second(), with).await;
    assert!(opened.as_ref().is_err_and(|error| error.is_taken("email")), "{opened:?}");

    let account = NewAccount::password("nobody", &PasswordHash::stored("x".into()), now);
    let mail = || Job::from(Mail::new(MailKind::SignUpAttempt, "ada@example.com")).row(None, now);
    registration::register(store, second(), account, Some((mail(), mail())), Client::default())
        .await
        .unwrap();
    let all = users::list(store, Filter::default(), Window::first(9)).await;
    assert_eq!(
        all.unwrap().page.rows.len(),
        1,
        "a sign-up with a taken email gets the same response"
    );
}

#[tokio::test]
async fn sqlite_connection_uses_wal_full_sync_and_foreign_keys() {
    let server = Backend::Sqlite.start().await;
    let Database::Sqlite(sqlite) = server.state.store.database() else { unreachable!() };
    let pragma = |name: &'static str| {
        sqlite.write(move |connection| {
            portcullis::store::in_place(async move {
                diesel::sql_query(format!(
                    "SELECT CAST({name} AS TEXT) AS value FROM pragma_{name}"
                ))
                .get_result::<Pragma>(connection)
                .await
            })
        })
    };
    assert_eq!(pragma("synchronous").await.unwrap().value, "2", "FULL");
    assert_eq!(pragma("journal_mode").await.unwrap().value, "wal");
    assert_eq!(pragma("foreign_keys").await.unwrap().value, "1");
}

#[derive(diesel::QueryableByName)]
struct Pragma {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

#[tokio::test]
async fn synchronous_commit_is_on_despite_a_relaxed_database_default() {
    let server = Backend::Postgres.start().await;
    let name = database_name(&server).await;
    execute(&server, &format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
    let url = Backend::Postgres.database(&server.folder).await;
    let mut own = url::Url::parse(&url).unwrap();
    own.set_path(&name);
    let fresh = Server::on(own.as_str(), tempfile::TempDir::new().unwrap(), &[]).await;
    let Database::Postgres(postgres) = fresh.state.store.database() else { unreachable!() };
    let setting = postgres
        .write(async |connection| {
            diesel::sql_query("SELECT current_setting('synchronous_commit') AS value")
                .get_result::<Pragma>(connection)
                .await
        })
        .await;
    assert_eq!(setting.unwrap().value, "on");
}

#[tokio::test]
async fn postgresql_tls_certificate_is_verified() {
    let folder = tempfile::TempDir::new().unwrap();
    let (authority, key) = make_certificate(folder.path(), "127.0.0.1");
    let server = PostgresServer::start_with_tls(&authority, &key).await;
    let url = format!("{}?sslmode=require", server.url());
    let options = config(&url, folder.path(), &[]).store_options(true, product().tables());
    let trusting = Location::parse(&url, Some(authority)).unwrap();
    let store = Store::open(&trusting, options.clone()).await.unwrap();
    let Database::Postgres(postgres) = store.database() else { unreachable!() };
    let encrypted = postgres
        .read(async |connection| {
            diesel::sql_query(
                "SELECT ssl::text AS value FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            )
            .get_result::<Pragma>(connection)
            .await
        })
        .await;
    assert_eq!(encrypted.unwrap().value, "true");
    let distrusting = Location::parse(&url, None).unwrap();
    assert!(Store::open(&distrusting, options).await.is_err(), "a self-signed certificate");
}

#[tokio::test]
async fn terminated_postgresql_connection_is_replaced_without_an_error() {
    let server = Backend::Postgres.start().await;
    let ada = server.sign_up("ada").await;
    for _ in 0..3 {
        let killer = Backend::Postgres.database(&server.folder).await;
        let client = connect(&killer).await;
        let name = database_name(&server).await;
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'portcullis %' AND datname = '{name}'"
        );
        client.batch_execute(&sql).await.unwrap();
        ada.browser.get("/api/me").await.expect(200);
        ada.browser.post(TOKENS, json!({ "name": "x" })).await.expect(201);
    }
}

async fn database_name(server: &Server) -> String {
    let Database::Postgres(postgres) = server.state.store.database() else { unreachable!() };
    let name = postgres
        .read(async |connection| {
            diesel::sql_query("SELECT current_database()::text AS value")
                .get_result::<Pragma>(connection)
                .await
        })
        .await;
    name.unwrap().value
}

#[apply(on_both_databases)]
async fn database_timeout_is_unavailable(backend: Backend) {
    let server = backend.start_with(&["--database-timeout", "1"]).await;
    let ada = server.sign_up("ada").await;
    let late = std::time::Duration::from_secs(3);
    match server.state.store.database() {
        Database::Sqlite(sqlite) => {
            let occupied = sqlite.write(move |_| {
                std::thread::sleep(late);
                Ok(())
            });
            let (_, reply) =
                tokio::join!(occupied, ada.browser.post(TOKENS, json!({ "name": "x" })));
            reply.assert_problem(503, "store_unavailable");
        }
        Database::Postgres(_) => {
            execute(&server, "CREATE TABLE held (id int)").await;
            let url = Backend::Postgres.database(&server.folder).await;
            let name = database_name(&server).await;
            let mut own = url::Url::parse(&url).unwrap();
            own.set_path(&name);
            let client = connect(own.as_str()).await;
            client
                .batch_execute("BEGIN; LOCK TABLE api_tokens IN ACCESS EXCLUSIVE MODE")
                .await
                .unwrap();
            let reply = ada.browser.post(TOKENS, json!({ "name": "x" })).await;
            reply.assert_problem(503, "store_unavailable");
            client.batch_execute("ROLLBACK").await.unwrap();
            ada.browser.post(TOKENS, json!({ "name": "x" })).await.expect(201);
        }
    }
}

#[apply(on_both_databases)]
async fn concurrent_reads_and_writes_all_succeed(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    // 64 writes and 256 reads.
    let calls = (0..320).map(|number| {
        let (browser, script) = (ada.browser.clone(), script.clone());
        tokio::spawn(async move {
            if number % 5 == 0 {
                browser.post(TOKENS, json!({ "name": "x" })).await.status.as_u16()
            } else {
                script.get(TOKENS).await.status.as_u16()
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!([200, 201].contains(&call.await.unwrap()));
    }
}

#[apply(on_both_databases)]
async fn concurrent_last_use_writes_and_revocation_all_succeed(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for _ in 0..8 {
        for _ in 0..20 {
            server.sign_in(&ada).await;
        }
        let sessions = ada.browser.get("/api/auth/list-sessions").await.expect(200);
        let (one, other) = (LastUsedBuffer::default(), LastUsedBuffer::default());
        server.advance(portcullis::time::seconds(120));
        for session in sessions.as_array().unwrap() {
            for uses in [&one, &other] {
                uses.note(&LastUsed::at(None), server.now(), || {
                    CredentialId::Session(session["id"].as_str().unwrap().to_owned())
                });
            }
        }
        let store = &server.state.store;
        let revoke = ada.browser.post("/api/auth/revoke-other-sessions", json!({}));
        let (first, second, revoked) = tokio::join!(one.flush(store), other.flush(store), revoke);
        first.unwrap();
        second.unwrap();
        revoked.expect(200);
    }
}

#[apply(on_both_databases)]
async fn last_use_is_written_once(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let store = &server.state.store;
    let newest = Window::first(1);
    let row = async || {
        let page = sessions::list(store, ada.id.clone(), newest.clone(), server.now()).await;
        page.unwrap().rows.remove(0)
    };
    let begun = row().await;
    server.advance(portcullis::time::seconds(120));
    let uses = LastUsedBuffer::default();
    uses.note(&LastUsed::at(None), server.now(), || CredentialId::Session(begun.id.clone()));
    uses.flush(store).await.unwrap();
    assert_eq!(row().await.last_seen_at, server.now());
    execute(&server, "UPDATE sessions SET last_seen_at = created_at").await;
    uses.flush(store).await.unwrap();
    assert_eq!(row().await.last_seen_at, begun.created_at);
}

#[apply(on_both_databases)]
async fn concurrent_redemption_of_two_reset_links_redeems_exactly_one(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let hash = PasswordHash::stored("$argon2id$nobody".to_owned());
    for _ in 0..10 {
        let secrets = [LinkSecret::generate(), LinkSecret::generate()];
        for secret in &secrets {
            let (purpose, now) = (Purpose::SetPassword, server.now());
            let link =
                NewVerification::new(purpose, &ada.id, &ada.email, secret.hash(), days(1), now);
            add_link(&server, link).await;
        }
        let redeem = |secret: &LinkSecret| {
            let now = server.now();
            let notice = move |user: &users::User| {
                Job::from(Mail::new(MailKind::PasswordChanged, &user.email))
                    .row(Some(&user.id), now)
            };
            passwords::reset(
                &server.state.store,
                secret.hash(),
                hash.clone(),
                notice,
                Client::default(),
                now,
            )
        };
        let (one, other) = tokio::join!(redeem(&secrets[0]), redeem(&secrets[1]));
        assert_eq!(u8::from(one.unwrap().is_ok()) + u8::from(other.unwrap().is_ok()), 1);
    }
}
