use super::*;

#[apply(on_both_databases)]
async fn list_accounts_without_session_cookie_is_unauthorized_or_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.anonymous.get(LIST_ACCOUNTS).await.assert_problem(401, "UNAUTHORIZED");
    let junk = server.anonymous.with_cookie("portcullis=junk");
    junk.get(LIST_ACCOUNTS).await.assert_problem(401, "UNAUTHORIZED");
    for scopes in [&["read"][..], &["read", "write"]] {
        let script = ada.token(scopes).await;
        script.get(LIST_ACCOUNTS).await.assert_problem(403, "cookie_required");
    }
}

#[apply(on_both_databases)]
async fn list_accounts_of_user_without_accounts_is_empty(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.sign_up("grace").await;
    let sql = format!("DELETE FROM accounts WHERE user_id = '{}'", ada.id);
    execute(&server, &sql).await;
    assert_eq!(ada.browser.get(LIST_ACCOUNTS).await.expect(200), json!([]));
}

#[apply(on_both_databases)]
async fn list_accounts_shows_the_password_account_without_its_hash(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.sign_up("grace").await;
    let begun = server.now().to_string();
    let reply = ada.browser.get(LIST_ACCOUNTS).await;
    assert!(!reply.text.contains("argon2"), "{}", reply.text);
    let list = reply.expect(200);
    let account = json!({
        "id": list[0]["id"],
        "providerId": "credential",
        "accountId": ada.id,
        "userId": ada.id,
        "createdAt": begun,
        "updatedAt": begun,
        "scopes": [],
    });
    assert_eq!(list, json!([account]));

    server.advance(seconds(1));
    let body = json!({
        "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD, "revokeOtherSessions": false,
    });
    let reply = ada.browser.post(CHANGE_PASSWORD, body).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    let changed = with_field(account, "updatedAt", server.now().to_string());
    assert_eq!(browser.get(LIST_ACCOUNTS).await.expect(200), json!([changed]));
}
