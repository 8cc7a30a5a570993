use portcullis::time::Timestamp;
use totp_rs::{Builder, Secret, Totp};
use url::Url;

use super::{Caller, PASSWORD, Server, TestUser, json};

/// The cookie of a sign-in that waits for the second factor.
pub const CHALLENGE: &str = "portcullis-challenge";

/// A user's authenticator app, and the recovery codes that they keep.
pub struct Authenticator {
    totp: Totp,
    pub uri: String,
    pub recovery_codes: Vec<String>,
}

impl Authenticator {
    /// Reads the content of a QR code, as an app does.
    pub fn scan(uri: &str) -> Self {
        let parsed = Url::parse(uri).unwrap();
        let pairs: Vec<_> = parsed.query_pairs().collect();
        let secret = pairs.iter().find(|(name, _)| name == "secret").unwrap();
        let secret = Secret::try_from_base32(&*secret.1).unwrap();
        let totp = Builder::new().with_secret(secret).build().unwrap();
        Self { totp, uri: uri.to_owned(), recovery_codes: Vec::new() }
    }

    /// Returns the code that the app shows at this time.
    pub fn code(&self, now: Timestamp) -> String {
        let seconds = u64::try_from(now.micros() / 1_000_000).unwrap();
        self.totp.generate(seconds).to_string()
    }

    /// Returns six digits that are not a code within an hour of this time.
    pub fn wrong_code(&self, now: Timestamp) -> String {
        let seconds = u64::try_from(now.micros() / 1_000_000).unwrap();
        let near = |code: &String| {
            (0..240).any(|step| self.totp.generate(seconds - 3600 + step * 30).to_string() == *code)
        };
        (0..1000).map(|number| format!("{number:06}")).find(|code| !near(code)).unwrap()
    }
}

/// Users with a second factor.
pub trait SecondFactor {
    /// Begins to set up two-factor authentication, in a session that has just begun.
    async fn begin_two_factor(&self) -> Authenticator;

    /// Turns two-factor authentication on, and advances the clock to the next code.
    async fn enable_two_factor(&mut self, server: &Server) -> Authenticator;
}

impl SecondFactor for TestUser {
    async fn begin_two_factor(&self) -> Authenticator {
        let set_up = self.browser.post("/api/auth/two-factor/enable", json!({})).await.expect(200);
        let codes = set_up["backupCodes"].as_array().unwrap();
        let recovery_codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        Authenticator { recovery_codes, ..Authenticator::scan(set_up["totpURI"].as_str().unwrap()) }
    }

    async fn enable_two_factor(&mut self, server: &Server) -> Authenticator {
        let app = self.begin_two_factor().await;
        let body = json!({ "code": app.code(server.now()) });
        let reply = self.browser.post("/api/auth/two-factor/verify-totp", body).await;
        let cookie = reply.cookie();
        reply.expect(200);
        self.browser = self.browser.with_cookie(&cookie.expect("another cookie is set"));
        server.advance(portcullis::time::seconds(30));
        app
    }
}

/// Sign-ins that wait for the second factor.
pub trait Challenges {
    /// Signs a user in by the password alone, who has a second factor. Returns the browser, in which the sign-in waits
    /// for it.
    async fn challenged(&self, user: &TestUser) -> Caller;
}

impl Challenges for Server {
    async fn challenged(&self, user: &TestUser) -> Caller {
        let body = json!({ "email": user.email, "password": PASSWORD });
        let reply = self.anonymous.post("/api/auth/sign-in/email", body).await;
        let cookie = reply.cookie_named(CHALLENGE);
        assert!(reply.cookie().is_none(), "there is no session yet");
        let body = reply.expect(200);
        assert_eq!(body, json!({ "twoFactorRedirect": true, "twoFactorMethods": ["totp"] }));
        self.anonymous.with_cookie(&cookie.expect("the cookie of the challenge is set"))
    }
}
