//! The keys that encrypt TOTP secrets: rotation of the signing secret, and a database that is restored without it.

use std::path::Path;

use portcullis::secrets::SigningKey;
use tempfile::TempDir;

use super::{DISABLE, RECOVERY, VERIFY, challenged};
use crate::support::*;

async fn start(url: &str, secrets: &str) -> Server {
    Server::on(url, TempDir::new().unwrap(), &["--secret", secrets]).await
}

/// A database with a user whose second factor is on, and the secret of the server that has stopped.
async fn enrolled(backend: Backend, folder: &Path) -> (String, String, TestUser, Authenticator) {
    let url = backend.database(folder).await;
    let secret = SigningKey::generate().reveal();
    let server = start(&url, &secret).await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    server.stop().await;
    (url, secret, ada, app)
}

/// Waits until the newest secret encrypts everything.
async fn wait_until_encrypted_again(server: &Server) {
    for _ in 0..500 {
        let keys = select(server, "SELECT DISTINCT user_id AS value FROM two_factor").await;
        assert_eq!(keys.len(), 1);
        let stored = portcullis::store::two_factor::find(&server.state.store, keys[0].clone());
        let stored = stored.await.unwrap().unwrap().encrypted();
        if stored.key == server.state.encryption.ids()[0] {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the secret is not encrypted again");
}

#[apply(on_both_databases)]
async fn rotation_encrypts_secrets_again_and_the_old_signing_secret_can_go(backend: Backend) {
    let folder = TempDir::new().unwrap();
    let (url, old, ada, app) = enrolled(backend, folder.path()).await;
    let new = SigningKey::generate().reveal();
    let server = start(&url, &format!("{new},{old}")).await;
    wait_until_encrypted_again(&server).await;
    server.stop().await;
    let server = start(&url, &new).await;
    server.advance(portcullis::time::seconds(30));
    let body = json!({ "code": app.code(server.now()) });
    challenged(&server, &ada).await.post(VERIFY, body).await.expect(200);
}

#[apply(on_both_databases)]
async fn database_with_its_signing_secret_accepts_codes_after_a_restart(backend: Backend) {
    let folder = TempDir::new().unwrap();
    let (url, secret, ada, app) = enrolled(backend, folder.path()).await;
    let server = start(&url, &secret).await;
    server.advance(portcullis::time::seconds(30));
    let body = json!({ "code": app.code(server.now()) });
    challenged(&server, &ada).await.post(VERIFY, body).await.expect(200);
}

#[apply(on_both_databases)]
async fn database_without_its_signing_secret_accepts_recovery_codes_only(backend: Backend) {
    let folder = TempDir::new().unwrap();
    let (url, _, mut ada, app) = enrolled(backend, folder.path()).await;
    let server = start(&url, &SigningKey::generate().reveal()).await;
    server.advance(portcullis::time::seconds(30));
    let waiting = challenged(&server, &ada).await;
    let body = json!({ "code": app.code(server.now()) });
    waiting.post(VERIFY, body).await.assert_problem(409, "totp_unreadable");
    let body = json!({ "code": app.recovery_codes[0] });
    let reply = waiting.post(RECOVERY, body).await;
    ada.browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    reply.expect(200);
    // The user sets it up again.
    let reply = ada.browser.post(DISABLE, json!({ "password": PASSWORD })).await;
    ada.browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    reply.expect(200);
    ada.enable_two_factor(&server).await;
}

#[apply(on_both_databases)]
async fn startup_reports_users_whose_secret_no_accepted_signing_secret_decrypts(backend: Backend) {
    let folder = TempDir::new().unwrap();
    let (url, secret, ada, _) = enrolled(backend, folder.path()).await;
    let other = SigningKey::generate().reveal();
    for (secrets, reports) in [(other.clone(), true), (format!("{other},{secret}"), false)] {
        let home = TempDir::new().unwrap();
        let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", &secrets)];
        let server = ServerProcess::start_logging(home.path(), &settings);
        let report = server.banner.contains("decrypts the TOTP secrets of 1 user,");
        assert_eq!(report, reports, "{}", server.banner);
        assert_eq!(server.banner.contains(&ada.id), reports, "{}", server.banner);
    }
}
