//! How to reach a PostgreSQL server: the URL, the timeouts, and TLS if the URL asks for it.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::AsyncPgConnection;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres::{
    config::{Host, SslMode},
    tls::TlsStream,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{error_text::describe, url::ConnectionUrl};
use crate::private_files;

/// The connection timeout for each host, if the URL does not set one.
const CONNECTING: Duration = Duration::from_secs(5);

/// The name of this program in `pg_stat_activity`, if the URL does not set one.
const APPLICATION_NAME: &str = concat!("portcullis ", env!("CARGO_PKG_VERSION"));

/// How to reach the database.
#[derive(Clone)]
pub struct Target {
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
}

impl Target {
    /// Parses a connection URL. `sslmode=require` means TLS with a verified certificate, as `verify-full` does.
    /// `authority` is a file of certificate authorities, and takes precedence over the URL's.
    ///
    /// # Errors
    /// What is wrong with the URL or the certificate file; never the URL itself, which may contain a password.
    pub fn parse(url: &str, authority: Option<PathBuf>) -> Result<Self, String> {
        let ConnectionUrl { mut config, authority: named } =
            ConnectionUrl::parse(url).map_err(|reason| format!("DATABASE_URL: {reason}"))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECTING);
        }
        if config.get_application_name().is_none() {
            config.application_name(APPLICATION_NAME);
        }
        let tls = if config.get_ssl_mode() == SslMode::Require {
            Some(MakeRustlsConnect::new(tls_config(authority.or(named))?))
        } else {
            None
        };
        Ok(Self { config, tls })
    }

    /// Whether the password and the data would cross a network unencrypted.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let local = |host: &Host| match host {
            Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
            Host::Unix(_) => true,
        };
        self.tls.is_none() && !self.config.get_hosts().iter().all(local)
    }

    /// The host and database, for the start-up banner: no user, no password.
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
    /// `connect_timeout` limits only the connection to each host; a host that accepts it and then says nothing would
    /// occupy a place in the pool for ever.
    ///
    /// # Errors
    /// When the server cannot be reached, rejects the connection, or does not answer in time.
    pub async fn connect(&self) -> ConnectionResult<AsyncPgConnection> {
        tokio::time::timeout(self.timeout(), self.open()).await.unwrap_or_else(|_| {
            Err(ConnectionError::BadConnection("PostgreSQL did not answer in time".to_owned()))
        })
    }

    /// The connection timeout of all hosts together.
    pub(super) fn timeout(&self) -> Duration {
        let hosts = self.config.get_hosts().len().max(1);
        let each = self.config.get_connect_timeout().copied().unwrap_or(CONNECTING);
        each.saturating_mul(hosts.try_into().unwrap_or(u32::MAX))
    }

    /// The settings that the URL asks the server to begin a session with, in the syntax of the server's command line.
    pub(super) fn options(&self) -> &str {
        self.config.get_options().unwrap_or_default()
    }

    /// Opens a connection without changing any setting.
    pub(super) async fn connect_plainly(&self) -> Result<tokio_postgres::Client, String> {
        let opening = async {
            if let Some(tls) = self.tls.clone() {
                let (client, driver) = self.config.connect(tls).await?;
                tokio::spawn(driver);
                Ok::<_, tokio_postgres::Error>(client)
            } else {
                let (client, driver) = self.config.connect(tokio_postgres::NoTls).await?;
                tokio::spawn(driver);
                Ok(client)
            }
        };
        match tokio::time::timeout(self.timeout(), opening).await {
            Ok(opened) => opened.map_err(|error| describe(&error)),
            Err(_) => Err("PostgreSQL did not answer in time".to_owned()),
        }
    }

    async fn open(&self) -> ConnectionResult<AsyncPgConnection> {
        if let Some(tls) = self.tls.clone() {
            let (client, driver) = self.config.connect(tls).await.map_err(|error| bad(&error))?;
            with_clean_session(client, driver).await
        } else {
            let (client, driver) =
                self.config.connect(tokio_postgres::NoTls).await.map_err(|error| bad(&error))?;
            with_clean_session(client, driver).await
        }
    }
}

fn bad(error: &tokio_postgres::Error) -> ConnectionError {
    ConnectionError::BadConnection(describe(error))
}

/// Resets the session of a connection, and only then hands the connection to diesel, which prepares statements at once:
/// an earlier connection may have left statements of the same names.
async fn with_clean_session<T>(
    client: tokio_postgres::Client,
    mut driver: tokio_postgres::Connection<tokio_postgres::Socket, T>,
) -> ConnectionResult<AsyncPgConnection>
where
    T: TlsStream + Unpin + Send + 'static,
{
    let settings = format!("{RESET}; {DURABLE}");
    tokio::select! {
        set = client.batch_execute(&settings) => set.map_err(|error| bad(&error))?,
        ended = &mut driver => {
            ended.map_err(|error| bad(&error))?;
            return Err(ConnectionError::BadConnection("PostgreSQL closed the connection".to_owned()));
        }
    }
    AsyncPgConnection::try_from_client_and_connection(client, driver).await
}

/// Undoes what an earlier connection left in a session: a pool in session mode that does not reset its sessions
/// (PgBouncer with an empty `server_reset_query`) passes it on. `DISCARD ALL` would also undo the pool's own settings.
const RESET: &str = "DEALLOCATE ALL; SELECT pg_advisory_unlock_all(); \
     RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_seqscan; RESET random_page_cost; \
     RESET plan_cache_mode; RESET statement_timeout; RESET lock_timeout; \
     RESET idle_in_transaction_session_timeout; RESET synchronous_commit";

/// Makes a commit durable before it is acknowledged, whatever the server's default: an acknowledged revocation must
/// survive a crash. A stricter setting stays.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')";

fn tls_config(authority: Option<PathBuf>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let Some(file) = authority else {
        let builder = builder.with_platform_verifier().map_err(|error| error.to_string())?;
        return Ok(builder.with_no_client_auth());
    };
    let fail = |error: &dyn std::fmt::Display| {
        format!("the certificate authorities for PostgreSQL in {}: {error}", file.display())
    };
    let mut roots = RootCertStore::empty();
    let pem = fs::read(&file).map_err(|error| fail(&private_files::explain(&file, error)))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fail(&error))?;
        roots.add(certificate).map_err(|error| fail(&error))?;
    }
    if roots.is_empty() {
        return Err(fail(&"no certificate in this file"));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::parse(url, None).unwrap()
    }

    #[test]
    fn connection_without_tls_is_exposed_unless_the_host_is_local() {
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
    fn description_names_only_host_and_database() {
        let described = target("postgres://u:secret@db.example.com:5433/app").describe();
        assert_eq!(described, "PostgreSQL app at db.example.com");
        assert_eq!(target("postgres:///?user=u").describe(), "PostgreSQL (default) at localhost");
    }
}
