use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version, password_hash::phc};
use portcullis::store::accounts;

use super::*;

fn attempt(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

#[apply(on_both_databases)]
async fn failed_sign_in_is_unauthorized_in_constant_time_without_enumeration(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    server.sign_up("ada").await;
    let locked = server.sign_up("locked").await;
    deactivate(&admin, &locked).await;
    let body = json!({ "name": "grace", "email": "grace@example.com" });
    admin.browser.post("/api/admin/users", body).await.expect(201);

    let wrong = "not the password";
    let first = server.anonymous.post(SIGN_IN, attempt("ada@example.com", wrong)).await;
    for (email, password) in [
        ("ada@example.com", wrong),
        ("unknown@example.com", wrong),
        ("unknown@example.com", PASSWORD),
        ("locked@example.com", wrong),
        ("grace@example.com", wrong),
        ("grace@example.com", ""),
        ("ada@example.com", ""),
        ("ada@example.com", "12345678"),
    ] {
        let hashed = server.state.hashing.made();
        let other = server.anonymous.post(SIGN_IN, attempt(email, password)).await;
        // Nearly all the time of a response is one hash, so every failure must take exactly one.
        assert_eq!(server.state.hashing.made() - hashed, 1, "{email} {password:?}");
        assert_eq!(without_request_id(&other), without_request_id(&first), "{email} {password:?}");
        assert_eq!(other.text.len(), first.text.len());
    }
    assert_eq!(first.header("set-cookie"), None);
    assert_eq!(first.header("www-authenticate"), Some("Bearer"));
    first.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
}

#[apply(on_both_databases)]
async fn sign_in_by_deactivated_user_is_forbidden_and_starts_no_session(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    deactivate(&admin, &ada).await;
    let body = attempt(&ada.email, PASSWORD);
    let reply = server.anonymous.post(SIGN_IN, body.clone()).await;
    assert_eq!(reply.header("set-cookie"), None);
    reply.assert_problem(403, "USER_DEACTIVATED");
    let path = format!("/api/admin/users/{}/sessions", ada.id);
    let sessions = admin.browser.get(&path).await.expect(200);
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "no session was created");
    reactivate(&admin, &ada).await;
    server.anonymous.post(SIGN_IN, body).await.expect(200);
}

#[apply(on_both_databases)]
async fn sign_in_with_invalid_field_fails_validation(backend: Backend) {
    let server = backend.start().await;
    for email in ["", "ada", "ada@", "ada@example.com\0", "ada@exämple.com", "' OR 1=1 --"] {
        server
            .anonymous
            .post(SIGN_IN, attempt(email, PASSWORD))
            .await
            .assert_problem(400, "INVALID_EMAIL");
    }
    for password in ["x".repeat(129), "🦀".repeat(129), "x".repeat(60_000)] {
        let body = attempt("ada@example.com", &password);
        server.anonymous.post(SIGN_IN, body).await.assert_problem(400, "PASSWORD_TOO_LONG");
    }
    let unfit = [
        ("email", json!(1)),
        ("email", json!({ "$ne": null })),
        ("password", Value::Null),
        ("password", json!([PASSWORD])),
        ("rememberMe", json!(0)),
    ];
    for (field, value) in unfit {
        let body = with_field(attempt("ada@example.com", PASSWORD), field, value);
        let problem =
            server.anonymous.post(SIGN_IN, body).await.assert_problem(400, "VALIDATION_ERROR");
        let message = problem["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("[body.{field}] ")), "{message}");
        assert!(!message.contains(PASSWORD), "{message}");
    }
    post_raw(&server.anonymous, SIGN_IN, "{").await.assert_problem(400, "BAD_REQUEST");
}

#[apply(on_both_databases)]
async fn sign_in_with_form_encoding_is_unsupported_media_type(backend: Backend) {
    let server = backend.start().await;
    server.sign_up("ada").await;
    let form = server
        .anonymous
        .request(Method::POST, SIGN_IN)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("email=ada%40example.com&password=correct+horse+battery+staple");
    Reply::of(form).await.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
}

#[apply(on_both_databases)]
async fn sign_in_with_token_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read", "write"]).await;
    script
        .post(SIGN_IN, attempt(&ada.email, PASSWORD))
        .await
        .assert_problem(403, "cookie_required");
}

