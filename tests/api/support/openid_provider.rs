//! A real OpenID provider: `tests/oidc-provider/`.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{Backend, Package, Server, Start, http_client};

static PROVIDER: Package = Package::of("tests/oidc-provider");

/// A running provider of a test's own.
pub struct OpenIdProvider {
    process: Child,
    http: reqwest::Client,
    pub issuer: String,
    client_secret: String,
}

impl OpenIdProvider {
    pub async fn start() -> Self {
        let folder = PROVIDER.install().await;
        let mut process = Command::new("node")
            .arg("provider.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Node.js is installed");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = tokio::task::spawn_blocking(move || lines.next()).await.unwrap();
        let described: Value =
            serde_json::from_str(&line.expect("the provider starts").unwrap()).unwrap();
        let text = |name: &str| described[name].as_str().unwrap().to_owned();
        Self {
            process,
            http: http_client().no_proxy().build().unwrap(),
            issuer: text("issuer"),
            client_secret: text("client_secret"),
        }
    }

    /// Returns the table of the provider file for this provider, with further keys.
    pub fn table(&self, id: &str, more: &str) -> String {
        format!(
            "[{id}]\nissuer = \"{}\"\nclient_id = \"portcullis\"\nclient_secret = \"{}\"\n{more}\n",
            self.issuer, self.client_secret
        )
    }

    /// Registers the redirect URIs of a server.
    pub async fn register(&self, server: &Server, ids: &[&str]) {
        let site = &server.state.site;
        let uri = |id: &&str| site.link(&format!("/api/auth/callback/{id}"), &[]).to_string();
        let uris: Vec<String> = ids.iter().map(uri).collect();
        self.control("client", json!({ "redirectUris": uris })).await;
    }

    /// Sends a request to its controls.
    pub async fn control(&self, name: &str, body: Value) -> Value {
        let url = format!("{}/test/{name}", self.issuer);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Sets what is wrong with it from now on.
    pub async fn fail(&self, faults: Value) {
        self.control("faults", faults).await;
    }
}

/// Writes a provider file into a folder, for requests that lead to a provider and no further: with `github`, which needs
/// no discovery, and with `company`. Returns its path.
pub async fn file_with_providers(folder: &Path) -> String {
    let file = folder.join("providers.toml");
    let issuer = publish_metadata().await;
    let tables = format!(
        "[github]\npreset = \"github\"\nclient_id = \"id\"\nclient_secret = \"-\"\n\
         [company]\nissuer = \"{issuer}\"\nclient_id = \"id\"\nname = \"Company\"\n"
    );
    std::fs::write(&file, tables).unwrap();
    file.display().to_string()
}

/// Publishes the metadata of an OpenID provider until the test ends, and returns its issuer. The same document is its list
/// of keys, of which there are none: no user can sign in there.
async fn publish_metadata() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "keys": [],
    })
    .to_string();
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{metadata}",
        metadata.len()
    );
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                match socket.read_buf(&mut request).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
            let _ = socket.write_all(response.as_bytes()).await;
        }
    });
    issuer
}

/// Servers with identity providers.
pub trait StartWithProviders {
    /// Starts a server with these providers.
    async fn start_with_providers(self) -> Server;

    /// Starts a server with these providers, and further settings.
    async fn start_with_providers_and(self, settings: &[&str]) -> Server;
}

impl StartWithProviders for Backend {
    async fn start_with_providers(self) -> Server {
        self.start_with_providers_and(&[]).await
    }

    async fn start_with_providers_and(self, settings: &[&str]) -> Server {
        let folder = tempfile::TempDir::new().unwrap();
        let file = file_with_providers(folder.path()).await;
        self.start_with(&[&["--providers-file", &file], settings].concat()).await
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
