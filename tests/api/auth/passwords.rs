use portcullis::{
    secrets::LinkSecret,
    store::verifications::NewVerification,
    time::{days, seconds},
};

use super::*;

const NEW: &str = "a password of one's own choice";

/// Somebody whom an admin made, and the secret of the link by which they choose a password.
async fn invite(admin: &Person, name: &str) -> (Value, String) {
    let body = json!({ "name": name, "email": format!("{name}@example.com") });
    let made = admin.browser.post("/api/admin/users", body).await.expect(201);
    let url: url::Url = made["setPasswordUrl"].as_str().unwrap().parse().unwrap();
    assert_eq!(url.path(), "/reset-password");
    assert_eq!(url.query(), None, "no log and no Referer holds the secret");
    let secret = url.fragment().unwrap().strip_prefix("token=").unwrap().to_owned();
    assert!(secret.len() >= 43, "256 bits");
    (made, secret)
}

/// A link for somebody who has a password already.
async fn link_for(server: &Server, person: &Person) -> String {
    let secret = LinkSecret::generate();
    let now = server.now();
    let link = NewVerification::set_password(&person.id, secret.hash(), now + days(3), now);
    crate::store::add_link(server, link).await;
    secret.reveal().to_owned()
}

async fn choose(server: &Server, link: &str, password: &str) -> Reply {
    server.nobody.post(RESET_PASSWORD, json!({ "newPassword": password, "token": link })).await
}

async fn sign_in_with(server: &Server, email: &str, password: &str) -> Reply {
    server.nobody.post(SIGN_IN, json!({ "email": email, "password": password })).await
}

async fn verify(browser: &Caller, password: &str) -> Reply {
    browser.post(VERIFY_PASSWORD, json!({ "password": password })).await
}

async fn make_token(browser: &Caller) -> Reply {
    browser.post("/api/tokens", json!({ "name": "script" })).await
}

#[apply(both)]
async fn nobody_verifies_a_password(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    verify(&server.nobody, PASSWORD).await.refused(401, "UNAUTHORIZED");
    let script = ada.token(&["read", "write"]).await;
    verify(&script, PASSWORD).await.refused(403, "cookie_required");
}

#[apply(both)]
async fn what_is_not_the_password_is_not_verified(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = with(newcomer("grace"), "password", NEW);
    server.nobody.post(SIGN_UP, grace).await.expect(200);
    for password in ["", "not the password", NEW, &"x".repeat(129), &"x".repeat(60_000)] {
        let reply = verify(&ada.browser, password).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.refused(400, "INVALID_PASSWORD");
    }
    ada.browser
        .post(VERIFY_PASSWORD, json!({ "password": 1 }))
        .await
        .refused(400, "VALIDATION_ERROR");
    ada.browser.post(VERIFY_PASSWORD, json!({})).await.refused(400, "VALIDATION_ERROR");
    let sql = format!("UPDATE accounts SET password_hash = NULL WHERE user_id = '{}'", ada.id);
    crate::store::execute(&server, &sql).await;
    verify(&ada.browser, PASSWORD).await.refused(400, "INVALID_PASSWORD");
}

#[apply(both)]
async fn a_wrong_password_makes_no_session_fresh(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.advance(days(1));
    verify(&ada.browser, "not the password").await.refused(400, "INVALID_PASSWORD");
    make_token(&ada.browser).await.refused(403, "SESSION_NOT_FRESH");
}

#[apply(both)]
async fn a_session_is_fresh_for_a_day_and_no_second_longer(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    advance_to_the_eve(&server, days(1));
    make_token(&ada.browser).await.expect(201);
    server.advance(seconds(1));
    make_token(&ada.browser).await.refused(403, "SESSION_NOT_FRESH");
    ada.browser.get(GET_SESSION).await.expect(200);
    make_token(&ada.browser).await.refused(403, "SESSION_NOT_FRESH");
    ada.browser.get(LIST_SESSIONS).await.expect(200);
    ada.browser.get("/api/tokens").await.expect(200);
}

#[apply(both)]
async fn the_password_entered_again_makes_the_session_fresh(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    server.advance(days(1));
    let reply = verify(&ada.browser, PASSWORD).await;
    assert_eq!(reply.header("set-cookie"), None, "the cookie stays as it is");
    assert_eq!(reply.expect(200), json!({ "status": true }));
    make_token(&ada.browser).await.expect(201);
    make_token(&phone).await.refused(403, "SESSION_NOT_FRESH");
    let session = ada.browser.get(ME).await.expect(200)["session"].clone();
    assert_eq!(session["authenticatedAt"], server.now().to_string());

    advance_to_the_eve(&server, days(1));
    make_token(&ada.browser).await.expect(201);
    server.advance(seconds(1));
    make_token(&ada.browser).await.refused(403, "SESSION_NOT_FRESH");
    let phone = server.sign_in(&ada).await;
    make_token(&phone).await.expect(201);
}

#[apply(both)]
async fn a_link_that_is_none_is_refused(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let cookie = secret_of(ada.browser.cookie.as_ref().unwrap());
    let link = link_for(&server, &ada).await;
    for token in ["", "x", "x\0", &"x".repeat(60_000), &cookie, &link[..42], &format!("{link}x")] {
        choose(&server, token, NEW).await.refused(400, "INVALID_TOKEN");
    }
    for body in [json!({}), json!({ "newPassword": NEW }), json!({ "token": link })] {
        server.nobody.post(RESET_PASSWORD, body).await.refused(400, "VALIDATION_ERROR");
    }
    server
        .nobody
        .post(&format!("{RESET_PASSWORD}?token={link}"), json!({ "newPassword": NEW }))
        .await
        .refused(400, "VALIDATION_ERROR");
    assert!(is_signed_in(&ada.browser).await);
    choose(&server, &link, NEW).await.expect(200);
}

