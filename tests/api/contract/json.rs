//! Rules that hold for every JSON body.

use reqwest::Method;

use crate::support::*;

#[apply(on_both_databases)]
async fn body_with_several_invalid_fields_reports_all_at_once(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "name": "", "expiresInDays": 0 });
    let problem = ada.browser.post(TOKENS, body).await.assert_problem(422, "validation_failed");
    assert_eq!(each(problem["errors"].as_array().unwrap(), "field"), ["expiresInDays", "name"]);
}

#[apply(on_both_databases)]
async fn malformed_json_reports_line_and_column(backend: Backend) {
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
            .request(Method::POST, TOKENS)
            .header("Content-Type", "application/json")
            .body(bytes);
        let problem = Reply::of(request).await.assert_problem(400, "BAD_REQUEST");
        let text = String::from_utf8_lossy(bytes);
        assert!(problem["detail"].as_str().unwrap().contains(position), "{text}: {problem}");
    }
}

#[apply(on_both_databases)]
async fn body_without_json_content_type_is_unsupported_media_type(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"]
    {
        let request =
            ada.browser.request(Method::POST, TOKENS).header("Content-Type", content_type);
        let reply = Reply::of(request.body(r#"{"name": "x"}"#)).await;
        reply.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let untyped = ada.browser.request(Method::POST, TOKENS).body(r#"{"name": "x"}"#);
    Reply::of(untyped).await.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    let typed = ada
        .browser
        .request(Method::POST, TOKENS)
        .header("Content-Type", "Application/JSON; charset=utf-8")
        .body(r#"{"name": "x"}"#);
    Reply::of(typed).await.expect(201);
}

#[apply(on_both_databases)]
async fn body_over_64_kib_is_payload_too_large(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let request_of_length = |length: usize| {
        let body = format!(r#"{{"name": "x"{}}}"#, " ".repeat(length - 13));
        assert_eq!(body.len(), length);
        ada.browser
            .request(Method::POST, TOKENS)
            .header("Content-Type", "application/json")
            .body(body)
    };
    Reply::of(request_of_length(64 * 1024 + 1)).await.assert_problem(413, "payload_too_large");
    Reply::of(request_of_length(64 * 1024)).await.expect(201);
}
