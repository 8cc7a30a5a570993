//! PATCH /api/tokens/{id}

use super::*;

#[apply(on_both_databases)]
async fn nobody_renames_a_token(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "hers" })).await;
    server
        .anonymous
        .patch(&place(&made), json!({ "name": "x" }))
        .await
        .assert_problem(401, "UNAUTHORIZED");
}

#[apply(on_both_databases)]
async fn a_token_renames_neither_itself_nor_its_sister(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let all = json!({ "name": "all", "scopes": ["read", "write", "admin"] });
    let made = admin.create_token(all).await;
    let sister = admin.create_token(json!({ "name": "sister" })).await;
    let script = holder(&server, &made);
    for token in [&made, &sister] {
        let reply = script.patch(&place(token), json!({ "name": "x" })).await;
        reply.assert_problem(403, "cookie_required");
        assert_eq!(admin.browser.get(&place(token)).await.expect(200)["name"], token["name"]);
    }
}

#[apply(on_both_databases)]
async fn a_strangers_token_is_not_there_and_stays_as_it_is(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let admin = server.sign_up_admin("admin").await;
    let made = ada.create_token(json!({ "name": "hers" })).await;
    for stranger in [grace, admin] {
        let reply = stranger.browser.patch(&place(&made), json!({ "name": "mine now" })).await;
        reply.assert_problem(404, "not_found");
    }
    assert_eq!(ada.browser.get(&place(&made)).await.expect(200), view(&made));
}

#[apply(on_both_databases)]
async fn an_id_that_is_none_is_not_there(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for place in unknown_tokens() {
        ada.browser.patch(&place, json!({ "name": "x" })).await.assert_problem(404, "not_found");
    }
}

#[apply(on_both_databases)]
async fn a_field_that_does_not_fit_is_named(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "hers" })).await;
    for name in [json!(""), json!("a".repeat(101)), json!("a nul \0"), json!(7), json!(null)] {
        let reply = ada.browser.patch(&place(&made), json!({ "name": name })).await;
        let problem = reply.assert_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "name", "{name}: {problem}");
    }
    ada.browser.patch(&place(&made), json!({})).await.assert_problem(422, "validation_failed");
}

#[apply(on_both_databases)]
async fn nothing_but_the_name_can_be_changed(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "hers", "scopes": ["read"] })).await;
    for (field, value) in [
        ("scopes", json!(["read", "write"])),
        ("expiresInDays", json!(3650)),
        ("expiresAt", json!(null)),
        ("revokedAt", json!(null)),
        ("userId", json!(ada.id)),
    ] {
        let reply = ada.browser.patch(&place(&made), json!({ "name": "x", field: value })).await;
        reply.assert_problem(422, "validation_failed");
    }
    assert_eq!(ada.browser.get(&place(&made)).await.expect(200), view(&made));
}

#[apply(on_both_databases)]
async fn a_token_gets_another_name_and_works_on(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "before" })).await;
    let mut expected = view(&made);
    expected["name"] = json!("after");
    let renamed = ada.browser.patch(&place(&made), json!({ "name": "after" })).await.expect(200);
    assert_eq!(renamed, expected);
    assert_eq!(ada.browser.get(&place(&made)).await.expect(200), expected);
    holder(&server, &made).get("/api/me").await.expect(200);
}
