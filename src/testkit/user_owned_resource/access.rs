//! The credentials that each operation accepts, and the items that callers can access.

use super::*;

pub async fn requests_without_credentials_are_unauthorized<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    let requests = [
        read_requests::<R>(&server.anonymous, &item),
        write_requests::<R>(&server.anonymous, &item),
    ];
    assert_all_rejected(requests.into_iter().flatten().collect(), 401, "UNAUTHORIZED").await;
    assert_eq!(list_items::<R>(&ada.browser).await, [item.shown]);
}

pub async fn token_without_read_scope_cannot_list_or_show<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    let writer = ada.token_with_custom_scopes(&["write"]).await;
    assert_all_rejected(read_requests::<R>(&writer, &item), 403, "insufficient_scope").await;
}

pub async fn token_without_write_scope_cannot_create_update_or_delete<R: UserOwnedResource>(
    backend: Backend,
) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    let reader = ada.token_with_custom_scopes(&["read"]).await;
    let before = list_items::<R>(&ada.browser).await;
    let code = if R::TOKENS_MAY_WRITE { "insufficient_scope" } else { "cookie_required" };
    assert_all_rejected(write_requests::<R>(&reader, &item), 403, code).await;
    assert_eq!(list_items::<R>(&ada.browser).await, before);
}

pub async fn csrf_from_another_origin_is_forbidden<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    let cookie = ada.browser.cookie.as_ref().unwrap();
    for (origin, code) in [
        (Some("http://evil.example"), "INVALID_ORIGIN"),
        (Some("null"), "MISSING_OR_NULL_ORIGIN"),
        (None, "MISSING_OR_NULL_ORIGIN"),
    ] {
        for (method, path, body) in [
            (Method::POST, R::PATH, R::body("unwanted")),
            (Method::PATCH, &item.path, change::<R>()),
            (Method::DELETE, &item.path, Value::Null),
        ] {
            let mut request = ada.browser.bare(method, path).header("Cookie", cookie).json(&body);
            if let Some(origin) = origin {
                request = request.header("Origin", origin);
            }
            Reply::of(request).await.assert_problem(403, code);
        }
    }
    assert_eq!(list_items::<R>(&ada.browser).await, [item.shown]);
}

pub async fn unknown_or_malformed_ids_are_not_found<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let long = "9".repeat(500);
    for id in ["none", "1", "%00", "%ff", "null", "..%2f..", &long, &new_id()] {
        let path = format!("{}/{id}", R::PATH);
        ada.browser.get(&path).await.assert_problem(404, "not_found");
        ada.browser.patch(&path, change::<R>()).await.assert_problem(404, "not_found");
        ada.browser.delete(&path).await.assert_problem(404, "not_found");
    }
}

pub async fn deactivated_user_is_unauthorized_until_reactivated<R: UserOwnedResource>(
    backend: Backend,
) {
    let server = Server::start(R::product(), backend).await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    let script = ada.token_with_custom_scopes(&["read", "write"]).await;
    let user = format!("/api/admin/users/{}", ada.id);
    admin.browser.post(&format!("{user}/deactivate"), json!({})).await.expect(200);
    for (caller, code) in [(&ada.browser, "UNAUTHORIZED"), (&script, "token_invalid")] {
        assert_all_rejected(read_requests::<R>(caller, &item), 401, code).await;
        assert_all_rejected(write_requests::<R>(caller, &item), 401, code).await;
    }
    admin.browser.post(&format!("{user}/reactivate"), json!({})).await.expect(200);
    assert_unchanged(&ada, &item).await;
    assert_eq!(script.get(&item.path).await.expect(200)["id"], item.id.as_str());
}

pub async fn token_with_write_scope_creates_updates_and_deletes<R: UserOwnedResource>(
    backend: Backend,
) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let writer = ada.token_with_custom_scopes(&["write"]).await;
    let item = create_item::<R>(&writer, "by script").await;
    assert_unchanged(&ada, &item).await;
    let changed = writer.patch(&item.path, change::<R>()).await.expect(200);
    assert_eq!(ada.browser.get(&item.path).await.expect(200), changed);
    writer.delete(&item.path).await.expect(204);
    ada.browser.get(&item.path).await.assert_problem(404, "not_found");
}
