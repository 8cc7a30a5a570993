//! PostgreSQL through a pool of connections, with bounded waits and TLS where the URL asks for it.

mod pipeline;

use std::{path::PathBuf, sync::Arc, time::Duration};

use diesel::{ConnectionError, ConnectionResult, QueryResult, result::Error as QueryError};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, SimpleAsyncConnection, TransactionManager,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, PoolError, RecyclingMethod, bb8,
    },
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Error, Load, lane};

pub(super) use pipeline::Pipeline;

/// How long a host may take to let us in, where the URL does not say it.
const CONNECTING: Duration = Duration::from_secs(5);

/// A connection from the pool.
pub type Connection = AsyncPgConnection;

/// How to reach the database.
#[derive(Clone)]
pub struct Target {
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
}

impl Target {
    /// Reads a connection URL; `sslmode=require` means TLS with a verified certificate.
    ///
    /// # Errors
    /// What is wrong with the URL or the certificate file; never the URL itself, which may hold a password.
    pub fn parse(url: &str, authority: Option<PathBuf>) -> Result<Self, String> {
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|error: tokio_postgres::Error| format!("DATABASE_URL: {error}"))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECTING);
        }
        if config.get_application_name().is_none() {
            config.application_name("portcullis");
        }
        let tls = if config.get_ssl_mode() == SslMode::Require {
            Some(MakeRustlsConnect::new(tls_config(authority)?))
        } else {
            config.ssl_mode(SslMode::Disable);
            None
        };
        Ok(Self { config, tls })
    }

    /// Where the password and the data would cross a network in clear.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let local = |host: &Host| match host {
            Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
            Host::Unix(_) => true,
        };
        self.tls.is_none() && !self.config.get_hosts().iter().all(local)
    }

    /// Host and database, for a banner: no user, no password.
    #[must_use]
    pub fn describe(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        format!("PostgreSQL {} at {host}", self.config.get_dbname().unwrap_or("(default)"))
    }

    /// Opens one connection outside any pool.
    ///
    /// `connect_timeout` bounds only the way to each host; a host that accepts and says nothing would
    /// hold a place in the pool for ever.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or does not answer in time.
    pub async fn connect(&self) -> ConnectionResult<AsyncPgConnection> {
        let hosts = self.config.get_hosts().len().max(1);
        let each = self.config.get_connect_timeout().copied().unwrap_or(CONNECTING);
        let patience = each.saturating_mul(hosts.try_into().unwrap_or(u32::MAX));
        tokio::time::timeout(patience, self.open()).await.unwrap_or_else(|_| {
            Err(ConnectionError::BadConnection("PostgreSQL did not answer in time".to_owned()))
        })
    }

    async fn open(&self) -> ConnectionResult<AsyncPgConnection> {
        let bad = |error: tokio_postgres::Error| ConnectionError::BadConnection(describe(&error));
        let mut connection = if let Some(tls) = self.tls.clone() {
            let (client, driver) = self.config.connect(tls).await.map_err(bad)?;
            AsyncPgConnection::try_from_client_and_connection(client, driver).await?
        } else {
            let (client, driver) = self.config.connect(tokio_postgres::NoTls).await.map_err(bad)?;
            AsyncPgConnection::try_from_client_and_connection(client, driver).await?
        };
        connection
            .batch_execute(DURABLE)
            .await
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }
}

/// An acknowledged lock-out must survive a crash, whatever the server's default; a stricter one stays.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')";

/// What nobody waits for any more must end at the server too, or it would pile up there behind a lock,
/// and a transaction whose client was cut off would go on holding its own. A stricter limit stays.
fn limits(patience: Duration) -> String {
    let limit = patience.as_millis();
    format!(
        "SELECT set_config(name, '{limit}', false) FROM pg_settings \
         WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout') \
         AND setting::bigint NOT BETWEEN 1 AND {limit}"
    )
}

