//! Wrong codes are counted for the user, over all sessions and instances.

use portcullis::time::seconds;
use tempfile::TempDir;

use super::{GENERATE, RECOVERY, VERIFY};
use crate::support::*;

const THREE: [&str; 2] = ["--max-failed-logins", "3"];

#[apply(on_both_databases)]
async fn wrong_codes_of_all_kinds_and_sessions_are_counted_together(backend: Backend) {
    let server = backend.start_with(&THREE).await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let wrong = app.wrong_code(server.now());
    server.advance(seconds(15 * 60));
    ada.browser.post(VERIFY, json!({ "code": wrong })).await.assert_problem(401, "INVALID_CODE");
    let recovery = json!({ "code": "aaaaa-aaaaa" });
    ada.browser.post(RECOVERY, recovery).await.assert_problem(401, "INVALID_BACKUP_CODE");
    let body = json!({ "password": PASSWORD, "code": wrong });
    ada.browser.post(GENERATE, body).await.assert_problem(401, "INVALID_CODE");
    let code = json!({ "code": app.code(server.now()) });
    let throttled = ada.browser.post(VERIFY, code).await;
    assert_eq!(throttled.header("retry-after"), Some("60"));
    throttled.assert_problem(429, "ACCOUNT_TEMPORARILY_LOCKED");
    // The password neither is throttled by wrong codes nor resets their count.
    ada.browser = ada.browser.with_password_entered().await;
    let code = json!({ "code": app.code(server.now()) });
    ada.browser.post(VERIFY, code).await.assert_problem(429, "ACCOUNT_TEMPORARILY_LOCKED");
    server.advance(seconds(60));
    let code = json!({ "code": app.code(server.now()) });
    ada.browser.post(VERIFY, code).await.expect(200);
}

#[tokio::test]
async fn wrong_codes_are_counted_over_all_instances() {
    let folder = TempDir::new().unwrap();
    let url = Backend::Postgres.database(folder.path()).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = ["--max-failed-logins", "3", "--secret", &secret];
    let one = Server::on(&url, folder, &settings).await;
    let other = Server::on(&url, TempDir::new().unwrap(), &settings).await;
    let mut ada = one.sign_up("ada").await;
    let app = ada.enable_two_factor(&one).await;
    let cookie = ada.browser.cookie.clone().unwrap();
    let elsewhere = other.anonymous.with_cookie(&cookie);
    let wrong = json!({ "code": app.wrong_code(one.now()) });
    for browser in [&ada.browser, &elsewhere, &ada.browser] {
        browser.post(VERIFY, wrong.clone()).await.assert_problem(401, "INVALID_CODE");
    }
    elsewhere.post(VERIFY, wrong).await.assert_problem(429, "ACCOUNT_TEMPORARILY_LOCKED");
}