#[apply(both)]
async fn a_token_chooses_no_password(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let link = link_for(&server, &ada).await;
    let script = ada.token(&["read", "write"]).await;
    script
        .post(RESET_PASSWORD, json!({ "newPassword": NEW, "token": link }))
        .await
        .refused(403, "cookie_required");
    choose(&server, &link, NEW).await.expect(200);
}

#[apply(both)]
async fn a_password_that_is_refused_does_not_spend_the_link(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let link = link_for(&server, &ada).await;
    choose(&server, &link, "short").await.refused(400, "PASSWORD_TOO_SHORT");
    choose(&server, &link, &"x".repeat(129)).await.refused(400, "PASSWORD_TOO_LONG");
    choose(&server, &link, "iloveyou").await.refused(400, "PASSWORD_TOO_COMMON");
    assert!(is_signed_in(&ada.browser).await, "nor end a session");
    choose(&server, &link, NEW).await.expect(200);
}

#[apply(both)]
async fn a_link_works_for_three_days_and_no_second_longer(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let (made, link) = invite(&admin, "ada").await;
    let (_, other) = invite(&admin, "grace").await;
    let until = server.now() + days(3);
    assert_eq!(made["setPasswordUntil"], until.to_string());
    server.clock.set(until - seconds(1));
    choose(&server, &link, NEW).await.expect(200);
    server.clock.set(until);
    choose(&server, &other, NEW).await.refused(400, "INVALID_TOKEN");
    sign_in_with(&server, "grace@example.com", NEW).await.refused(401, "INVALID_EMAIL_OR_PASSWORD");
}

#[apply(both)]
async fn who_was_invited_chooses_a_password_once_and_signs_in(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let (made, link) = invite(&admin, "grace").await;
    sign_in_with(&server, "grace@example.com", "").await.refused(401, "INVALID_EMAIL_OR_PASSWORD");

    let reply = choose(&server, &link, NEW).await;
    assert_eq!(reply.header("set-cookie"), None, "no session is begun");
    assert_eq!(reply.expect(200), json!({ "status": true }));
    choose(&server, &link, "another choice entirely").await.refused(400, "INVALID_TOKEN");
    let answer = sign_in_with(&server, "grace@example.com", NEW).await.expect(200);
    assert_eq!(answer["user"]["id"], made["user"]["id"]);
    assert_eq!(answer["user"]["role"], "user");
    let users = admin.browser.get("/api/admin/users").await;
    assert!(!users.text.contains(&link), "nobody can show it again");
}

#[apply(both)]
async fn of_two_who_use_a_link_at_once_one_succeeds(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    for round in 0..8 {
        let name = format!("guest{round}");
        let email = format!("{name}@example.com");
        let (_, link) = invite(&admin, &name).await;
        let passwords = ["the choice of the one", "the choice of the other"];
        let (one, other) = tokio::join!(
            choose(&server, &link, passwords[0]),
            choose(&server, &link, passwords[1]),
        );
        let ([won, lost], [kept, dropped]) = if one.status == 200 {
            ([one, other], passwords)
        } else {
            ([other, one], [passwords[1], passwords[0]])
        };
        won.expect(200);
        lost.refused(400, "INVALID_TOKEN");
        sign_in_with(&server, &email, kept).await.expect(200);
        sign_in_with(&server, &email, dropped).await.refused(401, "INVALID_EMAIL_OR_PASSWORD");
    }
}

#[apply(both)]
async fn a_new_password_ends_every_session_and_every_other_link(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let phone = server.sign_in(&ada).await;
    let script = ada.token(&["read"]).await;
    let (link, sister) = (link_for(&server, &ada).await, link_for(&server, &ada).await);
    let strangers = link_for(&server, &grace).await;

    let body = json!({ "newPassword": NEW, "token": link });
    ada.browser.post(RESET_PASSWORD, body).await.expect(200);
    assert!(!is_signed_in(&ada.browser).await);
    assert!(!is_signed_in(&phone).await);
    assert!(is_signed_in(&grace.browser).await, "others' are left alone");
    assert!(is_signed_in(&script).await, "tokens are no passwords");
    choose(&server, &sister, "a third").await.refused(400, "PASSWORD_TOO_SHORT");
    choose(&server, &sister, "a third password").await.refused(400, "INVALID_TOKEN");
    choose(&server, &strangers, NEW).await.expect(200);

    sign_in_with(&server, &ada.email, PASSWORD).await.refused(401, "INVALID_EMAIL_OR_PASSWORD");
    sign_in_with(&server, &ada.email, NEW).await.expect(200);
}

#[apply(both)]
async fn a_new_password_lets_nobody_in_who_is_locked_out(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let link = link_for(&server, &ada).await;
    lock_out(&admin, &ada).await;
    choose(&server, &link, NEW).await.expect(200);
    sign_in_with(&server, &ada.email, NEW).await.refused(403, "USER_DEACTIVATED");
    let user = admin.browser.get(&format!("/api/admin/users/{}", ada.id)).await.expect(200);
    assert_ne!(user["deactivatedAt"], Value::Null, "{user}");
    let_in_again(&admin, &ada).await;
    sign_in_with(&server, &ada.email, NEW).await.expect(200);
}
