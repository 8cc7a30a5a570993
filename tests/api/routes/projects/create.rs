//! `POST /api/projects`

use reqwest::Method;

use super::*;

const PATH: &str = "/api/projects";

#[apply(on_both_databases)]
async fn create_project_reports_all_invalid_fields_at_once(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "name": "", "description": "\0" });
    let problem = ada.browser.post(PATH, body).await.assert_problem(422, "validation_failed");
    assert_eq!(each(problem["errors"].as_array().unwrap(), "field"), ["description", "name"]);
}

#[apply(on_both_databases)]
async fn create_project_with_malformed_json_reports_line_and_column(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let malformed: [(&[u8], &str); 6] = [
        (b"{", "line 1, column 1"),
        (b"{\n  \"name\": oops}", "line 2, column 11"),
        (b"{\"name\": \"x\"} {}", "line 1, column 15"),
        (b"{\"name\": \"\\ud800\"}", "line 1, column"),
        (b"{\"name\": \"\xff\"}", "line 1, column"),
        (b"\0", "line 1, column 1"),
    ];
    for (bytes, position) in malformed {
        let request = ada
            .browser
            .request(Method::POST, PATH)
            .header("Content-Type", "application/json")
            .body(bytes);
        let problem = Reply::of(request).await.assert_problem(400, "BAD_REQUEST");
        let text = String::from_utf8_lossy(bytes);
        assert!(problem["detail"].as_str().unwrap().contains(position), "{text}: {problem}");
    }
}

#[apply(on_both_databases)]
async fn create_project_without_json_content_type_is_unsupported_media_type(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"]
    {
        let request = ada.browser.request(Method::POST, PATH).header("Content-Type", content_type);
        let reply = Reply::of(request.body(r#"{"name": "x"}"#)).await;
        reply.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let untyped = ada.browser.request(Method::POST, PATH).body(r#"{"name": "x"}"#);
    Reply::of(untyped).await.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    let typed = ada
        .browser
        .request(Method::POST, PATH)
        .header("Content-Type", "Application/JSON; charset=utf-8")
        .body(r#"{"name": "x"}"#);
    Reply::of(typed).await.expect(201);
}

#[apply(on_both_databases)]
async fn create_project_with_body_over_64_kib_is_payload_too_large(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let request_of_length = |length: usize| {
        let body = format!(r#"{{"name": "x"{}}}"#, " ".repeat(length - 13));
        assert_eq!(body.len(), length);
        ada.browser
            .request(Method::POST, PATH)
            .header("Content-Type", "application/json")
            .body(body)
    };
    Reply::of(request_of_length(64 * 1024 + 1)).await.assert_problem(413, "payload_too_large");
    Reply::of(request_of_length(64 * 1024)).await.expect(201);
}

#[apply(on_both_databases)]
async fn create_project_returns_its_location(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "name": "Analytical Engine", "description": "It\n\tweaves.\r\n" });
    let reply = ada.browser.post(PATH, body).await;
    let location = reply.header("location").unwrap().to_owned();
    let created = reply.expect(201);
    let now = server.now().to_string();
    assert_eq!(location, format!("{PATH}/{}", created["id"].as_str().unwrap()));
    assert_eq!(
        created,
        json!({
            "id": created["id"],
            "name": "Analytical Engine",
            "shortName": null,
            "description": "It\n\tweaves.\r\n",
            "status": "planned",
            "estimatedHours": null,
            "dueDate": null,
            "createdAt": now,
            "updatedAt": now,
        })
    );
    assert_eq!(ada.browser.get(&location).await.expect(200), created);
}

#[apply(on_both_databases)]
async fn create_project_keeps_a_name_in_any_script(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for name in ["x", " Ada's ", "Ünïcödé", "機関", "'; DROP TABLE projects; --", &"🦀".repeat(100)]
    {
        let created = ada.browser.post(PATH, json!({ "name": name })).await.expect(201);
        assert_eq!(created["name"], name);
        assert_eq!(created["description"], Value::Null);
        let path = format!("{PATH}/{}", created["id"].as_str().unwrap());
        assert_eq!(ada.browser.get(&path).await.expect(200), created);
    }
}

/// A newer version may store a status that this one does not know. `faults::rows` tests the same for roles and scopes.
#[apply(on_both_databases)]
async fn unknown_project_status_is_shown_unchanged(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.browser.post(PATH, json!({ "name": "x" })).await.expect(201);
    execute(&server, "UPDATE projects SET status = 'archived'").await;
    let path = format!("{PATH}/{}", created["id"].as_str().unwrap());
    let renamed = ada.browser.patch(&path, json!({ "name": "y" })).await.expect(200);
    assert_eq!(renamed["status"], "archived");
    assert_eq!(ada.browser.get(PATH).await.expect(200)["items"], json!([renamed]));
}
