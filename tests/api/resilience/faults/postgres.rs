//! Network faults between the server and PostgreSQL.

use std::time::Duration;

use diesel::{dsl::sql, sql_types::Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use portcullis::{
    state::State,
    store::{Database, Location, Store},
};

use crate::support::*;

const PATIENCE: [&str; 2] = ["--database-timeout", "1"];

/// A server that reaches its database through a proxy.
struct Proxied {
    server: Server,
    proxy: Proxy,
    probe: OutageProbe,
    /// The URL of the database without the proxy.
    url: String,
}

async fn proxied() -> Proxied {
    let folder = tempfile::TempDir::new().unwrap();
    let url = Backend::Postgres.database(folder.path()).await;
    let (proxy, proxied_url) = Proxy::to(&url).await;
    let server = Server::on(&proxied_url, folder, &PATIENCE).await;
    let ada = server.sign_up("ada").await;
    let probe = OutageProbe::of(&ada, &server.anonymous).await;
    Proxied { server, proxy, probe, url }
}

#[rstest]
#[case::refused(ProxyMode::Refuse)]
#[case::reset(ProxyMode::Reset)]
#[case::swallowed(ProxyMode::BlackHole)]
#[case::too_slow(ProxyMode::Slow(Duration::from_secs(3)))]
#[tokio::test]
async fn network_outage_makes_requests_unavailable_until_it_ends(#[case] mode: ProxyMode) {
    let Proxied { server: _server, proxy, probe, .. } = proxied().await;
    proxy.set(mode);
    // Long enough that every connection, and every attempt to open one, has met the fault.
    for _ in 0..3 {
        probe.assert_outage().await;
    }
    proxy.set(ProxyMode::Pass);
    probe.assert_recovered().await;
}

#[tokio::test]
async fn network_failure_during_a_request_is_unavailable_with_retry_after() {
    for mode in [ProxyMode::Reset, ProxyMode::BlackHole] {
        let Proxied { server: _server, proxy, probe, .. } = proxied().await;
        proxy.set(ProxyMode::Slow(Duration::from_millis(300)));
        let pending = tokio::spawn({
            let script = probe.script.clone();
            async move { within_timeout(script.get("/api/me")).await }
        });
        tokio::time::sleep(Duration::from_millis(150)).await;
        proxy.set(mode);
        let reply = pending.await.unwrap();
        assert_eq!(reply.status, 503, "{}", reply.text);
        assert!(reply.header("retry-after").is_some());
        proxy.set(ProxyMode::Pass);
        probe.assert_recovered().await;
    }
}

#[tokio::test]
async fn slow_network_within_the_timeout_is_no_outage() {
    let Proxied { server: _server, proxy, probe, .. } = proxied().await;
    proxy.set(ProxyMode::Slow(Duration::from_millis(20)));
    probe.assert_recovered().await;
}

#[tokio::test]
async fn half_open_connections_are_discarded_and_replaced() {
    let Proxied { server: _server, proxy, probe, .. } = proxied().await;
    // All connections of the pool.
    for _ in 0..3 {
        probe.assert_recovered().await;
    }
    proxy.set(ProxyMode::HalfOpen);
    // New connections work: at most as many requests fail as there were connections.
    probe.assert_recovered().await;
}

#[tokio::test]
async fn timed_out_queries_do_not_pile_up_in_postgresql() {
    let Proxied { server, proxy: _proxy, probe, url } = proxied().await;
    let portcullis::store::Database::Postgres(postgres) = server.state.store.database() else {
        unreachable!()
    };
    let lock_holder = connect(&url).await;
    lock_holder.batch_execute("BEGIN; LOCK TABLE activity IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND wait_event_type = 'Lock'";
    let waiting = async || lock_holder.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0);
    for _ in 0..3 {
        let requests = (0..4).map(|_| {
            let script = probe.script.clone();
            tokio::spawn(async move { within_timeout(script.get("/api/activity")).await })
        });
        for reply in requests.collect::<Vec<_>>() {
            assert_unavailable(&reply.await.unwrap());
        }
    }
    let most = i64::from(server.state.config.data.database_pool_size);
    within_timeout(async {
        while waiting().await > most {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(postgres.read(async |_| Ok(())).await.is_ok());
    lock_holder.batch_execute("ROLLBACK").await.unwrap();
    probe.assert_recovered().await;
}

#[tokio::test]
async fn interrupted_transaction_releases_its_locks() {
    let Proxied { server, proxy, probe, .. } = proxied().await;
    let portcullis::store::Database::Postgres(postgres) = server.state.store.database() else {
        unreachable!()
    };
    let touch = "UPDATE locks SET name = name";
    let cut_off = postgres.write(async |connection| {
        connection.batch_execute(touch).await?;
        proxy.set(ProxyMode::BlackHole);
        connection.batch_execute("SELECT 1").await
    });
    assert!(within_timeout(cut_off).await.is_err());
    proxy.set(ProxyMode::Pass);
    within_timeout(async {
        while postgres
            .write(async |connection| connection.batch_execute(touch).await)
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    probe.assert_recovered().await;
}

#[tokio::test]
async fn migration_on_an_unresponsive_database_fails_with_a_timeout() {
    let folder = tempfile::TempDir::new().unwrap();
    let (proxy, url) = Proxy::to(&Backend::Postgres.database(folder.path()).await).await;
    proxy.set(ProxyMode::BlackHole);
    let location = Location::parse(&format!("{url}?connect_timeout=1"), None).unwrap();
    let Err(refusal) = within_timeout(Store::migrate(&location, &product().tables())).await else {
        panic!("the migration succeeded")
    };
    assert!(refusal.to_string().contains("did not answer in time"), "{refusal}");
}

#[tokio::test]
async fn read_only_database_still_authenticates_cookies_and_tokens() {
    let Proxied { server, proxy: _proxy, probe, url } = proxied().await;
    let operator = connect(&url).await;
    let name = url::Url::parse(&url).unwrap().path().trim_start_matches('/').to_owned();
    let read_only = async |state: &str| {
        let sql = format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = {state};
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        );
        operator.batch_execute("SET default_transaction_read_only = off").await.unwrap();
        operator.batch_execute(&sql).await.unwrap();
    };
    // After two minutes, a use of either credential is noted again.
    server.advance(portcullis::time::seconds(120));
    read_only("on").await;
    probe.assert_read_only().await;
    let State { last_used, store, .. } = &**server.state;
    assert!(last_used.flush(store).await.is_err(), "there are uses that could not be written");
    let used = async || {
        let tokens = probe.script.get("/api/tokens").await.expect(200);
        tokens["items"][0]["lastUsedAt"].clone()
    };
    assert_eq!(used().await, Value::Null);
    read_only("off").await;
    probe.assert_recovered().await;
    last_used.flush(store).await.unwrap();
    assert!(used().await.is_string(), "uses that were noted during the outage are written");
}

/// Selects the settings that are in effect in a session, ordered by name.
const IN_EFFECT: &str = "(SELECT string_agg(setting, ' ' ORDER BY name DESC) FROM pg_settings WHERE name IN \
     ('synchronous_commit', 'statement_timeout', 'idle_in_transaction_session_timeout'))";

/// Runs a query on each kind of connection that a server has.
macro_rules! on_each_kind {
    ($server:expr, $query:expr) => {{
        let Database::Postgres(postgres) = $server.state.store.database() else { unreachable!() };
        let query = || diesel::select(sql::<Text>($query));
        let answers: [String; 4] = [
            postgres.read(async |conn| query().get_result(conn).await).await.unwrap(),
            postgres.read_list(async |conn| query().get_result(conn).await).await.unwrap(),
            postgres.write(async |conn| query().get_result(conn).await).await.unwrap(),
            postgres.read_epoch(async |conn| query().get_result(conn).await).await.unwrap(),
        ];
        answers
    }};
}

/// Gives the database's owner default settings in this database, which take precedence over those of the
/// database itself.
async fn set_defaults(url: &str, defaults: &[&str]) {
    let name = url::Url::parse(url).unwrap().path().trim_start_matches('/').to_owned();
    let operator = connect(url).await;
    for default in defaults {
        let alter = format!(
            "ALTER DATABASE {name} SET {default}; ALTER ROLE CURRENT_USER IN DATABASE {name} SET {default}"
        );
        operator.batch_execute(&alter).await.unwrap();
    }
}

#[rstest]
#[case::off(["off", "0", "0"], "on 5000 5000")]
#[case::weaker(["local", "3600000", "5001"], "on 5000 5000")]
#[case::each_by_itself(["remote_write", "4999", "0"], "on 4999 5000")]
#[case::stricter(["remote_apply", "1000", "2000"], "remote_apply 1000 2000")]
#[tokio::test]
async fn role_or_database_defaults_do_not_weaken_connection_settings(
    #[case] defaults: [&str; 3],
    #[case] in_effect: &str,
) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = Backend::Postgres.database(folder.path()).await;
    let [commit, statement, idle] = defaults;
    let defaults = [
        format!("synchronous_commit = {commit}"),
        format!("statement_timeout = {statement}"),
        format!("idle_in_transaction_session_timeout = {idle}"),
    ];
    set_defaults(&url, &defaults.each_ref().map(String::as_str)).await;
    let server = Server::on(&url, folder, &[]).await;
    for shown in on_each_kind!(server, IN_EFFECT) {
        assert_eq!(shown, in_effect);
    }
}

/// PostgreSQL always allows a session to be durable, so the test fakes a session that says it is not.
#[tokio::test]
async fn server_does_not_start_if_synchronous_commit_is_off() {
    let home = tempfile::TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let made_up = "CREATE SCHEMA made_up; CREATE VIEW made_up.pg_settings AS
         SELECT name, CASE name WHEN 'synchronous_commit' THEN 'off' ELSE setting END AS setting, source
         FROM pg_catalog.pg_settings";
    connect(&url).await.batch_execute(made_up).await.unwrap();
    set_defaults(&url, &["search_path = made_up, pg_catalog, public"]).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    let refusal = fails(run(home.path(), &settings, &["serve"], ""));
    assert!(refusal.contains("no effect (synchronous_commit = off)"), "{refusal}");
}

#[tokio::test]
async fn postgresql_messages_are_english_if_the_role_may_set_the_language() {
    let folder = tempfile::TempDir::new().unwrap();
    let url = Backend::Postgres.database(folder.path()).await;
    let role = format!("ordinary_{}", std::process::id());
    let operator = connect(&url).await;
    // POSIX stands for any other language: no other needs to be installed.
    let create = format!(
        "CREATE ROLE {role} LOGIN; ALTER ROLE {role} SET lc_messages = 'POSIX';
         GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
    );
    operator.batch_execute(&create).await.unwrap();
    let mut ordinary = url::Url::parse(&url).unwrap();
    ordinary.set_username(&role).unwrap();
    for (grant, language) in [
        ("SELECT 1".to_owned(), "POSIX"),
        (format!("GRANT SET ON PARAMETER lc_messages TO {role}"), "C"),
    ] {
        operator.batch_execute(&grant).await.unwrap();
        let location = Location::parse(ordinary.as_str(), None).unwrap();
        let config = config(ordinary.as_str(), folder.path(), &[]);
        let store =
            Store::open(&location, config.store_options(false, product().tables())).await.unwrap();
        let Database::Postgres(postgres) = store.database() else { unreachable!() };
        let query = || diesel::select(sql::<Text>("current_setting('lc_messages')"));
        let shown: String =
            postgres.read(async |conn| query().get_result(conn).await).await.unwrap();
        assert_eq!(shown, language);
    }
    let drop = format!(
        "REVOKE SET ON PARAMETER lc_messages FROM {role}; DROP OWNED BY {role}; DROP ROLE {role}"
    );
    operator.batch_execute(&drop).await.unwrap();
}
