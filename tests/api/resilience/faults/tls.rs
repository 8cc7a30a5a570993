//! TLS errors on the way to PostgreSQL are reported by every command, at once, and not as a timeout.

use std::{path::Path, sync::Arc};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, pem::PemObject},
    },
};

use crate::support::*;

const COMMANDS: [&[&str]; 4] =
    [&["serve"], &["serve", "--no-migrate"], &["migrate"], &["user", "list"]];

/// Starts the handshake of a PostgreSQL server, with TLS and this certificate or without TLS, and returns its
/// port.
async fn postgresql(certificate: Option<&(CertificateParams, KeyPair)>) -> u16 {
    let acceptor = certificate.map(|(params, key)| {
        let certificate = params.self_signed(key).unwrap().der().clone();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap()))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // SSLRequest.
                let mut request = [0; 8];
                client.read_exact(&mut request).await.unwrap();
                match acceptor {
                    Some(acceptor) => {
                        client.write_all(b"S").await.unwrap();
                        let _ = acceptor.accept(client).await;
                    }
                    None => client.write_all(b"N").await.unwrap(),
                }
            });
        }
    });
    port
}

fn certificate(host: &str, until: i32) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    (params, KeyPair::generate().unwrap())
}

/// Runs each command against this server, where this certificate is trusted, and expects this error.
async fn refuses(
    home: &Path,
    port: u16,
    trusted: Option<&(CertificateParams, KeyPair)>,
    says: &[&str],
) {
    let url = format!("postgres://app:hunter2@127.0.0.1:{port}/app?sslmode=verify-full");
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let mut settings = vec![("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    if let Some((params, key)) = trusted {
        std::fs::write(home.join("ca.pem"), params.self_signed(key).unwrap().pem()).unwrap();
        settings.push(("PORTCULLIS_DATABASE_CA_FILE", "ca.pem"));
    }
    for command in COMMANDS {
        let (home, settings) = (home.to_owned(), settings.clone());
        let settings: Vec<(String, String)> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let refusal = tokio::task::spawn_blocking(move || {
            let settings: Vec<(&str, &str)> =
                settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            fails(run(&home, &settings, command, ""))
        })
        .await
        .unwrap();
        for part in says {
            assert!(refusal.contains(part), "{command:?}: {part}: {refusal}");
        }
        assert!(!refusal.contains("did not answer") && !refusal.contains("hunter2"), "{refusal}");
        assert_eq!(refusal.lines().count(), 1, "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_tls_certificate_is_reported_by_the_server_and_every_command() {
    let home = TempDir::new().unwrap();
    let (good, other) = (certificate("127.0.0.1", 2090), certificate("db.example.com", 2090));
    let old = certificate("127.0.0.1", 2021);

    let port = postgresql(Some(&good)).await;
    let unknown = ["unknown authority", "PORTCULLIS_DATABASE_CA_FILE"];
    refuses(home.path(), port, Some(&other), &unknown).await;

    let port = postgresql(Some(&other)).await;
    refuses(home.path(), port, Some(&other), &["another host name"]).await;

    let port = postgresql(Some(&old)).await;
    refuses(home.path(), port, Some(&old), &["has expired"]).await;

    let port = postgresql(None).await;
    refuses(home.path(), port, Some(&good), &["server does not support TLS"]).await;
}
