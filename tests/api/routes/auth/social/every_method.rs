//! Every sign-in method, in every state of a user: the table in `docs/reference/sign-in-methods.md`.

use super::*;
use crate::routes::auth::verification_required::confirmed;

/// A sign-in method.
#[derive(Debug, Clone, Copy)]
enum Method {
    Password,
    MagicLink,
    Passkey,
    PasskeyWithoutVerification,
    Provider,
}

const METHODS: [(Method, &str); 5] = [
    (Method::Password, "password"),
    (Method::MagicLink, "link by mail"),
    (Method::Passkey, "passkey with user verification"),
    (Method::PasskeyWithoutVerification, "passkey without user verification"),
    (Method::Provider, "identity provider"),
];

/// The state of a user, or of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    Totp,
    Deactivated,
    Suspended,
    Unverified,
    NoAccount,
    MustEnrol,
}

const STATES: [(State, &str, &[&str]); 7] = [
    (State::Plain, "no second factor", &[]),
    (State::Totp, "TOTP enabled", &[]),
    (State::Deactivated, "deactivated", &[]),
    (State::Suspended, "suspended", &[]),
    (
        State::Unverified,
        "email not confirmed, `PORTCULLIS_EMAIL_VERIFICATION=required`",
        &["--email-verification", "required"],
    ),
    (State::NoAccount, "no account, `PORTCULLIS_SIGN_UP=closed`", &["--sign-up", "closed"]),
    (State::MustEnrol, "no second factor, `PORTCULLIS_TWO_FACTOR=all`", &["--two-factor", "all"]),
];

/// A user with every method.
struct Person {
    user: TestUser,
    passkey: Passkey,
    present: Passkey,
    app: Option<Authenticator>,
}

impl Person {
    /// Signs up a user, adds every method, and puts them into a state.
    async fn new(site: &Site, name: &str, state: State) -> Self {
        let server = &site.server;
        let (passkey, present) = (server.passkey(), server.passkey().without_verification());
        if state == State::NoAccount {
            let user = TestUser {
                id: String::new(),
                email: format!("{name}@example.com"),
                browser: server.anonymous.clone(),
            };
            return Self { user, passkey, present, app: None };
        }
        let mut user = confirmed(server, name).await;
        if state == State::MustEnrol {
            user.enable_two_factor(server).await;
        }
        let (passkey, present) = (user.add(passkey).await, user.add(present).await);
        site.sign_in(json!({}), verified(name, &user.email)).await;
        let app = match state {
            State::Totp => Some(user.enable_two_factor(server).await),
            _ => None,
        };
        let id = &user.id;
        let change = match state {
            State::Deactivated => Some("deactivated_at = created_at"),
            State::Unverified => Some("email_verified = FALSE"),
            State::MustEnrol => Some("two_factor_enabled = FALSE"),
            _ => None,
        };
        if let Some(change) = change {
            execute(server, &format!("UPDATE users SET {change} WHERE id = '{id}'")).await;
        }
        if state == State::Suspended {
            server.suspend(&user).await;
        }
        Self { user, passkey, present, app }
    }

    /// Makes an attempt; returns nothing if no link is mailed.
    async fn sign_in(&mut self, site: &Site, method: Method) -> Option<Reply> {
        let (server, email) = (&site.server, &self.user.email);
        match method {
            Method::Password if self.user.id.is_empty() => {
                let name = email.split('@').next().unwrap();
                Some(server.anonymous.post(SIGN_UP, sign_up_body(name)).await)
            }
            Method::Password => Some(sign_in_with(server, email, PASSWORD).await),
            Method::MagicLink => {
                let before = server.mail_to(email).await.len();
                let body = json!({ "email": email });
                server.anonymous.post("/api/auth/sign-in/magic-link", body).await.expect(200);
                let mail = server.mail_to(email).await;
                let secret = mail.get(before)?.secret();
                let body = json!({ "token": secret });
                Some(server.anonymous.post("/api/auth/magic-link/verify", body).await)
            }
            Method::Passkey => Some(server.anonymous.use_passkey(&mut self.passkey).await),
            Method::PasskeyWithoutVerification => {
                Some(server.anonymous.use_passkey(&mut self.present).await)
            }
            Method::Provider => {
                let body = json!({ "callbackURL": "/done", "errorCallbackURL": "/oops" });
                let name = email.split('@').next().unwrap();
                Some(site.sign_in(body, verified(name, email)).await)
            }
        }
    }

    /// Returns what comes of an attempt.
    async fn outcome(&mut self, site: &Site, method: Method) -> String {
        let server = &site.server;
        let newest = "SELECT coalesce(max(id), '') AS value FROM activity";
        let before = select(server, newest).await.remove(0);
        let Some(mut reply) = self.sign_in(site, method).await else {
            return "no link is mailed".to_owned();
        };
        let mut steps = Vec::new();
        if let Some(challenge) = reply.cookie_named(CHALLENGE) {
            assert_eq!(reply.cookie(), None, "no session waits for the second factor");
            steps.push("second factor; then ".to_owned());
            server.advance(seconds(30));
            let app = self.app.as_ref().expect("the user has an app");
            let body = json!({ "code": app.code(server.now()) });
            let browser = server.anonymous.with_cookie(&challenge);
            reply = browser.post("/api/auth/two-factor/verify-totp", body).await;
        }
        match reply.cookie() {
            Some(cookie) => {
                let browser = server.anonymous.with_cookie(&cookie);
                let session = browser.get(GET_SESSION).await.expect(200)["session"].clone();
                steps.push(format!("session, `amr` `{}`", session["amr"]));
                let tokens = browser.get(TOKENS).await;
                if tokens.status == 403 {
                    steps.push(format!(" (`{}`)", tokens.json()["code"].as_str().unwrap()));
                }
            }
            None if reply.status == 302 => {
                steps.push(format!("`{}`", place(&reply).trim_start_matches("/oops?error=")));
            }
            None => steps.push(format!("`{}`", reply.json()["code"].as_str().unwrap())),
        }
        let sql = format!(
            "SELECT action || ' ' || detail AS value FROM activity WHERE id > '{before}' ORDER BY id"
        );
        for event in select(server, &sql).await {
            let (action, detail) = event.split_once(' ').unwrap();
            let detail: Value = serde_json::from_str(detail).unwrap();
            let methods = detail["methods"].as_array().map(|methods| {
                let names: Vec<&str> = methods.iter().map(|name| name.as_str().unwrap()).collect();
                format!(" with {}", names.join(", "))
            });
            steps.push(format!("; `{action}`{}", methods.unwrap_or_default()));
        }
        steps.concat()
    }
}

/// Returns the page, from what a server does.
async fn page(backend: Backend) -> String {
    let mut page = include_str!("every_method.md").to_owned();
    let names: Vec<&str> = METHODS.iter().map(|(_, name)| *name).collect();
    page += &format!("| | {} |\n|{}\n", names.join(" | "), " --- |".repeat(names.len() + 1));
    for (state, described, settings) in STATES {
        page += &format!("| {described} |");
        let site = Site::start_with(backend, settings, "").await;
        for (number, (method, _)) in METHODS.into_iter().enumerate() {
            // Another user for each: one attempt may change what the next one meets.
            let mut person = Person::new(&site, &format!("user{number}"), state).await;
            page += &format!(" {} |", person.outcome(&site, method).await);
        }
        page.push('\n');
    }
    page
}

#[apply(on_both_databases)]
async fn every_sign_in_method_does_in_every_state_what_the_reference_says(backend: Backend) {
    crate::contract::readme::is_written("docs/reference/sign-in-methods.md", &page(backend).await);
}
