use portcullis::{
    store::{Database, users},
    time::days,
};

use super::*;

const HOUR: Span = seconds(60 * 60);

async fn delete_with(browser: &Caller, body: Value) -> Reply {
    browser.post(DELETE_USER, body).await
}

async fn delete_by_link(browser: &Caller, link: &str) -> Reply {
    browser.get(&format!("{CONFIRM_DELETION}?token={link}")).await
}

fn password_body() -> Value {
    json!({ "password": PASSWORD })
}

fn deletion_response() -> Value {
    json!({ "success": true, "message": "User deleted" })
}

struct DeleteAccount;

impl MailedLink for DeleteAccount {
    const LIFETIME: Span = HOUR;
    const INVALID: Rejection = (404, "INVALID_TOKEN");
    const DEACTIVATED: Rejection = (401, "UNAUTHORIZED");
    const USED: Option<&'static [Rejection]> = Some(&[(401, "UNAUTHORIZED"), Self::INVALID]);
    const NEEDS_SESSION: bool = true;

    async fn issue_newer(server: &Server, user: &TestUser) -> String {
        deletion_link(server, user).await
    }

    async fn redeem(_server: &Server, user: &TestUser, secret: &str) -> Reply {
        delete_with(&user.browser, json!({ "token": secret })).await
    }

    async fn took_effect(_server: &Server, admin: &TestUser, user: &TestUser) -> bool {
        admin.browser.get(&format!("/api/admin/users/{}", user.id)).await.status == 404
    }
}

// Expires, single use, superseded, bound to the email, deactivated user, concurrent use: see
// tests/api/support/contracts/mailed_link.rs.
mailed_link!(DeleteAccount);

/// Returns the tables whose rows belong to users, each with the number of this user's rows. Excludes
/// `revocation_cleanup`, whose rows are deleted in the background.
async fn count_rows_of(server: &Server, id: &str) -> Vec<(String, usize)> {
    let sqlite = "SELECT m.name AS value FROM sqlite_master m JOIN pragma_table_info(m.name) c \
                  WHERE m.type = 'table' AND c.name = 'user_id' \
                  AND m.name <> 'revocation_cleanup' ORDER BY 1";
    let postgres = "SELECT table_name::text AS value FROM information_schema.columns \
                    WHERE table_schema = 'public' AND column_name = 'user_id' \
                    AND table_name <> 'revocation_cleanup' ORDER BY 1";
    let sql = match server.state.store.database() {
        Database::Sqlite(_) => sqlite,
        Database::Postgres(_) => postgres,
    };
    let mut rows = Vec::new();
    for table in select(server, sql).await {
        let sql = format!("SELECT user_id AS value FROM {table} WHERE user_id = '{id}'");
        let count = select(server, &sql).await.len();
        rows.push((table, count));
    }
    let sql = format!("SELECT id AS value FROM users WHERE id = '{id}'");
    rows.push(("users".to_owned(), select(server, &sql).await.len()));
    rows
}

#[apply(on_both_databases)]
async fn delete_user_rejects_anonymous_token_and_csrf_requests(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let link = deletion_link(&server, &ada).await;
    for body in [password_body(), json!({ "token": link }), json!({})] {
        assert_cookie_required(&server, &ada, DELETE_USER, body).await;
    }
    for scopes in [&["read"][..], &["read", "write"]] {
        let script = ada.token(scopes).await;
        delete_by_link(&script, &link).await.assert_problem(403, "cookie_required");
    }
    assert_eq!(server.mail_to(&ada.email).await.len(), 2);
    assert_eq!(delete_by_link(&ada.browser, &link).await.expect(200), deletion_response());
}

#[apply(on_both_databases)]
async fn delete_user_with_invalid_field_or_callback_url_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let invalid = [
        ("password", json!(1)),
        ("password", json!([PASSWORD])),
        ("token", json!(1)),
        ("token", json!({})),
        ("callbackURL", json!(false)),
    ];
    assert_fields_rejected(&ada.browser, DELETE_USER, &json!({}), &invalid).await;
    for url in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", ""] {
        for body in [json!({}), password_body()] {
            let reply = delete_with(&ada.browser, with_field(body, "callbackURL", url)).await;
            reply.assert_problem(403, "INVALID_CALLBACK_URL");
        }
    }
    for query in ["", "?", "?callbackURL=/", "?token=a&token=b"] {
        let reply = ada.browser.get(&format!("{CONFIRM_DELETION}{query}")).await;
        reply.assert_problem(400, "VALIDATION_ERROR");
    }
    assert_eq!(server.mail_to(&ada.email).await.len(), 1, "a rejected request sends no message");
    assert!(is_signed_in(&ada.browser).await);
}