#[apply(on_both_databases)]
async fn sign_in_with_foreign_callback_url_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let port = server.anonymous.base.rsplit(':').next().unwrap();
    for url in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/%2fevil.example",
        "/\tevil",
        "welcome",
        "javascript:alert(1)",
        "http://127.0.0.1:1/",
        &format!("http://127.0.0.1:{port}@evil.example/"),
        &format!("http://evil.example#@127.0.0.1:{port}/"),
    ] {
        let body = with_field(attempt(&ada.email, PASSWORD), "callbackURL", url);
        let reply = server.anonymous.post(SIGN_IN, body).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(403, "INVALID_CALLBACK_URL");
    }
}

#[apply(on_both_databases)]
async fn sign_in_with_former_password_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let new = "a better one than before";
    let hash = server.state.hashing.hash(new_password(new)).await.unwrap();
    set_password_hash(&server, &ada, hash.as_str()).await;
    server
        .anonymous
        .post(SIGN_IN, attempt(&ada.email, PASSWORD))
        .await
        .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    server.anonymous.post(SIGN_IN, attempt(&ada.email, new)).await.expect(200);
}

#[apply(on_both_databases)]
async fn sign_in_by_user_without_password_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let sql = format!("UPDATE accounts SET password_hash = NULL WHERE user_id = '{}'", ada.id);
    execute(&server, &sql).await;
    for password in [PASSWORD, ""] {
        server
            .anonymous
            .post(SIGN_IN, attempt(&ada.email, password))
            .await
            .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    }
    set_password_hash(&server, &ada, "not a hash").await;
    server
        .anonymous
        .post(SIGN_IN, attempt(&ada.email, "not a hash"))
        .await
        .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
}

#[apply(on_both_databases)]
async fn sign_in_without_body_fails_validation(backend: Backend) {
    let server = backend.start().await;
    Reply::of(server.anonymous.request(Method::POST, SIGN_IN))
        .await
        .assert_problem(400, "VALIDATION_ERROR");
    let problem =
        server.anonymous.post(SIGN_IN, json!({})).await.assert_problem(400, "VALIDATION_ERROR");
    assert!(problem["message"].as_str().unwrap().contains("email"), "{problem}");
}

#[apply(on_both_databases)]
async fn sign_in_starts_a_session_and_keeps_other_devices_signed_in(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let reply = server.anonymous.post(SIGN_IN, attempt("ADA@example.com", PASSWORD)).await;
    let phone = server.anonymous.with_cookie(&reply.cookie().unwrap());
    let answer = reply.expect(200);
    let current = phone.get(GET_SESSION).await.expect(200);
    assert_eq!(
        answer,
        json!({
            "redirect": false,
            "token": current["session"]["id"],
            "user": current["user"],
        }),
        "there is no url"
    );
    assert_eq!(current["user"]["id"], ada.id.as_str());
    assert!(is_signed_in(&ada.browser).await, "the session of the other device stays valid");
}

#[apply(on_both_databases)]
async fn sign_in_returns_the_callback_url_only_if_requested(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let base = &server.anonymous.base;
    for url in ["/", "/welcome?from=mail#top", &format!("{base}/welcome")] {
        let body = with_field(attempt(&ada.email, PASSWORD), "callbackURL", url);
        let reply = server.anonymous.post(SIGN_IN, body).await;
        let answer = reply.expect(200);
        assert_eq!(answer["redirect"], true);
        assert_eq!(answer["url"], url);
    }
    let body = with_field(attempt(&ada.email, PASSWORD), "callbackURL", Value::Null);
    let answer = server.anonymous.post(SIGN_IN, body).await.expect(200);
    assert_eq!(answer["redirect"], false);
    assert_eq!(answer.get("url"), None);
}

