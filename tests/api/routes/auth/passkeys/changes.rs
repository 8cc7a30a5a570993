use super::*;

#[apply(on_both_databases)]
async fn passkey_is_renamed_by_its_owner_alone(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let passkey = ada.add(server.passkey()).await;
    let body = json!({ "id": passkey.id, "name": "Phone" });
    grace.browser.post(UPDATE, body.clone()).await.assert_problem(404, "PASSKEY_NOT_FOUND");
    let renamed = ada.browser.post(UPDATE, body).await.expect(200);
    assert_eq!(renamed["passkey"]["name"], "Phone");
    assert_eq!(passkeys_of(&ada).await[0]["name"], "Phone");
    let blank = json!({ "id": passkey.id, "name": "  " });
    ada.browser.post(UPDATE, blank).await.assert_problem(400, "VALIDATION_ERROR");
    assert_eq!(actions(&server, &ada).await[0], "passkey-renamed");
    assert!(passkeys_of(&grace).await.is_empty());
}

#[apply(on_both_databases)]
async fn passkey_is_removed_by_its_owner_alone_and_no_longer_signs_in(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let mut passkey = ada.add(server.passkey()).await;
    let body = json!({ "id": passkey.id });
    grace.browser.post(DELETE, body.clone()).await.assert_problem(404, "PASSKEY_NOT_FOUND");
    server.anonymous.use_passkey(&mut passkey).await.expect(200);
    let done = ada.browser.post(DELETE, body.clone()).await.expect(200);
    assert_eq!(done, json!({ "status": true }));
    ada.browser.post(DELETE, body).await.assert_problem(404, "PASSKEY_NOT_FOUND");
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(401, "PASSKEY_NOT_FOUND");
    assert_eq!(actions(&server, &ada).await[0], "passkey-removed");
    let mail = server.last_mail_to(&ada.email).await;
    assert!(mail.subject.contains("removed"), "{}", mail.subject);
}

#[apply(on_both_databases)]
async fn changes_of_passkeys_need_a_fresh_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let passkey = ada.add(server.passkey()).await;
    server.advance(days(1));
    for (path, body) in [
        (UPDATE, json!({ "id": passkey.id, "name": "Phone" })),
        (DELETE, json!({ "id": passkey.id })),
    ] {
        ada.browser.post(path, body).await.assert_problem(403, "SESSION_NOT_FRESH");
    }
    assert_eq!(passkeys_of(&ada).await.len(), 1);
}

/// Removes a user's password.
async fn remove_password(server: &Server, user: &TestUser) {
    execute(server, &format!("DELETE FROM accounts WHERE user_id = '{}'", user.id)).await;
}

#[apply(on_both_databases)]
async fn last_sign_in_method_is_not_removed(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let first = ada.add(server.passkey()).await;
    let second = ada.add(server.passkey()).await;
    remove_password(&server, &ada).await;
    ada.browser.post(DELETE, json!({ "id": first.id })).await.expect(200);
    let last = ada.browser.post(DELETE, json!({ "id": second.id })).await;
    last.assert_problem(400, "FAILED_TO_UNLINK_LAST_ACCOUNT");
    assert_eq!(passkeys_of(&ada).await.len(), 1);
}

#[apply(on_both_databases)]
async fn concurrent_removals_keep_the_last_sign_in_method(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(ada.add(server.passkey()).await.id);
    }
    remove_password(&server, &ada).await;
    let sent = ids.iter().map(|id| ada.browser.post(DELETE, json!({ "id": id })));
    let replies = futures_util::future::join_all(sent).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 3);
    assert_eq!(passkeys_of(&ada).await.len(), 1);
}

#[apply(on_both_databases)]
async fn last_passkey_is_removed_where_links_by_email_sign_in(backend: Backend) {
    let (server, _mail_server, users) = start_with_unresponsive_mail_server(backend, &[]).await;
    let ada = &users[1];
    let passkey = ada.add(server.passkey()).await;
    remove_password(&server, ada).await;
    ada.browser.post(DELETE, json!({ "id": passkey.id })).await.expect(200);
}