#[apply(on_both_databases)]
async fn delete_user_with_wrong_password_is_rejected_and_keeps_the_link(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = with_field(sign_up_body("grace"), "password", NEW_PASSWORD);
    server.anonymous.post(SIGN_UP, grace).await.expect(200);
    let link = deletion_link(&server, &ada).await;
    for password in ["", "not the password", NEW_PASSWORD, &"x".repeat(129), &"x".repeat(60_000)] {
        for body in
            [json!({ "password": password }), json!({ "password": password, "token": link })]
        {
            let reply = delete_with(&ada.browser, body).await;
            assert_eq!(reply.header("set-cookie"), None);
            reply.assert_problem(400, "INVALID_PASSWORD");
        }
    }
    let sql = format!("UPDATE accounts SET password_hash = NULL WHERE user_id = '{}'", ada.id);
    execute(&server, &sql).await;
    delete_with(&ada.browser, password_body()).await.assert_problem(400, "INVALID_PASSWORD");
    assert!(is_signed_in(&ada.browser).await);
    assert_eq!(
        delete_by_link(&ada.browser, &link).await.expect(200),
        deletion_response(),
        "a wrong password does not consume the link"
    );
}

#[apply(on_both_databases)]
async fn delete_user_with_invalid_link_is_not_found(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let link = deletion_link(&server, &ada).await;
    let cookie = secret_of(ada.browser.cookie.as_ref().unwrap());
    for invalid in ["", "x", &cookie, &link[..42], &format!("{link}x")] {
        delete_with(&ada.browser, json!({ "token": invalid }))
            .await
            .assert_problem(404, "INVALID_TOKEN");
        let both = json!({ "token": invalid, "password": PASSWORD });
        delete_with(&ada.browser, both).await.assert_problem(404, "INVALID_TOKEN");
        delete_by_link(&ada.browser, invalid).await.assert_problem(404, "INVALID_TOKEN");
    }
    let path = format!("{CONFIRM_DELETION}?token=x&callbackURL=/bye");
    ada.browser.navigate(&path).await.assert_problem(404, "INVALID_TOKEN");
    for url in ["https://evil.example", "%2F%2Fevil.example", "/%5Cevil.example", ""] {
        let path = format!("{CONFIRM_DELETION}?token={link}&callbackURL={url}");
        ada.browser.get(&path).await.assert_problem(403, "INVALID_CALLBACK_URL");
    }
    assert!(is_signed_in(&ada.browser).await);
    delete_with(&ada.browser, json!({ "token": link })).await.expect(200);
}

#[apply(on_both_databases)]
async fn delete_user_by_deactivated_user_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let link = deletion_link(&server, &ada).await;
    deactivate(&admin, &ada).await;
    for body in [password_body(), json!({ "token": link }), json!({})] {
        delete_with(&ada.browser, body).await.assert_problem(401, "UNAUTHORIZED");
    }
    delete_by_link(&ada.browser, &link).await.assert_problem(401, "UNAUTHORIZED");
    reactivate(&admin, &ada).await;
    delete_by_link(&ada.browser, &link).await.expect(200);
}

#[apply(on_both_databases)]
async fn delete_user_with_password_succeeds_at_once_even_in_a_stale_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    // The password re-authenticates the user, so that the session need not be fresh.
    server.advance(days(2));
    let reply = delete_with(&ada.browser, password_body()).await;
    assert!(reply.removes_cookie());
    assert_eq!(reply.expect(200), deletion_response());
    assert_eq!(server.mail_to(&ada.email).await.len(), 1, "no link is mailed");
    ada.browser.get(ME).await.assert_problem(401, "UNAUTHORIZED");
    let reply = sign_in_with(&server, &ada.email, PASSWORD).await;
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    assert!(is_signed_in(&grace.browser).await, "other users are not affected");
}