fn describe(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn tls_config(authority: Option<PathBuf>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let Some(file) = authority else {
        let builder = builder.with_platform_verifier().map_err(|error| error.to_string())?;
        return Ok(builder.with_no_client_auth());
    };
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&file).map_err(|error| fail(&error))? {
        let certificate = certificate.map_err(|error| fail(&error))?;
        roots.add(certificate).map_err(|error| fail(&error))?;
    }
    if roots.is_empty() {
        return Err(fail(&"no certificate in this file"));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

type Pool = bb8::Pool<AsyncPgConnection>;

/// Keys are found by their indexes, however few there are, and the statement is planned once: left to itself,
/// PostgreSQL plans it anew for each number of keys, and reads small tables whole.
const BY_INDEX: &str = "SELECT set_config(name, 'off', false) FROM pg_settings \
     WHERE name IN ('enable_hashjoin', 'enable_mergejoin', 'enable_seqscan'); \
     SELECT set_config('plan_cache_mode', 'force_generic_plan', false)";

/// A pool of connections, and beside it one for each worker and one for the epoch.
pub struct Postgres {
    pool: Pool,
    lanes: Vec<Arc<Pipeline>>,
    watch: Pipeline,
    patience: Duration,
}

impl Postgres {
    /// Opens the pool: at most `size` connections, each answer within `patience`.
    ///
    /// # Errors
    /// None as yet: connections are made when they are needed.
    pub async fn open(
        target: Target,
        size: u32,
        workers: usize,
        patience: Duration,
    ) -> Result<Self, Error> {
        let mut config = ManagerConfig::default();
        config.custom_setup = Box::new(move |_| {
            let target = target.clone();
            Box::pin(async move {
                let mut connection = target.connect().await?;
                connection
                    .batch_execute(&limits(patience))
                    .await
                    .map_err(ConnectionError::CouldntSetupConfiguration)?;
                Ok(connection)
            })
        });
        // bb8's ping at each check-out costs a quarter of the throughput. A connection that died is
        // noticed when it is used, and `read` and `write` then take a fresh one, once.
        config.recycling_method = RecyclingMethod::Fast;
        let manager = AsyncDieselConnectionManager::new_with_config("", config);
        let pool = bb8::Pool::builder()
            .max_size(size)
            .test_on_check_out(false)
            .connection_timeout(patience)
            .error_sink(Box::new(LogConnectionErrors))
            .build(manager)
            .await
            .map_err(|error: PoolError| Error::unavailable(error))?;
        let lane = || Arc::new(Pipeline::new(pool.clone(), patience, BY_INDEX));
        let lanes = std::iter::repeat_with(lane).take(workers).collect();
        let watch = Pipeline::new(pool.clone(), patience, "");
        Ok(Self { pool, lanes, watch, patience })
    }

    /// The worker's own connection, for single statements that read, find by an index, and finish at once.
    ///
    /// # Errors
    /// When there is none at all.
    pub(super) fn lane(&self) -> Result<&Arc<Pipeline>, Error> {
        lane::own(&self.lanes)
    }

    /// Runs one statement that reads, where no other statement is ever before it.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn watch<T>(
        &self,
        body: impl AsyncFn(&mut &Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        let body = &body;
        self.watch.ask(|connection| async move { body(&mut &*connection).await }).await
    }

    /// Runs a body on a connection, outside any transaction: one statement sees one state.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no connection, or no answer in time.
    pub async fn read<T>(
        &self,
        mut body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        in_time(self.patience, async {
            let mut connection = self.pool.get().await.map_err(Error::unavailable)?;
            match Asked::of(&mut connection).answer(&mut body).await {
                Err(error) if is_lost(&error) => {
                    drop(connection);
                    body(&mut fresh(&self.pool).await?).await.map_err(Error::from)
                }
                result => result.map_err(Error::from),
            }
        })
        .await
    }

    /// Runs a body in one transaction, READ COMMITTED. What must not interleave locks a row first.
    ///
    /// A connection is replaced before anything but BEGIN was sent: from then on, nobody can know what
    /// became of it. A victim of a deadlock is known to be rolled back, and runs again.
    ///
    /// # Errors
    /// As for [`read`](Self::read), and what the body returned, after a rollback.
    pub async fn write<T>(
        &self,
        mut body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        in_time(self.patience, async {
            let mut pooled = self.pool.get().await.map_err(Error::unavailable)?;
            let result = if begin(&mut pooled).await.is_ok() {
                finish(&mut pooled, &mut body).await
            } else {
                // Whatever BEGIN failed of, nothing was done, and this connection is no good.
                let mut fresh = fresh(&self.pool).await?;
                begin(&mut fresh).await?;
                finish(&mut fresh, &mut body).await
            };
            match result {
                Err(error) if is_deadlock(&error) => {
                    let mut fresh = fresh(&self.pool).await?;
                    begin(&mut fresh).await?;
                    finish(&mut fresh, &mut body).await.map_err(Error::from)
                }
                result => result.map_err(Error::from),
            }
        })
        .await
    }

    /// As [`write`](Self::write), for what changes the epoch: its triggers do that, at the commit.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn lock_out<T>(
        &self,
        body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        self.write(body).await
    }

    /// How much the pool has to do just now.
    #[must_use]
    pub fn load(&self) -> Load {
        let state = self.pool.state();
        let waited = state.statistics;
        Load {
            connections: state.connections.into(),
            idle: state.idle_connections.into(),
            waits: waited.get_waited,
            timeouts: waited.get_timed_out,
            wait_micros: u64::try_from(waited.get_wait_time.as_micros()).unwrap_or(u64::MAX),
            ..Load::default()
        }
    }
}

async fn fresh(pool: &Pool) -> Result<Connection, Error> {
    pool.dedicated_connection().await.map_err(Error::unavailable)
}

async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(patience, work)
        .await
        .unwrap_or_else(|_| Err(Error::unavailable("PostgreSQL did not answer in time")))
}

