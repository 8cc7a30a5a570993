//! Requests to other servers.

use portcullis::{
    app::{Server, StartError},
    time::Clock,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::oneshot,
};

use crate::{config_with, http, post, product, run, run_with, sign_up};

/// Answers one request, and returns the URL and what was requested.
async fn answer(response: &'static str) -> (String, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hour", listener.local_addr().unwrap());
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = connection.read(&mut request).await.unwrap();
        connection.write_all(response.as_bytes()).await.unwrap();
        let _ = sender.send(String::from_utf8_lossy(&request[..read]).into_owned());
    });
    (url, receiver)
}

#[tokio::test]
async fn product_calls_a_service_beside_it_under_its_own_name() {
    let (clock, request) = answer("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nXII").await;
    let folder = TempDir::new().unwrap();
    let config = config_with(folder.path(), &["--town", "Bruges", "--clock-url", &clock]);
    run_with(config, Clock::System, async |url, _| {
        let (_, cookie) = sign_up(url, "ada").await;
        let shown = http().get(format!("{url}/api/belfry")).header("cookie", cookie);
        let shown: Value = shown.send().await.unwrap().json().await.unwrap();
        assert_eq!(shown["hour"], "XII");
    })
    .await;
    let request = request.await.unwrap();
    assert!(request.starts_with("GET /hour?zone=UTC HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("user-agent: belfry-tower/1.2.0\r\n"), "{request}");
}

#[tokio::test]
async fn redirect_and_error_of_another_server_are_not_followed_and_stop_the_start() {
    for response in [
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
    ] {
        let (clock, _request) = answer(response).await;
        let folder = TempDir::new().unwrap();
        let config = config_with(folder.path(), &["--town", "Bruges", "--clock-url", &clock]);
        let refused = Server::start(&product(), config, Clock::System, true).await;
        let Err(StartError::State(refusal)) = refused else { panic!("it started") };
        assert!(refusal.to_string().contains("the response has the status"), "{refusal}");
    }
}

#[tokio::test]
async fn url_that_a_user_enters_reaches_no_private_network() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), Clock::System, async |url, _| {
        let (_, cookie) = sign_up(url, "ada").await;
        for target in
            [url, "http://example.com/", "https://127.0.0.1/", "https://10.0.0.1/", "nowhere"]
        {
            let refused = post(url, "/api/belfry/visits", &cookie, &json!({ "url": target })).await;
            assert_eq!(refused.status(), 400, "{target}");
        }
    })
    .await;
}