#[apply(on_both_databases)]
async fn sign_in_rotates_the_cookie_and_ends_the_browsers_previous_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut browser = ada.browser.clone();
    let mut seen = vec![secret_of(browser.cookie.as_ref().unwrap())];
    for _ in 0..3 {
        let reply = browser.post(SIGN_IN, attempt(&ada.email, PASSWORD)).await;
        let cookie = reply.cookie().unwrap();
        assert!(!seen.contains(&secret_of(&cookie)));
        seen.push(secret_of(&cookie));
        assert!(!is_signed_in(&browser).await, "the old cookie is rejected");
        browser = server.anonymous.with_cookie(&cookie);
        assert!(is_signed_in(&browser).await);
    }
    let sessions = browser.get(LIST_SESSIONS).await.expect(200);
    assert_eq!(sessions.as_array().unwrap().len(), 1);
}

#[apply(on_both_databases)]
async fn concurrent_sign_ins_on_two_devices_both_succeed(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for _ in 0..4 {
        let (phone, laptop) = tokio::join!(server.sign_in(&ada), server.sign_in(&ada));
        assert_ne!(phone.cookie, laptop.cookie);
        assert!(is_signed_in(&phone).await && is_signed_in(&laptop).await);
    }
}

#[apply(on_both_databases)]
async fn failed_sign_in_keeps_the_browsers_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let reply = ada.browser.post(SIGN_IN, attempt(&ada.email, "not the password")).await;
    assert_eq!(reply.header("set-cookie"), None);
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    assert!(is_signed_in(&ada.browser).await);
}

#[apply(on_both_databases)]
async fn sign_in_does_not_adopt_a_planted_session_cookie(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let eve = server.sign_up("eve").await;
    let reply = eve.browser.post(SIGN_IN, attempt(&ada.email, PASSWORD)).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    assert_eq!(browser.get(ME).await.expect(200)["user"]["id"], ada.id.as_str());
    assert!(!is_signed_in(&eve.browser).await);
}

/// Returns the hash of the password with parameters below the current ones.
pub(super) fn weak_hash() -> String {
    let params = Params::new(8 * 1024, 1, 1, None).unwrap();
    let weak: phc::PasswordHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(PASSWORD.as_bytes())
        .unwrap();
    weak.to_string()
}

#[apply(on_both_databases)]
async fn sign_in_rehashes_a_weaker_password_hash_once(backend: Backend) {
    let server = backend.start_with_slow_hashing(&[]).await;
    let ada = server.sign_up("ada").await;
    let weak = weak_hash();
    set_password_hash(&server, &ada, &weak).await;
    let stored = async || {
        let found = accounts::of_user(&server.state.store, ada.id.clone()).await.unwrap();
        found.unwrap().hash.as_str().to_owned()
    };

    let wrong = attempt(&ada.email, "not the password");
    server.anonymous.post(SIGN_IN, wrong).await.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    assert_eq!(stored().await, weak, "the hash is not replaced before a correct password");
    server.anonymous.post(SIGN_IN, attempt(&ada.email, PASSWORD)).await.expect(200);
    let strong = stored().await;
    assert!(strong.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    server.anonymous.post(SIGN_IN, attempt(&ada.email, PASSWORD)).await.expect(200);
    assert_eq!(stored().await, strong, "the hash is replaced only once");
    assert!(is_signed_in(&ada.browser).await, "the password is unchanged");
}

#[apply(on_both_databases)]
async fn concurrent_sign_ins_that_rehash_both_succeed(backend: Backend) {
    let server = backend.start_with_slow_hashing(&[]).await;
    let ada = server.sign_up("ada").await;
    let weak = weak_hash();
    for _ in 0..4 {
        set_password_hash(&server, &ada, &weak).await;
        let (one, other) = tokio::join!(
            server.anonymous.post(SIGN_IN, attempt(&ada.email, PASSWORD)),
            server.anonymous.post(SIGN_IN, attempt(&ada.email, PASSWORD)),
        );
        one.expect(200);
        other.expect(200);
    }
}