#[apply(on_both_databases)]
async fn delete_user_without_password_sends_a_link_and_needs_a_fresh_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    advance_to_just_before(&server, days(1));
    for body in [json!({}), json!({ "password": null, "token": null }), json!({ "sure": true })] {
        let reply = delete_with(&ada.browser, body).await;
        assert_eq!(reply.header("set-cookie"), None);
        let mailed = json!({ "success": true, "message": "Verification email sent" });
        assert_eq!(reply.expect(200), mailed);
    }
    assert!(is_signed_in(&ada.browser).await, "requesting a link deletes nothing");
    assert_eq!(server.mail_to(&ada.email).await.len(), 4);
    server.advance(seconds(1));
    delete_with(&ada.browser, json!({})).await.assert_problem(400, "SESSION_EXPIRED");
    assert_eq!(server.mail_to(&ada.email).await.len(), 4);
    let browser = ada.browser.with_password_entered().await;
    delete_with(&browser, json!({})).await.expect(200);
    assert_eq!(server.mail_to(&ada.email).await.len(), 5);
}

#[apply(on_both_databases)]
async fn delete_user_link_deletes_the_user_and_redirects_to_callback(backend: Backend) {
    let server = backend.start().await;
    let public_url = server.state.site.public_url.clone();
    for (name, callback, expected_location) in [
        ("ada", Value::Null, None),
        ("grace", json!("/bye?x=1#top"), Some(format!("{public_url}bye?x=1#top"))),
    ] {
        let user = server.sign_up(name).await;
        let phone = server.sign_in(&user).await;
        let body = json!({ "callbackURL": callback });
        delete_with(&user.browser, body).await.expect(200);
        let message = server.last_mail_to(&user.email).await;
        assert_eq!(message.subject, "Delete your account at Portcullis?");
        let link = message.link();
        assert_eq!(link.origin(), public_url.origin());
        assert_eq!(link.path(), "/delete-account");
        phone.navigate(link.path()).await;
        assert!(is_signed_in(&phone).await, "opening the page deletes nothing");
        assert!(!dump(&server).await.contains(&message.secret()));
        // The link works in any session of the user.
        let reply = follow_link(&phone, &link).await;
        match expected_location {
            Some(expected_location) => assert_eq!(location(&reply), expected_location),
            None => assert_eq!(reply.status, 200),
        }
        assert!(reply.removes_cookie());
        assert!(!is_signed_in(&user.browser).await && !is_signed_in(&phone).await);
    }
}

#[apply(on_both_databases)]
async fn delete_user_with_link_secret_in_the_body_deletes_the_user(backend: Backend) {
    let server = backend.start().await;
    for both in [false, true] {
        let ada = server.sign_up("ada").await;
        let link = deletion_link(&server, &ada).await;
        let mut body = json!({ "token": link });
        if both {
            body["password"] = PASSWORD.into();
        }
        let reply = delete_with(&ada.browser, body).await;
        assert!(reply.removes_cookie());
        assert_eq!(reply.expect(200), deletion_response());
        assert!(!is_signed_in(&ada.browser).await);
    }
}

#[apply(on_both_databases)]
async fn delete_user_link_of_another_user_is_not_found_and_not_consumed(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let eve = server.sign_up("eve").await;
    let link = deletion_link(&server, &ada).await;
    delete_by_link(&eve.browser, &link).await.assert_problem(404, "INVALID_TOKEN");
    delete_with(&eve.browser, json!({ "token": link })).await.assert_problem(404, "INVALID_TOKEN");
    let both = json!({ "token": link, "password": PASSWORD });
    delete_with(&eve.browser, both).await.assert_problem(404, "INVALID_TOKEN");
    assert!(is_signed_in(&ada.browser).await && is_signed_in(&eve.browser).await);
    delete_by_link(&ada.browser, &link).await.expect(200);
    assert!(is_signed_in(&eve.browser).await);
}

