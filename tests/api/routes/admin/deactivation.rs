//! POST /api/admin/users/{id}/deactivate and …/reactivate

use portcullis::time::{days, seconds};
use reqwest::Method;

use super::*;

/// Returns the paths that deactivate and reactivate a user.
fn status_paths(person: &TestUser) -> [String; 2] {
    ["deactivate", "reactivate"].map(|way| format!("{}/{way}", user_path(person)))
}

#[apply(on_both_databases)]
async fn deactivate_or_reactivate_by_non_admin_is_unauthorized_or_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let script = ada.token(&["read", "write"]).await;
    for path in status_paths(&grace).iter().chain(&status_paths(&ada)) {
        server.anonymous.post(path, json!({})).await.assert_problem(401, "UNAUTHORIZED");
        ada.browser.post(path, json!({})).await.assert_problem(403, "admin_required");
        script.post(path, json!({})).await.assert_problem(403, "insufficient_scope");
    }
    for person in [&ada, &grace] {
        person.browser.get("/api/me").await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn deactivate_or_reactivate_with_token_requires_write_and_admin_scopes(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    for scopes in [&["read", "admin"] as &[_], &["admin"], &["read", "write"], &["write"]] {
        let script = admin.token(scopes).await;
        for path in status_paths(&ada) {
            let reply = script.post(&path, json!({})).await;
            let challenge = r#"Bearer error="insufficient_scope", scope="write admin""#;
            assert_eq!(reply.header("www-authenticate"), Some(challenge));
            reply.assert_problem(403, "insufficient_scope");
        }
    }
    ada.browser.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn deactivate_or_reactivate_requires_fresh_session_or_write_token(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let script = admin.token(&["write", "admin"]).await;
    server.clock.set(server.now() + days(1) - seconds(1));
    for path in status_paths(&ada) {
        admin.browser.post(&path, json!({})).await.expect(200);
    }
    server.advance(seconds(1));
    for path in status_paths(&ada) {
        admin.browser.post(&path, json!({})).await.assert_problem(403, "SESSION_NOT_FRESH");
        script.post(&path, json!({})).await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn deactivate_or_reactivate_with_unknown_or_malformed_id_is_not_found(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let before = events(&admin.browser).await;
    for id in unknown_ids() {
        for way in ["deactivate", "reactivate"] {
            let path = format!("{USERS}/{id}/{way}");
            admin.browser.post(&path, json!({})).await.assert_problem(404, "not_found");
        }
    }
    assert_eq!(events(&admin.browser).await, before);
}

#[apply(on_both_databases)]
async fn deactivate_with_invalid_body_fails_validation(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let [deactivate, _] = status_paths(&ada);
    for (field, value) in [
        ("revokeCredentials", json!("true")),
        ("revokeCredentials", json!(1)),
        ("revokeCredentials", json!(null)),
        ("revoke_credentials", json!(true)),
        ("revoke", json!(true)),
    ] {
        let body = json!({ field: value });
        let reply = admin.browser.post(&deactivate, body.clone()).await;
        let problem = reply.assert_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    ada.browser.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn deactivate_or_reactivate_without_a_body_succeeds(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    for path in status_paths(&ada) {
        Reply::of(admin.browser.request(Method::POST, &path)).await.expect(200);
    }
    ada.browser.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn deactivate_and_reactivate_are_idempotent_and_keep_the_first_date(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let [deactivate, reactivate] = status_paths(&ada);
    let never = admin.browser.post(&reactivate, json!({})).await.expect(200);
    assert_eq!(never["deactivatedAt"], Value::Null);

    server.advance(seconds(1));
    let first = server.now().to_string();
    let once = admin.browser.post(&deactivate, json!({})).await.expect(200);
    assert_eq!(once["deactivatedAt"], first);
    assert_eq!(once["updatedAt"], first);
    server.advance(seconds(1));
    assert_eq!(admin.browser.post(&deactivate, json!({})).await.expect(200), once);
    assert_eq!(admin.browser.get(&user_path(&ada)).await.expect(200), once);

    let again = server.now().to_string();
    let back = admin.browser.post(&reactivate, json!({})).await.expect(200);
    assert_eq!(back["deactivatedAt"], Value::Null);
    assert_eq!(back["updatedAt"], again);
    server.advance(seconds(1));
    assert_eq!(admin.browser.post(&reactivate, json!({})).await.expect(200), back);
}

#[apply(on_both_databases)]
async fn deactivate_and_reactivate_create_one_event_each(backend: Backend) {
    let changed = |before: bool, after: bool, revoked: Option<bool>| {
        let (before, after) = (json!({ "deactivated": before }), json!({ "deactivated": after }));
        let mut detail = json!({ "before": before, "after": after });
        if let Some(revoked) = revoked {
            detail["revokeCredentials"] = revoked.into();
        }
        detail
    };
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let [deactivate, reactivate] = status_paths(&ada);
    for (path, body, action, detail) in [
        (&deactivate, json!({}), "user-deactivated", changed(false, true, Some(false))),
        (&reactivate, json!({}), "user-reactivated", changed(true, false, None)),
        (
            &deactivate,
            json!({ "revokeCredentials": true }),
            "user-deactivated",
            changed(false, true, Some(true)),
        ),
    ] {
        server.advance(seconds(1));
        let before = events(&admin.browser).await;
        admin.browser.post(path, body).await.expect(200);
        let mut after = events(&admin.browser).await;
        let event = after.remove(0);
        assert_eq!(after, before);
        assert_eq!(
            event,
            json!({
                "id": event["id"],
                "actorId": admin.id,
                "action": action,
                "subjectId": ada.id,
                "detail": detail,
                "network": "127.0.0.1",
                "device": null,
                "createdAt": server.now().to_string(),
            })
        );
    }
}

#[apply(on_both_databases)]
async fn deactivated_user_is_anonymous_with_every_credential_until_reactivated(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up_admin("ada").await;
    let [deactivate, reactivate] = status_paths(&ada);
    let cookies = [ada.browser.clone(), server.sign_in(&ada).await, server.sign_in(&ada).await];
    let scripts = [
        ada.token(&["read"]).await,
        ada.token(&["read", "write"]).await,
        ada.token(&["read", "write", "admin"]).await,
    ];
    for caller in cookies.iter().chain(&scripts) {
        caller.get("/api/me").await.expect(200);
    }
    admin.browser.post(&deactivate, json!({})).await.expect(200);

    let document = server.anonymous.get("/openapi.json").await.expect(200);
    let operations = Operation::all(&document);
    for operation in &operations {
        // Sign-out needs no session, and would end the session of the very cookie.
        if operation.id == "sign_out" {
            continue;
        }
        let path = operation.path.replace("{id}", &admin.id);
        let ask = async |caller: &Caller| {
            Reply::of(caller.request(operation.method.clone(), &path).json(&json!({}))).await
        };
        let anonymous = ask(&server.anonymous).await;
        for (callers, code) in [(&cookies, "UNAUTHORIZED"), (&scripts, "token_invalid")] {
            for caller in callers {
                let reply = ask(caller).await;
                assert_eq!(reply.set_cookie("portcullis"), None, "{}", operation.id);
                if anonymous.status == 401 && anonymous.json()["code"] == "UNAUTHORIZED" {
                    reply.assert_problem(401, code);
                } else {
                    assert_eq!(reply.status, anonymous.status, "{}: {}", operation.id, reply.text);
                    assert_eq!(reply.json()["code"], anonymous.json()["code"], "{}", operation.id);
                }
            }
        }
    }

    admin.browser.post(&reactivate, json!({})).await.expect(200);
    for caller in cookies.iter().chain(&scripts) {
        caller.get("/api/me").await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn sign_in_by_deactivated_user_is_forbidden_only_with_right_password(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let [deactivate, reactivate] = status_paths(&ada);
    admin.browser.post(&deactivate, json!({})).await.expect(200);
    let sign_in = async |password: &str| {
        let body = json!({ "email": ada.email, "password": password });
        server.anonymous.post("/api/auth/sign-in/email", body).await
    };
    let reply = sign_in(PASSWORD).await;
    assert_eq!(reply.header("set-cookie"), None);
    reply.assert_problem(403, "USER_DEACTIVATED");
    sign_in("some other password").await.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    admin.browser.post(&reactivate, json!({})).await.expect(200);
    sign_in(PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn deactivated_user_is_not_reactivated_by_password_reset_or_other_writes(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let created = create_user(&admin.browser, "ada", "ada@example.com").await;
    let link = server.last_mail_to("ada@example.com").await.secret();
    let choice = json!({ "newPassword": PASSWORD, "token": link });
    let ada = TestUser {
        id: created["id"].as_str().unwrap().to_owned(),
        email: "ada@example.com".to_owned(),
        browser: server.anonymous.clone(),
    };
    let [deactivate, _] = status_paths(&ada);
    admin.browser.post(&deactivate, json!({})).await.expect(200);

    let reply = server.anonymous.post("/api/auth/reset-password", choice.clone()).await;
    reply.assert_problem(403, "USER_DEACTIVATED");
    admin
        .browser
        .patch(&user_path(&ada), json!({ "name": "x", "role": "admin" }))
        .await
        .expect(200);
    admin.browser.delete(&format!("{}/sessions", user_path(&ada))).await.expect(200);
    admin.browser.delete(&format!("{}/tokens", user_path(&ada))).await.expect(200);
    let shown = admin.browser.get(&user_path(&ada)).await.expect(200);
    assert!(shown["deactivatedAt"].is_string());
}

#[apply(on_both_databases)]
async fn credentials_revoked_at_deactivation_stay_revoked_after_reactivation(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let bystander = grace.token(&["read"]).await;
    let [deactivate, reactivate] = status_paths(&ada);
    let callers = [
        ada.browser.clone(),
        server.sign_in(&ada).await,
        ada.token(&["read"]).await,
        ada.token(&["read", "write"]).await,
    ];
    let all = json!({ "revokeCredentials": true });
    admin.browser.post(&deactivate, all).await.expect(200);
    admin.browser.post(&reactivate, json!({})).await.expect(200);
    for caller in &callers {
        caller.get("/api/me").await.expect(401);
    }
    let back = server.sign_in(&ada).await;
    let list = back.get("/api/tokens").await.expect(200);
    assert_eq!(each(list["items"].as_array().unwrap(), "state"), ["revoked", "revoked"]);
    for other in [&grace.browser, &bystander, &admin.browser] {
        other.get("/api/me").await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn repeated_deactivate_can_revoke_credentials_of_deactivated_user(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    let [deactivate, reactivate] = status_paths(&ada);
    admin.browser.post(&deactivate, json!({})).await.expect(200);
    let all = json!({ "revokeCredentials": true });
    admin.browser.post(&deactivate, all).await.expect(200);
    admin.browser.post(&reactivate, json!({})).await.expect(200);
    for caller in [&ada.browser, &script] {
        caller.get("/api/me").await.expect(401);
    }
}

#[apply(on_both_databases)]
async fn deactivate_with_revoke_credentials_revokes_the_invitation_link(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let created = create_user(&admin.browser, "ada", "ada@example.com").await;
    let link = server.last_mail_to("ada@example.com").await.secret();
    let path = format!("{USERS}/{}/deactivate", created["id"].as_str().unwrap());
    admin.browser.post(&path, json!({ "revokeCredentials": true })).await.expect(200);
    let choice = json!({ "newPassword": PASSWORD, "token": link });
    let reply = server.anonymous.post("/api/auth/reset-password", choice).await;
    reply.assert_problem(400, "INVALID_TOKEN");
}

#[apply(on_both_databases)]
async fn credentials_expired_during_deactivation_stay_expired_after_reactivation(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let short = ada.create_token(json!({ "name": "short", "expiresInDays": 7 })).await;
    let long = ada.create_token(json!({ "name": "long", "expiresInDays": 8 })).await;
    let [deactivate, reactivate] = status_paths(&ada);
    admin.browser.post(&deactivate, json!({})).await.expect(200);
    server.advance(days(7));
    server.sign_in(&admin).await.post(&reactivate, json!({})).await.expect(200);
    let caller_of =
        |created: &Value| server.anonymous.with_token(created["token"].as_str().unwrap());
    ada.browser.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    caller_of(&short).get("/api/me").await.assert_problem(401, "token_expired");
    caller_of(&long).get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn admin_can_deactivate_themselves_while_another_admin_remains(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let colleague = server.sign_up_admin("colleague").await;
    let [deactivate, reactivate] = status_paths(&admin);
    admin.browser.post(&deactivate, json!({})).await.expect(200);
    admin.browser.post(&reactivate, json!({})).await.assert_problem(401, "UNAUTHORIZED");
    colleague.browser.post(&reactivate, json!({})).await.expect(200);
    admin.browser.get(USERS).await.expect(200);
}
