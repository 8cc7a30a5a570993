//! A password is the same whichever Unicode normal form the client sends.

use argon2::{Argon2, PasswordHasher as _, password_hash::phc};
use portcullis::store::accounts;

use super::*;

const COMPOSED: &str = "Z\u{fc}rich caf\u{e9} \u{e0} neuf";
const DECOMPOSED: &str = "Zu\u{308}rich cafe\u{301} a\u{300} neuf";
const NEW_COMPOSED: &str = "cr\u{e8}me br\u{fb}l\u{e9}e";
const NEW_DECOMPOSED: &str = "cre\u{300}me bru\u{302}le\u{301}e";

async fn ada(server: &Server, password: &str) -> TestUser {
    let reply =
        server.anonymous.post(SIGN_UP, with_field(sign_up_body("ada"), "password", password)).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    let user = reply.expect(200)["user"].clone();
    let [id, email] = ["id", "email"].map(|field| user[field].as_str().unwrap().to_owned());
    TestUser { id, email, browser }
}

#[apply(on_both_databases)]
async fn password_in_composed_or_decomposed_unicode_works_in_every_operation(backend: Backend) {
    let server = backend.start().await;
    let ada = ada(&server, COMPOSED).await;
    for password in [COMPOSED, DECOMPOSED] {
        sign_in_with(&server, &ada.email, password).await.expect(200);
    }
    let verify = json!({ "password": DECOMPOSED });
    let reply = ada.browser.post(VERIFY_PASSWORD, verify).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    reply.expect(200);

    change_password(&browser, DECOMPOSED, NEW_DECOMPOSED).await.expect(200);
    sign_in_with(&server, &ada.email, NEW_COMPOSED).await.expect(200);
    sign_in_with(&server, &ada.email, COMPOSED)
        .await
        .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");

    let link = reset_link(&server, &ada.email).await;
    reset_password(&server, &link, DECOMPOSED).await.expect(200);
    let reply = sign_in_with(&server, &ada.email, COMPOSED).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    reply.expect(200);
    browser.post(DELETE_USER, json!({ "password": DECOMPOSED })).await.expect(200);
    sign_in_with(&server, &ada.email, COMPOSED)
        .await
        .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
}

#[apply(on_both_databases)]
async fn sign_in_rehashes_a_password_hashed_in_decomposed_unicode_once(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let entered: phc::PasswordHash =
        Argon2::default().hash_password(DECOMPOSED.as_bytes()).unwrap();
    let entered = entered.to_string();
    set_password_hash(&server, &ada, &entered).await;
    let stored = async || {
        let found = accounts::of_user(&server.state.store, ada.id.clone()).await.unwrap();
        found.unwrap().hash.as_str().to_owned()
    };

    let wrong = format!("{DECOMPOSED}x");
    sign_in_with(&server, &ada.email, &wrong)
        .await
        .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    assert_eq!(stored().await, entered, "no hash is replaced before a correct password");
    ada.browser.post(VERIFY_PASSWORD, json!({ "password": DECOMPOSED })).await.expect(200);
    sign_in_with(&server, &ada.email, DECOMPOSED).await.expect(200);
    let renewed = stored().await;
    assert_ne!(renewed, entered);
    for password in [COMPOSED, DECOMPOSED] {
        sign_in_with(&server, &ada.email, password).await.expect(200);
    }
    assert_eq!(stored().await, renewed, "the hash is replaced only once");
}

/// Nearly all the time of a response is hashing, so its length must not show which emails have an account
/// (enumeration).
#[apply(on_both_databases)]
async fn sign_in_with_wrong_password_hashes_in_constant_time_for_any_email(backend: Backend) {
    let server = backend.start().await;
    let ada = ada(&server, COMPOSED).await;
    for (password, hashes) in [(NEW_COMPOSED, 1), (NEW_DECOMPOSED, 2)] {
        for email in [ada.email.as_str(), "unknown@example.com"] {
            let before = server.state.hashing.made();
            let reply = sign_in_with(&server, email, password).await;
            reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
            assert_eq!(server.state.hashing.made() - before, hashes, "{email} {password}");
        }
    }
}

#[apply(on_both_databases)]
async fn password_length_limits_count_the_composed_unicode_form(backend: Backend) {
    let server = backend.start().await;
    let sign_up = async |password: &str| {
        server.anonymous.post(SIGN_UP, with_field(sign_up_body("ada"), "password", password)).await
    };
    // Twelve code points as they are sent, seven when composed.
    sign_up("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}78")
        .await
        .assert_problem(400, "PASSWORD_TOO_SHORT");
    sign_up(&"e\u{301}".repeat(129)).await.assert_problem(400, "PASSWORD_TOO_LONG");
    sign_up(&"e\u{301}".repeat(128)).await.expect(200);
    sign_in_with(&server, "ada@example.com", &"\u{e9}".repeat(128)).await.expect(200);
}
