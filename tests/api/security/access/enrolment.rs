//! Users who must set up two-factor authentication: each operation that requires authentication is closed to them, except
//! for those that the document declares open. There is no list of operations.

use portcullis::store::page::new_id;

use super::*;

const REQUIRED: &str = "two_factor_enrolment_required";

fn requires_authentication(operation: &Operation<'_>) -> bool {
    !operation.is_public() && !operation.accepts("challenge", &[])
}

fn is_open_before_enrolment(operation: &Operation<'_>) -> bool {
    let text = operation.value["description"].as_str().unwrap_or_default();
    text.contains("Open to a user who must set up two-factor authentication first.")
}

/// Calls every operation as this caller. Returns those that were rejected because the user must enrol.
async fn rejected<'a>(caller: &Caller, operations: &[Operation<'a>]) -> BTreeSet<&'a str> {
    let mut rejected = BTreeSet::new();
    for operation in operations.iter().filter(|operation| operation.id != "sign_out") {
        let path = operation.path.replace("{id}", &new_id()).replace("{token}", "x");
        let request = caller.request(operation.method.clone(), &path);
        let reply = Reply::of(request.json(&json!({ "nothing": true }))).await;
        if reply.json()["code"] == REQUIRED {
            reply.assert_problem(403, REQUIRED);
            rejected.insert(operation.id);
        }
    }
    rejected
}

fn closed<'a>(operations: &[Operation<'a>]) -> BTreeSet<&'a str> {
    let closed = operations.iter().filter(|operation| {
        requires_authentication(operation) && !is_open_before_enrolment(operation)
    });
    closed.map(|operation| operation.id).collect()
}

#[apply(on_both_databases)]
async fn user_who_must_enrol_can_only_do_that(backend: Backend) {
    let document = document();
    let operations = document.operations();
    let server = backend.start_with(&["--two-factor", "all"]).await;
    let mut ada = server.sign_up("ada").await;
    let closed = closed(&operations);
    assert!(closed.len() > 30 && !closed.contains("enable_two_factor"), "{closed:?}");
    assert_eq!(rejected(&ada.browser, &operations).await, closed);
    ada.enable_two_factor(&server).await;
    assert!(rejected(&ada.browser, &operations).await.is_empty());
}

#[apply(on_both_databases)]
async fn token_of_an_admin_who_must_enrol_is_rejected(backend: Backend) {
    let server = backend.start_with(&["--two-factor", "admins"]).await;
    let mut ada = server.sign_up("ada").await;
    let token = ada.token(&["read", "write"]).await;
    token.get(TOKENS).await.expect(200);
    ada = server.make_admin(ada).await;
    for caller in [&token, &ada.browser] {
        caller.get(TOKENS).await.assert_problem(403, REQUIRED);
        caller.get("/api/me").await.expect(200);
    }
    ada.enable_two_factor(&server).await;
    token.get(TOKENS).await.expect(200);
    ada.browser.get("/api/admin/users").await.expect(200);
    // An admin who removes it must set it up again.
    let body = json!({ "password": PASSWORD });
    let reply = ada.browser.post("/api/auth/two-factor/disable", body).await;
    let browser = ada.browser.with_cookie(&reply.cookie().unwrap());
    browser.get("/api/admin/users").await.assert_problem(403, REQUIRED);
}

#[apply(on_both_databases)]
async fn browser_of_a_user_who_must_enrol_is_led_to_the_settings(backend: Backend) {
    let server = backend.start_with(&["--two-factor", "all"]).await;
    let ada = server.sign_up("ada").await;
    for path in ["/settings", "/settings/tokens", "/admin"] {
        let reply = ada.browser.navigate(path).await;
        assert_eq!(reply.status, 302, "{path}");
        assert_eq!(reply.header("location"), Some("/settings/two-factor"), "{path}");
    }
    assert_eq!(ada.browser.navigate("/settings/two-factor").await.status, 200);
    ada.browser.post("/api/auth/sign-out", json!({})).await.expect(200);
}
