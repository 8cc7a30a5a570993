//! A real OpenID provider: `tests/oidc-provider/`.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::{Backend, Package, Server, http_client};

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

/// Writes a provider file with one that needs no discovery, of the id `github`, into a folder. Returns its path.
pub fn file_with_github(folder: &Path) -> String {
    let file = folder.join("providers.toml");
    let table = "[github]\npreset = \"github\"\nclient_id = \"id\"\nclient_secret = \"-\"\n";
    std::fs::write(&file, table).unwrap();
    file.display().to_string()
}

impl Backend {
    /// Starts a server with that provider.
    pub async fn start_with_github(self) -> Server {
        self.start_with_github_and(&[]).await
    }

    /// Starts a server with that provider, and further settings.
    pub async fn start_with_github_and(self, settings: &[&str]) -> Server {
        let folder = tempfile::TempDir::new().unwrap();
        let file = file_with_github(folder.path());
        self.start_with(&[&["--providers-file", &file], settings].concat()).await
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