#[apply(on_both_databases)]
async fn delete_user_link_without_session_redirects_to_sign_in_and_back(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    delete_with(&ada.browser, json!({})).await.expect(200);
    let message = server.last_mail_to(&ada.email).await;
    ada.browser.post(SIGN_OUT, json!({})).await.expect(200);
    for anonymous in [&server.anonymous, &ada.browser] {
        delete_by_link(anonymous, &message.secret()).await.assert_problem(401, "UNAUTHORIZED");
    }
    let reply = follow_link(&server.anonymous, &message.link()).await;
    let login = server.state.site.public_url.join(location(&reply)).unwrap();
    assert_eq!(login.path(), "/login");
    let (name, next) = login.query_pairs().next().unwrap();
    assert_eq!(name, "next");
    let browser = server.sign_in(&ada).await;
    let reply = browser.navigate(&next).await;
    assert_eq!(reply.expect(200)["message"], "User deleted");
    assert!(!is_signed_in(&browser).await);
}

#[apply(on_both_databases)]
async fn delete_user_link_expires_after_one_hour(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let link = deletion_link(&server, &ada).await;
    let late = deletion_link(&server, &grace).await;
    let until = server.now() + HOUR;
    server.clock.set(until - seconds(1));
    delete_by_link(&ada.browser, &link).await.expect(200);
    server.clock.set(until);
    delete_by_link(&grace.browser, &late).await.assert_problem(404, "INVALID_TOKEN");
    delete_with(&grace.browser, json!({ "token": late }))
        .await
        .assert_problem(404, "INVALID_TOKEN");
    assert!(is_signed_in(&grace.browser).await);
}

#[apply(on_both_databases)]
async fn newer_delete_user_link_supersedes_the_older_one(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let old = deletion_link(&server, &ada).await;
    let new = deletion_link(&server, &ada).await;
    delete_by_link(&ada.browser, &old).await.assert_problem(404, "INVALID_TOKEN");
    delete_by_link(&ada.browser, &new).await.expect(200);
}

