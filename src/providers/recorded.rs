//! Recorded responses of providers, and a server for them: the presets are not tested with the providers themselves.

use std::sync::{Arc, LazyLock, Mutex};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use openidconnect::{
    JsonWebKeyId, PrivateSigningKey, TokenUrl, UserInfoUrl,
    core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey},
};
use rsa::{
    RsaPrivateKey,
    pkcs1::{EncodeRsaPrivateKey, LineEnding},
    rand_core::OsRng,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::Url;

use super::{
    AuthorizationRequest, Identity, Protocol, Provider, ProviderError, Providers,
    discovery::Metadata, openid::OpenId,
};
use crate::{http_client::HttpClient, secrets::FlowSecret, time::Timestamp};

/// A key in place of the providers' own. Generated, because a private key in a file is what secret scanners look for.
static KEY: LazyLock<String> = LazyLock::new(|| {
    let key = RsaPrivateKey::new(&mut OsRng, 2048).unwrap();
    key.to_pkcs1_pem(LineEnding::LF).unwrap().to_string()
});

/// The requests that a server gets.
pub(super) type Requests = Arc<Mutex<Vec<String>>>;

/// Serves responses by path, and returns the address, and the requests.
pub(super) async fn serve(respond: impl Fn(&str) -> String + Send + 'static) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    let seen = requests.clone();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut part = [0; 4096];
            while !is_whole(&request) {
                let length = socket.read(&mut part).await.unwrap();
                request.extend_from_slice(&part[..length]);
            }
            let text = String::from_utf8(request).unwrap();
            let body = respond(text.split(' ').nth(1).unwrap());
            seen.lock().unwrap().push(text);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            socket.write_all(head.as_bytes()).await.unwrap();
            socket.write_all(body.as_bytes()).await.unwrap();
        }
    });
    (base, requests)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// A provider of OpenID Connect that responds with what was recorded.
pub(super) struct Recorded {
    pub(super) metadata: Value,
    /// The claims of the ID token, without the nonce, at the time when it was issued.
    pub(super) claims: Value,
    pub(super) user_info: Value,
}

/// The outcome of a sign-in.
pub(super) struct Outcome {
    pub(super) provider: Provider,
    /// The URL at which the user signs in.
    pub(super) url: Url,
    pub(super) identity: Result<Identity, ProviderError>,
    pub(super) requests: Vec<String>,
}

impl Recorded {
    /// Signs in with the provider of a file. Only its metadata and keys are not fetched, and its token endpoint and user
    /// info are on this machine.
    pub(super) async fn sign_in(self, file: &str) -> Outcome {
        let mut providers = load(file);
        let mut metadata: Metadata = serde_json::from_value(self.metadata).unwrap();
        let (issuer, _) = providers.all[0].settings.issuer().unwrap();
        assert_eq!(&issuer, metadata.issuer(), "the provider is found at the preset's issuer");

        let secret = FlowSecret::generate();
        let mut claims = self.claims;
        claims["nonce"] = json!(secret.nonce());
        let now = Timestamp::from_micros(claims["iat"].as_i64().unwrap() * 1_000_000);
        let (id_token, keys) = signed(&claims);
        let tokens = json!({
            "access_token": "an access token", "token_type": "Bearer", "expires_in": 3599, "id_token": id_token,
        });
        let user_info = self.user_info;
        let respond = move |path: &str| {
            if path == "/token" { tokens.to_string() } else { user_info.to_string() }
        };
        let (base, requests) = serve(respond).await;
        metadata = metadata
            .set_jwks(keys)
            .set_token_endpoint(Some(TokenUrl::new(format!("{base}/token")).unwrap()))
            .set_userinfo_endpoint(Some(UserInfoUrl::new(format!("{base}/userinfo")).unwrap()));
        providers.all[0].protocol = Protocol::OpenId(OpenId::recorded(metadata));

        let provider = &providers.all[0];
        let redirect_uri = Url::parse("https://api.example.com/api/auth/callback/x").unwrap();
        let request = AuthorizationRequest {
            secret: &secret,
            redirect_uri: redirect_uri.clone(),
            login_hint: None,
            authenticate_again: false,
        };
        let url = providers.authorization_url(provider, request).await.unwrap();
        let code = "a code".to_owned();
        let identity = providers.identity_by_code(provider, code, &secret, redirect_uri, now).await;
        let requests = std::mem::take(&mut *requests.lock().unwrap());
        Outcome { provider: providers.all.remove(0), url, identity, requests }
    }
}

fn load(text: &str) -> Providers {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("providers.toml");
    std::fs::write(&file, text).unwrap();
    Providers::load(Some(&file), HttpClient::new("0.0.0")).unwrap()
}

/// Returns an ID token, and the keys with which it is verified.
fn signed(claims: &Value) -> (String, CoreJsonWebKeySet) {
    let id = "recorded";
    let key =
        CoreRsaPrivateSigningKey::from_pem(&KEY, Some(JsonWebKeyId::new(id.to_owned()))).unwrap();
    let encoded = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": id });
    let message = format!("{}.{}", encoded(&header), encoded(claims));
    let algorithm = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
    let signature = key.sign(&algorithm, message.as_bytes()).unwrap();
    let token = format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
    (token, CoreJsonWebKeySet::new(vec![key.as_verification_key()]))
}
