//! GitHub: OAuth 2.0 alone. Who the user is, and which email is verified, comes from its API.

use openidconnect::{HttpRequest, http};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::DeserializeOwned};
use url::{Url, form_urlencoded};

use super::{AuthorizationRequest, Identity, ProviderError, file::Settings};
use crate::{
    http_client::{HttpClient, Reach},
    secrets::FlowSecret,
};

/// What GitHub's callbacks name as their issuer (RFC 9207).
pub(super) const ISSUER: &str = "https://github.com/login/oauth";

const AUTHORIZE: &str = "https://github.com/login/oauth/authorize";
const TOKEN: &str = "https://github.com/login/oauth/access_token";
const API: &str = "https://api.github.com";
const SCOPES: [&str; 2] = ["read:user", "user:email"];

/// GitHub's servers; tests have recorded responses on a server of their own.
pub(super) struct GitHub {
    token: String,
    api: String,
    reach: Reach,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Mailbox {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub(super) fn new() -> Self {
        Self { token: TOKEN.to_owned(), api: API.to_owned(), reach: Reach::Public }
    }

    #[expect(clippy::unused_self, reason = "as for the other protocol")]
    pub(super) fn authorization_url(
        &self,
        settings: &Settings,
        request: &AuthorizationRequest<'_>,
    ) -> Url {
        let default = || SCOPES.map(ToOwned::to_owned).to_vec();
        let scopes = settings.scopes.clone().unwrap_or_else(default);
        let challenge = openidconnect::PkceCodeChallenge::from_code_verifier_sha256(
            &openidconnect::PkceCodeVerifier::new(request.secret.code_verifier()),
        );
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("redirect_uri", request.redirect_uri.as_str())
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", request.secret.state().reveal())
            .append_pair("code_challenge", challenge.as_str())
            .append_pair("code_challenge_method", "S256");
        if let Some(hint) = &request.login_hint {
            query.append_pair("login", hint);
        }
        if let Some(prompt) = settings.prompt {
            query.append_pair("prompt", prompt.into());
        }
        #[expect(clippy::expect_used, reason = "a constant")]
        let mut url = Url::parse(AUTHORIZE).expect("a URL");
        url.set_query(Some(&query.finish()));
        url
    }

    pub(super) async fn identity_by_code(
        &self,
        http: &HttpClient,
        settings: &Settings,
        code: String,
        secret: &FlowSecret,
        redirect_uri: &Url,
    ) -> Result<Identity, ProviderError> {
        let client_secret = settings.client_secret.as_ref().map(ExposeSecret::expose_secret);
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("client_secret", client_secret.unwrap_or_default())
            .append_pair("code", &code)
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("code_verifier", &secret.code_verifier())
            .finish();
        let request = http::Request::post(&self.token)
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.into_bytes());
        let tokens: Tokens = self.send(http, request).await?;
        let Some(token) = tokens.access_token else {
            return Err(ProviderError::InvalidCode(tokens.error.unwrap_or_default()));
        };
        let user: User = self.read(http, "/user", &token).await?;
        let emails: Vec<Mailbox> = self.read(http, "/user/emails", &token).await?;
        let email = emails.into_iter().find(|email| email.primary && email.verified);
        Ok(Identity {
            subject: user.id.to_string(),
            email_verified: email.as_ref().map(|_| true),
            email: email.map(|email| email.email),
            name: user.name.filter(|name| !name.trim().is_empty()).or(Some(user.login)),
            amr: Vec::new(),
            acr: None,
            auth_time: None,
        })
    }

