//! /api/activity and /settings/activity: what users do to their access, and what they see of it.

mod rejections;

use portcullis::store::activity::Action;
use reqwest::Method;
use strum::VariantArray;

use crate::support::*;

const PATH: &str = "/api/activity";

/// Returns the actions that concern a user besides sign-ins, oldest first.
async fn actions(server: &Server, user: &TestUser) -> Vec<String> {
    let sql = format!(
        "SELECT action AS value FROM activity WHERE subject_id = '{}' AND action <> 'signed-in' ORDER BY id",
        user.id
    );
    select(server, &sql).await
}

/// Returns a user's own events besides sign-ins, newest first.
async fn own(caller: &Caller) -> Vec<Value> {
    let page = caller.get(&format!("{PATH}?limit=100")).await.expect(200);
    let mut items = page["items"].as_array().unwrap().clone();
    items.retain(|event| event["action"] != "signed-in");
    items
}

#[test]
fn every_action_is_in_the_reference() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/activity.md");
    let page = std::fs::read_to_string(file).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    for action in Action::VARIANTS {
        let name: &str = action.into();
        let rows = rows.iter().filter(|row| row.contains(&format!("`{name}`"))).count();
        assert_eq!(rows, 1, "{name}");
    }
}

#[apply(on_both_databases)]
async fn list_own_activity_without_session_or_with_invalid_query_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.anonymous.get(PATH).await.assert_problem(401, "UNAUTHORIZED");
    for query in BAD_PAGES.iter().chain(&["subjectId=x", "action=signed-in"]) {
        let reply = ada.browser.get(&format!("{PATH}?{query}")).await;
        reply.assert_problem(400, "invalid_query");
    }
}

#[apply(on_both_databases)]
async fn list_own_activity_shows_own_events_only_with_pagination(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let eve = server.sign_up("eve").await;
    for name in ["1", "2", "3"] {
        ada.create_token(json!({ "name": name })).await;
        eve.create_token(json!({ "name": name })).await;
    }
    let reader = ada.token(&["read"]).await;
    let pages = pages(&reader, &format!("{PATH}?limit=2")).await;
    assert_eq!(pages.concat()[..4], own(&ada.browser).await[..4]);
    let tokens: Vec<String> = pages
        .concat()
        .iter()
        .filter_map(|event| event["detail"]["tokenId"].as_str().map(ToOwned::to_owned))
        .collect();
    let sql =
        format!("SELECT id AS value FROM api_tokens WHERE user_id = '{}' ORDER BY id DESC", ada.id);
    assert_eq!(tokens, select(&server, &sql).await);
}

#[apply(on_both_databases)]
async fn own_operation_that_changes_access_records_one_event(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut expected = vec!["signed-up"];
    assert_eq!(actions(&server, &ada).await, expected);

    let secret = server.last_mail_to(&ada.email).await.secret();
    let confirm = json!({ "token": secret });
    server.anonymous.post("/api/auth/verify-email", confirm).await.expect(200);
    expected.push("email-verified");

    let phone = server.sign_in(&ada).await;
    phone.post("/api/auth/sign-out", json!({})).await.expect(200);
    expected.push("signed-out");
    phone.post("/api/auth/sign-out", json!({})).await.expect(200);

    let phone = server.sign_in(&ada).await;
    let session = json!({ "token": phone.session_id().await });
    for _ in 0..2 {
        ada.browser.post("/api/auth/revoke-session", session.clone()).await.expect(200);
    }
    expected.push("session-ended");
    ada.browser.post("/api/auth/revoke-other-sessions", json!({})).await.expect(200);
    expected.push("sessions-ended");

    let token = ada.create_token(json!({ "name": "x" })).await;
    let path = format!("/api/tokens/{}", token["id"].as_str().unwrap());
    for _ in 0..2 {
        ada.browser.delete(&path).await.expect(204);
    }
    expected.extend(["token-created", "token-revoked"]);
    ada.token(&["read"]).await.delete("/api/tokens/current").await.expect(204);
    expected.extend(["token-created", "token-revoked"]);

    let new = json!({ "newEmail": "ada@new.example" });
    ada.browser.post("/api/auth/change-email", new).await.expect(200);
    expected.push("email-change-requested");
    let confirm = json!({ "token": server.last_mail_to("ada@new.example").await.secret() });
    server.anonymous.post("/api/auth/verify-email", confirm).await.expect(200);
    expected.push("email-changed");

    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another fine password", "revokeOtherSessions": false });
    let reply = ada.browser.post("/api/auth/change-password", change).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    reply.expect(200);
    expected.push("password-changed");
    browser.post("/api/auth/revoke-sessions", json!({})).await.expect(200);
    expected.push("sessions-ended");

    let forgotten = json!({ "email": "ada@new.example" });
    server.anonymous.post("/api/auth/request-password-reset", forgotten).await.expect(200);
    let secret = server.last_mail_to("ada@new.example").await.secret();
    let reset = json!({ "token": secret, "newPassword": PASSWORD });
    server.anonymous.post("/api/auth/reset-password", reset).await.expect(200);
    expected.push("password-reset");

    let ada = TestUser { email: "ada@new.example".to_owned(), ..ada };
    let browser = server.sign_in(&ada).await;
    // Changes of the profile and of names change no access.
    browser.post("/api/auth/update-user", json!({ "name": "Ida" })).await.expect(200);
    assert_eq!(actions(&server, &ada).await, expected);
    let shown: Vec<String> = each(&own(&browser).await, "action").into_iter().rev().collect();
    assert_eq!(shown, expected);

    browser.post("/api/auth/delete-user", json!({ "password": PASSWORD })).await.expect(200);
    expected.push("user-deleted");
    assert_eq!(actions(&server, &ada).await, expected);
}

