use super::*;

async fn update(browser: &Caller, body: Value) -> Reply {
    browser.post(UPDATE_USER, body).await
}

#[apply(on_both_databases)]
async fn update_user_rejects_anonymous_token_and_csrf_requests(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "name": "eve", "image": "https://evil.example/" });
    assert_cookie_required(&server, &ada, UPDATE_USER, body).await;
    let user = current_user(&ada.browser).await;
    assert_eq!((&user["name"], &user["image"]), (&json!("ada"), &Value::Null));
}

#[apply(on_both_databases)]
async fn update_user_with_invalid_name_or_image_fails_validation(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let before = current_user(&ada.browser).await;
    let body = json!({ "name": "Ada Lovelace", "image": "https://example.com/ada.png" });
    let long = format!("https://example.com/{}", "x".repeat(2048 - 19));
    let unfit = [
        ("name", json!("")),
        ("name", json!(" \u{2003}")),
        ("name", json!("a".repeat(101))),
        ("name", json!("two\nlines")),
        ("name", json!("a nul \0")),
        ("name", json!(7)),
        ("name", json!(["Ada"])),
        ("image", json!("")),
        ("image", json!("ada.png")),
        ("image", json!("javascript:alert(1)")),
        ("image", json!("data:image/png;base64,AAAA")),
        ("image", json!("https://example.com/\u{7}")),
        ("image", json!(long)),
        ("image", json!(false)),
    ];
    server.advance(seconds(1));
    assert_fields_rejected(&ada.browser, UPDATE_USER, &body, &unfit).await;
    assert_eq!(current_user(&ada.browser).await, before);
}

#[apply(on_both_databases)]
async fn update_user_with_email_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let before = current_user(&ada.browser).await;
    for email in [json!("new@example.com"), json!(ada.email), json!(""), json!(7), json!({})] {
        let body = json!({ "name": "Ada Lovelace", "email": email });
        update(&ada.browser, body).await.assert_problem(400, "EMAIL_CAN_NOT_BE_UPDATED");
    }
    assert_eq!(current_user(&ada.browser).await, before);
}

#[apply(on_both_databases)]
async fn update_user_with_role_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let before = current_user(&ada.browser).await;
    for role in [json!("admin"), json!("user"), json!(["admin"]), json!({}), json!(1), json!(true)]
    {
        let body = json!({ "name": "Ada Lovelace", "role": role });
        update(&ada.browser, body).await.assert_problem(400, "FIELD_NOT_ALLOWED");
    }
    assert_eq!(current_user(&ada.browser).await, before);

    // Falsy values in JavaScript are dropped, and the other fields are accepted.
    for role in [Value::Null, json!(false), json!(0), json!("")] {
        update(&ada.browser, json!({ "name": "Countess", "role": role })).await.expect(200);
    }
    let user = current_user(&ada.browser).await;
    assert_eq!((&user["name"], &user["role"]), (&json!("Countess"), &json!("user")));
    ada.browser.get("/api/admin/users").await.assert_problem(403, "admin_required");
}

#[apply(on_both_databases)]
async fn update_user_without_fields_is_bad_request(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let before = current_user(&ada.browser).await;
    server.advance(seconds(1));
    let bare = Reply::of(ada.browser.request(Method::POST, UPDATE_USER)).await;
    bare.assert_problem(400, "no_fields_to_update");
    for body in [
        json!({}),
        json!({ "name": null }),
        json!({ "email": null, "role": null }),
        json!({ "emailVerified": true }),
        json!({ "nickname": "Ada" }),
    ] {
        update(&ada.browser, body).await.assert_problem(400, "no_fields_to_update");
    }
    assert_eq!(current_user(&ada.browser).await, before);
}

#[apply(on_both_databases)]
async fn update_user_changes_the_name_and_nothing_else(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let phone = server.sign_in(&ada).await;
    let strangers = current_user(&grace.browser).await;
    update(&ada.browser, json!({ "image": "https://example.com/ada.png" })).await.expect(200);
    let before = current_user(&ada.browser).await;
    server.advance(seconds(1));
    let name = "Ada \u{202e}🦀 '; DROP TABLE users; --";
    let reply = update(&ada.browser, json!({ "name": name })).await;
    assert_eq!(reply.header("set-cookie"), None);
    assert_eq!(reply.expect(200), json!({ "status": true }));
    let after = with_field(before, "name", name);
    let after = with_field(after, "updatedAt", server.now().to_string());
    assert_eq!(current_user(&ada.browser).await, after);
    assert_eq!(current_user(&phone).await, after, "every browser sees it at once");
    assert_eq!(ada.browser.get(GET_SESSION).await.expect(200)["user"], after);
    assert_eq!(current_user(&grace.browser).await, strangers);
}

#[apply(on_both_databases)]
async fn update_user_sets_changes_and_clears_the_image(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let longest = format!("https://example.com/{}", "x".repeat(2048 - 20));
    for image in [json!("http://example.com/ada.png"), json!(longest), Value::Null, Value::Null] {
        update(&ada.browser, json!({ "image": image })).await.expect(200);
        let user = current_user(&ada.browser).await;
        assert_eq!(user["image"], image);
        assert_eq!(user["name"], "ada", "a field that is left out stays unchanged");
    }
    let both = json!({ "name": "a".repeat(100), "image": "https://example.com/ada.png" });
    update(&ada.browser, both.clone()).await.expect(200);
    update(&ada.browser, json!({ "name": "Ada", "image": null })).await.expect(200);
    let user = current_user(&ada.browser).await;
    assert_eq!((&user["name"], &user["image"]), (&json!("Ada"), &Value::Null));
}

#[apply(on_both_databases)]
async fn update_user_ignores_fields_a_user_may_not_set(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let before = current_user(&ada.browser).await;
    let body = json!({
        "name": "Ada Lovelace",
        "id": grace.id,
        "userId": grace.id,
        "emailVerified": true,
        "email_verified": true,
        "createdAt": "2000-01-01T00:00:00.000Z",
        "updatedAt": "2000-01-01T00:00:00.000Z",
        "deactivatedAt": "2000-01-01T00:00:00.000Z",
        "password": NEW_PASSWORD,
        "constructor": { "prototype": {} },
    });
    update(&ada.browser, body).await.expect(200);
    assert_eq!(current_user(&ada.browser).await, with_field(before, "name", "Ada Lovelace"));
    assert_eq!(current_user(&grace.browser).await["name"], "grace");
    sign_in_with(&server, &ada.email, PASSWORD).await.expect(200);
}