/// A connection that is given up before its answer came goes no further than this: whoever took it from
/// the pool would first wait for that answer. In a transaction Diesel sees to it.
struct Asked<'a> {
    connection: &'a mut Connection,
    answered: bool,
}

impl<'a> Asked<'a> {
    fn of(connection: &'a mut Connection) -> Self {
        Self { connection, answered: false }
    }

    async fn answer<T>(
        mut self,
        body: &mut impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> QueryResult<T> {
        let result = body(self.connection).await;
        self.answered = true;
        result
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.answered {
            // The pool lets go of a connection in this state.
            AnsiTransactionManager::transaction_manager_status_mut(self.connection).set_in_error();
        }
    }
}

/// Without it the log would say that there was no connection in time, and never why.
#[derive(Debug, Clone, Copy)]
struct LogConnectionErrors;

impl ::bb8::ErrorSink<PoolError> for LogConnectionErrors {
    fn sink(&self, error: PoolError) {
        tracing::warn!(%error, "a connection to PostgreSQL failed");
    }

    fn boxed_clone(&self) -> Box<dyn ::bb8::ErrorSink<PoolError>> {
        Box::new(*self)
    }
}

async fn begin(connection: &mut Connection) -> QueryResult<()> {
    AnsiTransactionManager::begin_transaction_sql(
        connection,
        "BEGIN ISOLATION LEVEL READ COMMITTED",
    )
    .await
}

async fn finish<T>(
    connection: &mut Connection,
    body: &mut impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    match body(connection).await {
        Ok(value) => {
            AnsiTransactionManager::commit_transaction(connection).await?;
            Ok(value)
        }
        Err(error) => {
            // The first error is the one to tell; a connection that cannot even roll back is closed.
            let _ = AnsiTransactionManager::rollback_transaction(connection).await;
            Err(error)
        }
    }
}

/// Whether the connection, not the statement, is what failed.
///
/// Diesel passes on no SQLSTATE, so this and [`is_deadlock`] know the messages in English; in another
/// language of the server's a retry is missed, and the caller gets the 503 that asks them to.
fn is_lost(error: &QueryError) -> bool {
    use diesel::result::DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    match error {
        QueryError::DatabaseError(ClosedConnection | UnableToSendCommand, _)
        | QueryError::BrokenTransactionManager => true,
        // PostgreSQL's class 57P: the server is shutting down, or was told to end us.
        QueryError::DatabaseError(_, info) => info.message().starts_with("terminating connection"),
        _ => false,
    }
}

/// Whether PostgreSQL chose this transaction to end a deadlock (40P01): Diesel has no kind for it.
fn is_deadlock(error: &QueryError) -> bool {
    matches!(error, QueryError::DatabaseError(_, info) if info.message() == "deadlock detected")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::parse(url, None).unwrap()
    }

    #[test]
    fn what_crosses_a_network_in_clear_is_exposed() {
        for own in [
            "postgres://u:secret@localhost/app",
            "postgres://u:secret@127.0.0.1/app",
            "postgres://u:secret@[::1]/app",
            "postgres://u:secret@%2Fvar%2Frun%2Fpostgresql/app",
            "postgres://u:secret@db.example.com/app?sslmode=require",
        ] {
            assert!(!target(own).is_exposed(), "{own}");
        }
        for open in [
            "postgres://u:secret@db.example.com/app",
            "postgres://u:secret@db.example.com/app?sslmode=prefer",
            "postgres://u:secret@localhost,db.example.com/app",
        ] {
            assert!(target(open).is_exposed(), "{open}");
        }
    }

    #[test]
    fn a_description_names_host_and_database_and_no_more() {
        let described = target("postgres://u:secret@db.example.com:5433/app").describe();
        assert_eq!(described, "PostgreSQL app at db.example.com");
        assert_eq!(target("postgres:///?user=u").describe(), "PostgreSQL (default) at localhost");
    }
}
