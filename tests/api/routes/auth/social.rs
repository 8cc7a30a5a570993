//! Identity providers, with a real one: sign-in by redirect and by ID token, linking, and how attacks on them are
//! rejected.

mod every_method;
mod faults;
mod id_tokens;
mod linking;
mod pages;
mod pre_registration;
mod reauthentication;
mod sign_in;
mod takeover;

use super::*;

const SOCIAL: &str = "/api/auth/sign-in/social";
const LINK: &str = "/api/auth/link-social";
const UNLINK: &str = "/api/auth/unlink-account";

/// A server with a provider of the id `op`.
struct Site {
    server: Server,
    provider: OpenIdProvider,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn start(backend: Backend) -> Self {
        Self::start_with(backend, &[], "").await
    }

    /// Starts them with further settings, and further keys in the provider's table.
    async fn start_with(backend: Backend, settings: &[&str], more: &str) -> Self {
        let provider = OpenIdProvider::start().await;
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("providers.toml");
        let tables = provider.table("op", more) + &provider.table("twin", "");
        fs::write(&file, tables).unwrap();
        let file = file.display().to_string();
        let settings = [&["--providers-file", &file], settings].concat();
        let server = backend.start_with(&settings).await;
        provider.register(&server, &["op", "twin"]).await;
        Self { server, provider, _folder: folder }
    }

    /// Begins a sign-in.
    async fn begin(&self, body: Value) -> Flow {
        let mut request = json!({ "provider": "op" });
        request.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        Flow::of(self.server.anonymous.post(SOCIAL, request).await)
    }

    /// Signs in at the provider, and returns the URL of the callback.
    async fn at_provider(&self, flow: &Flow, claims: Value) -> Url {
        let mut body = claims;
        body["url"] = json!(flow.url);
        let answer = self.provider.control("sign-in", body).await;
        self.keep_time();
        answer["url"].as_str().unwrap().parse().unwrap()
    }

    /// The provider's clock is this machine's.
    fn keep_time(&self) {
        let now = portcullis::time::Clock::System.now();
        self.server.clock.set(self.server.now().max(now));
    }

    /// Follows the callback in the browser of the flow.
    async fn follow(&self, flow: &Flow, callback: &Url) -> Reply {
        self.server.anonymous.with_cookie(&flow.cookie).navigate(&path_of(callback)).await
    }

    /// Does all of it, and returns the response of the callback.
    async fn sign_in(&self, body: Value, claims: Value) -> Reply {
        let flow = self.begin(body).await;
        let callback = self.at_provider(&flow, claims).await;
        self.follow(&flow, &callback).await
    }

    /// Returns the browser after a sign-in that succeeds.
    async fn signed_in(&self, claims: Value) -> Caller {
        let reply = self.sign_in(json!({ "callbackURL": "/done" }), claims).await;
        assert_eq!(place(&reply), "/done");
        self.server.anonymous.with_cookie(&reply.cookie().expect("the session's cookie"))
    }

    async fn confirm_email_of(&self, user: &TestUser) {
        let sql = format!("UPDATE users SET email_verified = TRUE WHERE id = '{}'", user.id);
        execute(&self.server, &sql).await;
    }

    async fn emails(&self) -> Vec<String> {
        select(&self.server, "SELECT email AS value FROM users ORDER BY email").await
    }
}

/// A sign-in that has begun: the provider's URL, and the browser's cookie.
struct Flow {
    url: String,
    cookie: String,
}

impl Flow {
    fn of(reply: Reply) -> Self {
        let cookie = flow_cookie(&reply).expect("the cookie of the flow");
        let url = reply.expect(200)["url"].as_str().unwrap().to_owned();
        Self { url, cookie }
    }
}

/// Returns the cookie of a flow that is set, as `name=value`.
fn flow_cookie(reply: &Reply) -> Option<String> {
    let all = reply.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let mut pairs = all.filter_map(|set| set.split(';').next());
    let is_set = |pair: &&str| pair.starts_with("portcullis-flow-") && !pair.ends_with('=');
    pairs.find(is_set).map(ToOwned::to_owned)
}

fn path_of(url: &Url) -> String {
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// Returns where a response redirects to, without the origin of this site.
#[track_caller]
fn place(reply: &Reply) -> String {
    assert_eq!(reply.status, 302, "{}", reply.text);
    let url: Url = reply.header("location").unwrap().parse().unwrap();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", url.path())
}

/// The claims of a user whose email the provider has verified.
fn verified(sub: &str, email: &str) -> Value {
    json!({ "sub": sub, "email": email, "email_verified": true, "name": "Ada" })
}