#[apply(on_both_databases)]
async fn event_of_email_confirmed_by_get_says_that_credentials_were_revoked(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let secret = server.last_mail_to(&ada.email).await.secret();
    let path = format!("/api/auth/verify-email?token={secret}");
    server.anonymous.get(&path).await.expect(200);
    let browser = server.sign_in(&ada).await;
    let event = own(&browser).await.remove(0);
    assert_eq!(event["action"], "email-verified");
    assert_eq!(event["detail"], json!({ "credentialsRevoked": true }));
    let page = browser.navigate("/settings/activity").await.text;
    let sentence = "You confirmed your email and ended all earlier sessions and tokens";
    assert!(page.contains(sentence), "{page}");
}

#[apply(on_both_databases)]
async fn own_operation_is_rolled_back_when_its_event_cannot_be_stored(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let verify = json!({ "token": server.last_mail_to(&ada.email).await.secret() });
    let forgotten = json!({ "email": ada.email });
    server.anonymous.post("/api/auth/request-password-reset", forgotten).await.expect(200);
    let reset = server.last_mail_to(&ada.email).await.secret();
    let reset = json!({ "token": reset, "newPassword": "another fine password" });
    let phone = server.sign_in(&ada).await;
    let session = json!({ "token": phone.session_id().await });
    let token = ada.create_token(json!({ "name": "x" })).await;
    let script = server.anonymous.with_token(token["token"].as_str().unwrap());
    let token = format!("/api/tokens/{}", token["id"].as_str().unwrap());
    server.wait_for_jobs().await;
    server.clear_outbox().await;
    let before = |table: &str| format!("SELECT CAST(count(*) AS TEXT) AS value FROM {table}");
    let counts = async || {
        let mut counts = Vec::new();
        for table in ["users", "sessions", "api_tokens", "verifications", "jobs"] {
            counts.extend(select(&server, &before(table)).await);
        }
        counts
    };
    let unchanged = counts().await;
    execute(&server, "ALTER TABLE activity RENAME TO activity_gone").await;
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another fine password" });
    let new = json!({ "name": "x", "email": "x@example.com", "password": PASSWORD });
    for (caller, method, path, body) in [
        (&server.anonymous, Method::POST, "/api/auth/sign-up/email", new),
        (&server.anonymous, Method::POST, "/api/auth/verify-email", verify),
        (&server.anonymous, Method::POST, "/api/auth/reset-password", reset),
        (&phone, Method::POST, "/api/auth/sign-out", json!({})),
        (&ada.browser, Method::POST, "/api/auth/revoke-session", session),
        (&ada.browser, Method::POST, "/api/auth/revoke-other-sessions", json!({})),
        (&ada.browser, Method::POST, "/api/auth/revoke-sessions", json!({})),
        (&ada.browser, Method::POST, "/api/tokens", json!({ "name": "y" })),
        (&ada.browser, Method::DELETE, &token, json!({})),
        (&script, Method::DELETE, "/api/tokens/current", json!({})),
        (
            &ada.browser,
            Method::POST,
            "/api/auth/change-email",
            json!({ "newEmail": "ada@new.example" }),
        ),
        (&ada.browser, Method::POST, "/api/auth/change-password", change),
        (&ada.browser, Method::POST, "/api/auth/delete-user", json!({ "password": PASSWORD })),
    ] {
        let reply = Reply::of(caller.request(method, path).json(&body)).await;
        assert_eq!(reply.status, 500, "{path}: {}", reply.text);
    }
    assert_eq!(counts().await, unchanged);
    assert_eq!(server.outbox().await.len(), 0);
    for caller in [&ada.browser, &phone, &script] {
        let user = caller.get("/api/me").await.expect(200)["user"].clone();
        assert_eq!(user["emailVerified"], false);
        assert_eq!(user["email"], ada.email.as_str());
    }
    execute(&server, "ALTER TABLE activity_gone RENAME TO activity").await;
    server.sign_in(&ada).await;
}

