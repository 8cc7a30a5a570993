//! What the test kit checks in every test fails when it should.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use portcullis::testkit::{add_secrets, answered, reveals_secret, secrets_in};

use super::*;

#[test]
fn undeclared_response_is_reported() {
    let cases = [
        ("GET", "/api/tokens/x", 200, None, true),
        ("GET", "/api/tokens/x", 404, Some("not_found"), true),
        ("HEAD", "/api/tokens/x", 404, None, true),
        ("GET", "/api/tokens/x", 404, Some("INVALID_TOKEN"), false),
        ("GET", "/api/tokens/x", 201, None, false),
        ("GET", "/api/tokens", 404, Some("not_found"), false),
        ("DELETE", "/api/tokens/current", 403, Some("token_required"), true),
        ("DELETE", "/api/tokens/x", 403, Some("token_required"), false),
        ("PATCH", "/api/admin/users/x", 409, Some("last_admin"), true),
        ("PATCH", "/api/admin/users/x", 409, Some("email_taken"), false),
        ("POST", "/api/auth/reset-password", 400, Some("INVALID_TOKEN"), true),
        ("POST", "/api/auth/reset-password", 401, Some("INVALID_TOKEN"), false),
        ("GET", "/nothing/of/the/document", 418, None, true),
    ];
    for (method, path, status, code, is_declared) in cases {
        let said = document().undeclared(&method.parse().unwrap(), path, status, code);
        assert_eq!(said.is_none(), is_declared, "{method} {path} {status} {code:?}: {said:?}");
    }
}

#[tokio::test]
#[should_panic(expected = "a credential is in the body")]
async fn response_that_contains_the_sent_credential_panics() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let length = socket.read(&mut request).await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&request[..length]).await.unwrap();
    });
    anonymous(&base).with_token(&"x".repeat(40)).get("/").await;
}

#[test]
fn log_line_that_contains_a_secret_is_reported() {
    let secret = "x".repeat(32);
    assert!(!reveals_secret(&format!("begun {secret}.")));
    let cookie = format!("portcullis=%22{secret}%22");
    add_secrets(secrets_in(&cookie));
    assert!(reveals_secret(&format!("begun {secret}.")));
    assert!(!reveals_secret(&format!("begun {secret}y.")));
    assert!(reveals_secret(&format!("with {PASSWORD}!")));
}

#[tokio::test]
async fn log_lines_of_test_servers_are_scanned() {
    let server = Backend::Sqlite.start().await;
    let before = answered();
    server.anonymous.get("/health/live").await.expect(200);
    assert!(answered() > before);
}

#[test]
#[should_panic(expected = "Line 2 is\n  b\nand should be\n  c")]
fn file_that_is_not_what_the_product_generates_is_reported_with_its_line() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("access.txt");
    std::fs::write(&file, "a\nb\n").unwrap();
    portcullis::testkit::assert_generated(&file, "a\nc\n");
}