    async fn read<T: DeserializeOwned>(
        &self,
        http: &HttpClient,
        path: &str,
        token: &str,
    ) -> Result<T, ProviderError> {
        let request = http::Request::get(format!("{}{path}", self.api))
            .header(http::header::ACCEPT, "application/vnd.github+json")
            .header(http::header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Vec::new());
        self.send(http, request).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        http: &HttpClient,
        request: http::Result<HttpRequest>,
    ) -> Result<T, ProviderError> {
        let unavailable = |reason: String| ProviderError::Unavailable(reason);
        let request = request.map_err(|error| unavailable(error.to_string()))?;
        let response = http.exchange(request, self.reach).await;
        let response = response.map_err(|error| unavailable(error.to_string()))?;
        if !response.status().is_success() {
            return Err(unavailable(format!("it responds with {}", response.status())));
        }
        // Without the parser's text, which can quote the response.
        serde_json::from_slice(response.body())
            .map_err(|_| unavailable("its response cannot be read".into()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::providers::recorded::{Requests, serve};

    // Recorded responses, with other values.
    const TOKENS: &str =
        r#"{"access_token":"gho_x","token_type":"bearer","scope":"read:user,user:email"}"#;
    const USER: &str = r#"{"login":"ada","id":583231,"node_id":"x","name":"Ada Lovelace","email":null,"two_factor_authentication":true}"#;
    const EMAILS: &str = r#"[
        {"email":"583231+ada@users.noreply.github.com","primary":false,"verified":true,"visibility":null},
        {"email":"ada@example.com","primary":true,"verified":true,"visibility":"private"}
    ]"#;

    /// Serves the recorded responses, and returns GitHub at their address, and the requests.
    async fn github(tokens: &'static str, emails: &'static str) -> (GitHub, Requests) {
        let respond = move |path: &str| {
            let response = match path {
                "/token" => tokens,
                "/user" => USER,
                _ => emails,
            };
            response.to_owned()
        };
        let (base, requests) = serve(respond).await;
        let github = GitHub { token: format!("{base}/token"), api: base, reach: Reach::Loopback };
        (github, requests)
    }

    fn settings() -> Settings {
        toml::from_str("preset = \"github\"\nclient_id = \"id\"\nclient_secret = \"secret\"")
            .unwrap()
    }

    async fn identity(github: &GitHub, secret: &FlowSecret) -> Result<Identity, ProviderError> {
        let http = HttpClient::new("0.0.0");
        let redirect_uri = Url::parse("https://api.example.com/api/auth/callback/github").unwrap();
        github.identity_by_code(&http, &settings(), "code".into(), secret, &redirect_uri).await
    }

    #[tokio::test]
    async fn identity_is_the_id_and_the_primary_verified_email() {
        let (github, requests) = github(TOKENS, EMAILS).await;
        let secret = FlowSecret::generate();
        let identity = identity(&github, &secret).await.unwrap();
        assert_eq!(identity.subject, "583231");
        assert_eq!(identity.email.as_deref(), Some("ada@example.com"));
        assert_eq!(identity.email_verified, Some(true));
        assert_eq!(identity.name.as_deref(), Some("Ada Lovelace"));
        let requests = requests.lock().unwrap();
        assert!(requests[0].contains(&format!("code_verifier={}", secret.code_verifier())));
        assert!(requests[1].to_lowercase().contains("authorization: bearer gho_x"));
    }

    #[tokio::test]
    async fn email_that_is_not_primary_and_verified_is_none() {
        for emails in [
            "[]",
            r#"[{"email":"ada@example.com","primary":true,"verified":false}]"#,
            r#"[{"email":"ada@example.com","primary":false,"verified":true}]"#,
        ] {
            let (github, _) = github(TOKENS, emails).await;
            let identity = identity(&github, &FlowSecret::generate()).await.unwrap();
            assert_eq!((identity.email, identity.email_verified), (None, None), "{emails}");
        }
    }

    #[tokio::test]
    async fn rejected_code_is_told_from_an_unavailable_server() {
        let rejection = r#"{"error":"bad_verification_code","error_description":"The code is incorrect or expired."}"#;
        let (github, _) = github(rejection, EMAILS).await;
        let error = identity(&github, &FlowSecret::generate()).await.unwrap_err();
        assert!(
            matches!(error, ProviderError::InvalidCode(reason) if reason == "bad_verification_code")
        );
        let gone = GitHub { token: "http://127.0.0.1:1/token".into(), ..GitHub::new() };
        let gone = GitHub { reach: Reach::Loopback, ..gone };
        let error = identity(&gone, &FlowSecret::generate()).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable(_)));
    }

    #[test]
    fn authorization_url_has_pkce_and_the_scopes_for_emails() {
        let secret = FlowSecret::generate();
        let redirect_uri = Url::parse("https://api.example.com/api/auth/callback/github").unwrap();
        let request = AuthorizationRequest {
            secret: &secret,
            redirect_uri,
            login_hint: None,
            authenticate_again: false,
        };
        let url = GitHub::new().authorization_url(&settings(), &request);
        let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["scope"], "read:user user:email");
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["state"], secret.state().reveal());
    }
}