#[apply(on_both_databases)]
async fn event_holds_the_network_and_device_of_its_client(backend: Backend) {
    let server = backend.start_with(&["--trusted-proxies", "127.0.0.1"]).await;
    let ada = server.sign_up("ada").await;
    for (address, network) in
        [("203.0.113.7", "203.0.113.7"), ("2001:db8:1:2::7", "2001:db8:1:2::/64")]
    {
        let request =
            ada.browser.request(Method::POST, "/api/tokens").json(&json!({ "name": "x" }));
        let request = request.header("X-Forwarded-For", address).header("User-Agent", "script/2");
        Reply::of(request).await.expect(201);
        let event = own(&ada.browser).await.remove(0);
        assert_eq!(event["action"], "token-created");
        assert_eq!(event["network"], network);
        assert_eq!(event["device"], "script/2");
        assert_eq!(event["actor"], "you");
        let page = ada.browser.navigate("/settings/activity").await.text;
        assert!(page.contains("You created the token “x” with read, write"), "{page}");
        assert!(page.contains(&format!("· script/2 · {network}")), "{page}");
    }
}

#[apply(on_both_databases)]
async fn event_holds_no_client_if_the_setting_is_off(backend: Backend) {
    let server = backend.start_with(&["--activity-clients", "off"]).await;
    let admin = server.sign_up_admin("root").await;
    let ada = server.sign_up("ada").await;
    ada.create_token(json!({ "name": "x" })).await;
    let path = format!("/api/admin/users/{}", ada.id);
    admin.browser.patch(&path, json!({ "name": "Ida" })).await.expect(200);
    server.anonymous.with_token(&Server::unknown_token()).get("/api/me").await.expect(401);
    let now = server.now();
    server.state.rejections.flush(&server.state.store, now).await.unwrap();
    let kept = "SELECT id AS value FROM activity WHERE network IS NOT NULL OR device IS NOT NULL";
    assert!(select(&server, kept).await.is_empty());
    assert_eq!(
        select(&server, "SELECT id AS value FROM activity WHERE action = 'token-rejected'")
            .await
            .len(),
        1
    );
}

#[apply(on_both_databases)]
async fn user_sees_that_an_admin_or_the_operator_acted_and_not_who(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("root").await;
    let ada = server.sign_up("ada").await;
    let path = format!("/api/admin/users/{}", ada.id);
    let request = admin.browser.request(Method::PATCH, &path).json(&json!({ "name": "Ida" }));
    Reply::of(request.header("User-Agent", "admins-browser")).await.expect(200);
    server.set_role(&ada, portcullis::store::users::Role::Admin).await;
    let ada = TestUser { browser: server.sign_in(&ada).await, ..ada };
    let reply = ada.browser.get(PATH).await;
    for hidden in [admin.id.as_str(), "admins-browser"] {
        assert!(!reply.text.contains(hidden), "{}", reply.text);
    }
    let events = own(&ada.browser).await;
    let told: Vec<_> = events.iter().map(|event| (&event["actor"], &event["network"])).collect();
    assert_eq!(told[0], (&json!("operator"), &Value::Null));
    assert_eq!(told[1], (&json!("admin"), &Value::Null));
    assert_eq!(told[2], (&json!("you"), &json!("127.0.0.1")));
    let change = json!({ "before": { "name": "ada" }, "after": { "name": "Ida" } });
    assert_eq!(events[1]["detail"], change);
    let page = ada.browser.navigate("/settings/activity").await.text;
    for sentence in [
        "The operator set the role of your account from user to admin",
        "An admin renamed your account from “ada” to “Ida”",
        "You signed up",
    ] {
        assert!(page.contains(sentence), "{sentence}: {page}");
    }
    assert!(!page.contains("admins-browser"), "{page}");
}

#[apply(on_both_databases)]
async fn activity_page_without_events_shows_an_empty_state(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    execute(&server, "DELETE FROM activity").await;
    let page = ada.browser.navigate("/settings/activity").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("No activity is recorded."), "{}", page.text);
    assert!(
        page.text.contains(r#"<a href="/settings/activity" aria-current="page">"#),
        "{}",
        page.text
    );
}

#[apply(on_both_databases)]
async fn event_cannot_be_updated_in_the_database(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let update = "UPDATE activity SET action = 'signed-out'";
    assert!(try_execute(&server, update).await.is_err());
    assert_eq!(actions(&server, &ada).await[0], "signed-up");
    execute(&server, allow_activity_updates(backend)).await;
    execute(&server, update).await;
}

#[apply(on_both_databases)]
async fn each_sign_in_records_its_method_and_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.sign_in(&ada).await;
    let sql = format!(
        "SELECT detail AS value FROM activity WHERE action = 'signed-in' AND subject_id = '{}' ORDER BY id",
        ada.id
    );
    let ids = select(&server, "SELECT id AS value FROM sessions ORDER BY id").await;
    let details: Vec<Value> = select(&server, &sql)
        .await
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    let expected: Vec<Value> =
        ids.iter().map(|id| json!({ "methods": ["password"], "sessionId": id })).collect();
    assert_eq!(details, expected);
}