#[apply(on_both_databases)]
async fn delete_user_removes_every_row_job_link_and_credential(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let grace = server.sign_up("grace").await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let script = ada.token(&["read", "write"]).await;
    let verify = server.last_mail_to(&ada.email).await.secret();
    confirm_email(&server.anonymous, &verify).await.expect(200);
    ada.begin_two_factor().await;
    ada.add(server.passkey()).await;
    ada.browser.begin_ceremony(BEGIN_REGISTRATION).await;
    server.wait_for_jobs().await;
    let rows = [
        "trusted_devices (id, user_id, secret_hash, generation, created_at, last_used_at, expires_at)
         SELECT id, user_id, secret_hash, 0, created_at, created_at, expires_at",
        "sign_in_challenges (secret_hash, user_id, methods, remember, attempts, generation, expires_at)
         SELECT secret_hash, user_id, methods, remember, 0, 0, expires_at",
        "suspensions (user_id, email) SELECT DISTINCT user_id, 'ada@example.com'",
        "known_clients (user_id, program, network, last_used_at)
         SELECT user_id, id, '192.0.2.7', created_at",
        "provider_flows (state_hash, provider_id, user_id, session_id, expires_at)
         SELECT secret_hash, 'company', user_id, id, expires_at",
    ];
    for rows in rows.into_iter().chain(EXAMPLE_ROWS) {
        let sql = format!("INSERT INTO {rows} FROM sessions WHERE user_id = '{}'", ada.id);
        execute(&server, &sql).await;
    }
    let grace_rows = count_rows_of(&server, &grace.id).await;
    let reset = reset_link(&server, &ada.email).await;
    let delete = deletion_link(&server, &ada).await;
    // Queued jobs are deleted too.
    close_outbox(&server);
    delete_with(&ada.browser, json!({})).await.expect(200);
    ada.browser.post(CHANGE_EMAIL, json!({ "newEmail": "ada@new.example" })).await.expect(200);
    server.anonymous.post(REQUEST_RESET, json!({ "email": ada.email })).await.expect(200);
    server.wait_for_jobs().await;
    let before = count_rows_of(&server, &ada.id).await;
    let tables: Vec<&str> = before.iter().map(|(table, _)| table.as_str()).collect();
    let expected = [
        "accounts",
        "api_tokens",
        "jobs",
        "known_clients",
        "passkey_ceremonies",
        "passkey_handles",
        "passkeys",
        "provider_flows",
        "recovery_codes",
        "sessions",
        "sign_in_challenges",
        "suspension_links",
        "suspensions",
        "trusted_devices",
        "two_factor",
        "used_links",
        "user_words",
        "verifications",
        "users",
    ];
    let core: Vec<&str> =
        tables.into_iter().filter(|table| !EXAMPLE_TABLES.contains(table)).collect();
    assert_eq!(core, expected);
    assert!(before.iter().all(|(_, rows)| *rows > 0), "{before:?}");
    assert_eq!(before[2].1, 3, "the job of the password reset is among them");

    let deleted_at = server.now();
    delete_with(&ada.browser, password_body()).await.expect(200);
    server.wait_for_deletions().await;
    let after = count_rows_of(&server, &ada.id).await;
    assert!(after.iter().all(|(_, rows)| *rows == 0), "{after:?}");
    assert_eq!(count_rows_of(&server, &grace.id).await, grace_rows, "rows of other users are kept");
    for credential in [&ada.browser, &phone, &script] {
        assert!(!is_signed_in(credential).await);
    }
    script.get(ME).await.assert_problem(401, "token_invalid");
    reset_password(&server, &reset, NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
    let path = format!("/api/admin/users/{}", ada.id);
    admin.browser.get(&path).await.assert_problem(404, "not_found");

    let log = admin.browser.get("/api/admin/activity").await.expect(200);
    let event = &log["items"][0];
    assert_eq!(event["action"], "user-deleted");
    assert_eq!(event["actorId"], ada.id.as_str());
    assert_eq!(event["subjectId"], ada.id.as_str());
    assert_eq!(event["createdAt"], deleted_at.to_string());
    assert!(!event.to_string().contains(&ada.email), "{event}");

    server.advance(HOUR);
    reopen_outbox(&server).await;
    assert_eq!(server.mail_to(&ada.email).await.len(), 4, "sign-up, passkey, reset, deletion");

    // The email is free, and signing up with it creates another user.
    let new_user = server.sign_up("ada").await;
    assert_ne!(new_user.id, ada.id);
    for credential in [&ada.browser, &phone, &script] {
        assert!(
            !is_signed_in(credential).await,
            "earlier credentials do not give access to the new account"
        );
    }
    reset_password(&server, &reset, NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
    delete_by_link(&new_user.browser, &delete).await.assert_problem(404, "INVALID_TOKEN");
    let tokens = new_user.browser.get(TOKENS).await.expect(200);
    assert_eq!(tokens["items"], json!([]));
}

#[apply(on_both_databases)]
async fn concurrent_updates_of_a_user_being_deleted_leave_no_rows(backend: Backend) {
    let server = backend.start().await;
    for round in 0..6 {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let verify = server.last_mail_to(&ada.email).await.secret();
        let body = json!({ "token": deletion_link(&server, &ada).await });
        let (deleted, renamed, confirmed, revoked) = tokio::join!(
            delete_with(&ada.browser, body),
            ada.browser.post(UPDATE_USER, json!({ "name": "Ada" })),
            confirm_email(&server.anonymous, &verify),
            ada.browser.post(REVOKE_OTHERS, json!({})),
        );
        deleted.expect(200);
        for reply in [renamed, confirmed, revoked] {
            assert!([200, 401].contains(&reply.status.as_u16()), "{}", reply.text);
        }
        server.wait_for_deletions().await;
        let after = count_rows_of(&server, &ada.id).await;
        assert!(after.iter().all(|(_, rows)| *rows == 0), "{after:?}");
    }
}

#[apply(on_both_databases)]
async fn concurrent_creates_by_a_user_being_deleted_leave_no_rows(backend: Backend) {
    let server = backend.start().await;
    for round in 0..6 {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let script = ada.token(&["read", "write"]).await;
        let body = json!({ "token": deletion_link(&server, &ada).await });
        let (deleted, revoked, token, email_change) = tokio::join!(
            delete_with(&ada.browser, body),
            script.delete(CURRENT_TOKEN),
            create_token(&ada.browser),
            ada.browser.post(CHANGE_EMAIL, json!({ "newEmail": "ada@new.example" })),
        );
        deleted.expect(200);
        for reply in [revoked, token, email_change] {
            assert!([200, 201, 204, 401].contains(&reply.status.as_u16()), "{}", reply.text);
        }
        server.wait_for_deletions().await;
        let after = count_rows_of(&server, &ada.id).await;
        assert!(after.iter().all(|(_, rows)| *rows == 0), "{after:?}");
    }
}

#[apply(on_both_databases)]
async fn concurrent_deletion_and_password_reset_succeed_once(backend: Backend) {
    let server = backend.start().await;
    for round in 0..6 {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let reset = reset_link(&server, &ada.email).await;
        let delete = deletion_link(&server, &ada).await;
        let (deleted, password_reset) = tokio::join!(
            delete_by_link(&ada.browser, &delete),
            reset_password(&server, &reset, NEW_PASSWORD),
        );
        if deleted.status == 200 {
            password_reset.assert_problem(400, "INVALID_TOKEN");
            let reply = sign_in_with(&server, &ada.email, NEW_PASSWORD).await;
            reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
        } else {
            assert!([401, 404].contains(&deleted.status.as_u16()), "{}", deleted.text);
            password_reset.expect(200);
            sign_in_with(&server, &ada.email, NEW_PASSWORD).await.expect(200);
        }
    }
}

#[apply(on_both_databases)]
async fn delete_last_active_admin_is_conflict_and_keeps_the_link(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let deactivated = server.sign_up_admin("deactivated").await;
    deactivate(&admin, &deactivated).await;
    let grace = server.sign_up("grace").await;
    let link = deletion_link(&server, &admin).await;
    let before = count_rows_of(&server, &admin.id).await;
    for body in [password_body(), json!({ "token": link })] {
        let reply = delete_with(&admin.browser, body).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(409, "last_admin");
    }
    for path in [
        format!("{CONFIRM_DELETION}?token={link}"),
        format!("{CONFIRM_DELETION}?token={link}&callbackURL=/bye"),
    ] {
        admin.browser.navigate(&path).await.assert_problem(409, "last_admin");
    }
    assert_eq!(count_rows_of(&server, &admin.id).await, before);
    let log = admin.browser.get("/api/admin/activity").await.expect(200);
    assert!(!log.to_string().contains("user-deleted"), "a rejected deletion records no event");

    let grace = server.make_admin(grace).await;
    delete_by_link(&admin.browser, &link).await.expect(200);
    delete_with(&grace.browser, password_body()).await.assert_problem(409, "last_admin");
    assert!(users::any_active_admin(&server.state.store).await.unwrap());
}

#[apply(on_both_databases)]
async fn concurrent_deletions_of_two_admins_leave_one_admin(backend: Backend) {
    let server = backend.start().await;
    let mut remaining = server.sign_up_admin("ada").await;
    for round in 0..20 {
        let other = server.sign_up_admin(&format!("grace{round}")).await;
        let (one, two) = if round % 2 == 0 {
            tokio::join!(
                delete_with(&remaining.browser, password_body()),
                delete_with(&other.browser, password_body())
            )
        } else {
            let links =
                [deletion_link(&server, &remaining).await, deletion_link(&server, &other).await];
            tokio::join!(
                delete_by_link(&remaining.browser, &links[0]),
                delete_by_link(&other.browser, &links[1])
            )
        };
        let (deleted, rejected) = if one.status == 200 {
            remaining = other;
            (one, two)
        } else {
            (two, one)
        };
        assert!(deleted.removes_cookie());
        deleted.expect(200);
        rejected.assert_problem(409, "last_admin");
        assert!(users::any_active_admin(&server.state.store).await.unwrap(), "round {round}");
        remaining.browser.get("/api/admin/users").await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn concurrent_deletion_and_demotion_of_two_admins_leave_one_admin(backend: Backend) {
    let server = backend.start().await;
    for round in 0..8 {
        let ada = server.sign_up_admin(&format!("ada{round}")).await;
        let grace = server.sign_up_admin(&format!("grace{round}")).await;
        let link = deletion_link(&server, &ada).await;
        let path = format!("/api/admin/users/{}", grace.id);
        let (deleted, demoted) = tokio::join!(
            delete_by_link(&ada.browser, &link),
            grace.browser.patch(&path, json!({ "role": "user" })),
        );
        if deleted.status == 200 {
            demoted.assert_problem(409, "last_admin");
        } else {
            deleted.assert_problem(409, "last_admin");
            demoted.expect(200);
        }
        assert!(users::any_active_admin(&server.state.store).await.unwrap(), "round {round}");
        execute(&server, "UPDATE users SET role = 'user'").await;
    }
}
