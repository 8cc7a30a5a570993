//! The sweep: every operation of the document, with every kind of key, against a real server.
//!
//! What happens must be what `security` says. A key counts as opening an operation only when its
//! documented success is seen, on real ids and a valid body; an operation that is never seen to
//! succeed fails; so does an answer whose status or code is not declared, here as in every other test
//! (`support::Reply`). There is no list of operations here: a new one is covered the moment it exists.

mod audit;
mod second_user;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use portcullis::{
    secrets::LinkSecret,
    store::{
        audit_events::{Action, Event},
        first_admin,
        jobs::{self, NewJob},
        user_administration,
        verifications::{NewVerification, Purpose},
    },
    time::days,
};
use reqwest::{Method, RequestBuilder};

use crate::support::*;

/// A key, and the way it is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Anonymous,
    Cookie,
    Token,
    ReadOnlyToken,
    AdminCookie,
    AdminToken,
    AdminsTokenWithoutAdminScope,
    BothKeys,
    ExpiredToken,
    RevokedToken,
    CookieAsBearer,
    DeactivatedCookie,
    DeactivatedToken,
    ExpiredCookie,
    ProxysBasic,
    CookieAndProxysBasic,
    CookieAndBadToken,
}

/// What a case amounts to.
#[derive(Debug)]
enum Key {
    None,
    Cookie(&'static [&'static str]),
    Token(&'static [&'static str]),
}

const CASES: [Case; 17] = [
    Case::Anonymous,
    Case::Cookie,
    Case::Token,
    Case::ReadOnlyToken,
    Case::AdminCookie,
    Case::AdminToken,
    Case::AdminsTokenWithoutAdminScope,
    Case::BothKeys,
    Case::ExpiredToken,
    Case::RevokedToken,
    Case::CookieAsBearer,
    Case::DeactivatedCookie,
    Case::DeactivatedToken,
    Case::ExpiredCookie,
    Case::ProxysBasic,
    Case::CookieAndProxysBasic,
    Case::CookieAndBadToken,
];

impl Case {
    fn key(self) -> Key {
        match self {
            Self::Cookie | Self::CookieAndProxysBasic => Key::Cookie(&[]),
            Self::AdminCookie => Key::Cookie(&["admin"]),
            Self::Token | Self::BothKeys | Self::AdminsTokenWithoutAdminScope => {
                Key::Token(&["read", "write"])
            }
            Self::ReadOnlyToken => Key::Token(&["read"]),
            Self::AdminToken => Key::Token(&["read", "write", "admin"]),
            _ => Key::None,
        }
    }

    /// What is sent as Authorization besides.
    fn authorization(self) -> Option<&'static str> {
        match self {
            Self::ProxysBasic | Self::CookieAndProxysBasic => Some("Basic c3RhZ2U6Z2VoZWlt"),
            Self::CookieAndBadToken => Some("Bearer junk"),
            _ => None,
        }
    }

    fn is_admins(self) -> bool {
        matches!(self, Self::AdminCookie | Self::AdminToken | Self::AdminsTokenWithoutAdminScope)
    }
}

/// An operation of the document.
pub struct Operation<'a> {
    pub id: &'a str,
    pub method: Method,
    pub path: &'a str,
    pub value: &'a Value,
}

/// Every operation of a document.
pub fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, value)| Operation {
            id: value["operationId"].as_str().expect("every operation has an id"),
            method: method.to_uppercase().parse().unwrap(),
            path,
            value,
        })
    });
    all.collect()
}

impl Operation<'_> {
    /// The documented success.
    pub fn success(&self) -> u16 {
        let statuses = self.value["responses"].as_object().unwrap().keys();
        let statuses: Vec<u16> = statuses.map(|status| status.parse().unwrap()).collect();
        let success = statuses.iter().find(|status| (200..300).contains(*status));
        // A link that is followed succeeds by leading on.
        let success = success.or_else(|| statuses.iter().find(|status| **status == 302));
        *success.unwrap_or_else(|| panic!("{} documents no success", self.id))
    }

    /// The example of its body, as it stands.
    pub fn example(&self) -> Option<&Value> {
        let content = self.value.get("requestBody")?["content"].as_object().unwrap();
        let example = content["application/json"].get("example");
        Some(example.unwrap_or_else(|| panic!("the body of {} has no example", self.id)))
    }

    /// What `security` says of a key: the status that it must be answered.
    fn expected(&self, key: &Key) -> u16 {
        let security = self.value["security"]
            .as_array()
            .unwrap_or_else(|| panic!("{} says nothing of security", self.id));
        let opens = |scheme: &str, held: &[&str]| {
            let mut demands = security.iter().filter_map(|demand| demand.get(scheme));
            demands.any(|roles| {
                roles.as_array().unwrap().iter().all(|role| held.contains(&role.as_str().unwrap()))
            })
        };
        let open_to_all = security.is_empty();
        match key {
            _ if open_to_all => self.success(),
            Key::None if security.iter().any(|demand| *demand == json!({})) => self.success(),
            Key::None => 401,
            Key::Cookie(held) if opens("cookie", held) => self.success(),
            Key::Token(held) if opens("bearer", held) => self.success(),
            _ => 403,
        }
    }
}

/// How many servers share the sweep: a case moves its server's clock, so on one server they go one by one.
const SERVERS: usize = 4;

/// The document of this server.
fn document() -> Value {
    serde_json::from_str(&portcullis::openapi::text("portcullis").unwrap()).unwrap()
}

#[apply(on_both_databases)]
async fn openapi_security_is_enforced_for_every_operation_and_credential(backend: Backend) {
    assert_security_is_enforced(backend, &operations(&document())).await;
}

/// Calls the operations of a document in every case, and compares the responses with what `security` declares.
async fn assert_security_is_enforced(backend: Backend, operations: &[Operation<'_>]) {
    let parts = operations.chunks(operations.len().div_ceil(SERVERS));
    let swept = join_all(parts.map(|part| sweep(backend, part, operations))).await;
    let (tables, wrong): (Vec<String>, Vec<Vec<String>>) = swept.into_iter().unzip();
    let (table, wrong) = (tables.concat(), wrong.concat());
    assert_eq!(table.lines().count(), operations.len());
    println!("{} operations, {} cases each: {CASES:?}\n{table}", operations.len(), CASES.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Calls some operations in every case: a row of statuses for each, and what is not as declared.
async fn sweep(
    backend: Backend,
    operations: &[Operation<'_>],
    all: &[Operation<'_>],
) -> (String, Vec<String>) {
    let server = backend.start().await;
    let mut wrong = Vec::new();
    let mut table = String::new();
    for operation in operations {
        let mut succeeded = false;
        let mut row = String::new();
        for case in CASES {
            let expected = operation.expected(&case.key());
            let reply = call(&server, operation, all, case).await;
            let seen = reply.status.as_u16();
            row.push_str(&format!(" {seen}"));
            succeeded |= seen == operation.success();
            if seen != expected {
                wrong.push(format!(
                    "{} {} as {case:?}: {seen}, declared {expected}: {}",
                    operation.method, operation.path, reply.text
                ));
            }
        }
        table.push_str(&format!("{:<6} {:<40}{row}\n", operation.method.as_str(), operation.path));
        if !succeeded {
            wrong
                .push(format!("{} {} was never seen to succeed", operation.method, operation.path));
        }
    }
    (table, wrong)
}

/// Has every operation succeed once, with fresh people and fresh things, but for the one that needs a site
/// without an admin.
pub async fn succeed_at_every_operation(server: &Server) {
    let document = server.anonymous.get("/openapi.json").await.expect(200);
    let operations = operations(&document);
    for operation in operations.iter().filter(|operation| operation.id != "set_up") {
        let mut reply = call(server, operation, &operations, Case::AdminCookie).await;
        if reply.status != operation.success() {
            reply = call(server, operation, &operations, Case::Token).await;
        }
        assert_eq!(reply.status, operation.success(), "{}: {}", operation.id, reply.text);
    }
}

/// Calls an operation with fresh people and fresh things.
async fn call(
    server: &Server,
    operation: &Operation<'_>,
    all: &[Operation<'_>],
    case: Case,
) -> Reply {
    Reply::of(prepare(server, operation, all, case).await.1).await
}

/// Whoever calls an operation, with fresh people and fresh things, and the request that is yet to be sent.
async fn prepare(
    server: &Server,
    operation: &Operation<'_>,
    all: &[Operation<'_>],
    case: Case,
) -> (TestUser, RequestBuilder) {
    let name = format!("u{}", portcullis::store::page::new_id().replace('-', ""));
    let subject = if case.is_admins() {
        server.sign_up_admin(&name).await
    } else {
        server.sign_up(&name).await
    };
    let other = server.sign_up_admin(&format!("o{name}")).await;
    let path = match operation.path.split_once("/{id}") {
        // The thing is the caller's own, but for what admins do to others.
        Some((collection, rest)) => {
            let owner = if collection.starts_with("/api/admin/") { &other } else { &subject };
            format!("{collection}/{}{rest}", make(server, owner, collection, all, &name).await)
        }
        None => operation.path.to_owned(),
    };
    let caller = present(server, &subject, case).await;
    let path = follow(server, operation, path, [&subject, &other], &name).await;
    let mut request = caller.request(operation.method.clone(), &path);
    if let Some(authorization) = case.authorization() {
        request = request.header("Authorization", authorization);
    }
    if let Some(example) = operation.example() {
        let people = [&subject, &other];
        request = request.json(&fit(server, example.clone(), operation, people, &name).await);
    }
    (subject, request)
}

/// Makes a thing of a collection by its own POST, or by that of the collection of the same name.
pub async fn make(
    server: &Server,
    owner: &TestUser,
    collection: &str,
    all: &[Operation<'_>],
    name: &str,
) -> String {
    // Nobody makes a job by asking for one. This one no Portcullis of today can do, so it stays.
    if collection == "/api/admin/jobs" {
        let job = NewJob::new("of-tomorrow", "{}".to_owned(), None, server.now());
        let id = job.id().to_owned();
        jobs::add(&server.state.store, job).await.unwrap();
        return id;
    }
    // Nor a session: they begin with a sign-in.
    if collection == "/api/admin/sessions" {
        return owner.browser.session_id().await;
    }
    let last = collection.rsplit('/').next().unwrap();
    let posts = |path: &&Operation<'_>| {
        path.method == Method::POST && path.path.ends_with(&format!("/{last}"))
    };
    let exact = all.iter().filter(posts).find(|operation| operation.path == collection);
    let post = exact
        .or_else(|| all.iter().find(posts))
        .unwrap_or_else(|| panic!("nothing makes {collection}"));
    let mut body = post.example().unwrap().clone();
    if body.get("email").is_some() {
        body["email"] = json!(format!("thing{name}@example.com"));
    }
    // Of one owner no two may have the same.
    for unique in ["name", "shortName"] {
        if let Some(Value::String(text)) = body.get_mut(unique) {
            let id = portcullis::store::page::new_id();
            *text = format!("t{}", id.rsplit('-').next().unwrap());
        }
    }
    let made = owner.browser.post(post.path, body).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

/// The address of an operation that follows a mailed link, with such a link; any other as it stands.
async fn follow(
    server: &Server,
    operation: &Operation<'_>,
    path: String,
    [subject, other]: [&TestUser; 2],
    name: &str,
) -> String {
    let (purpose, owner, query) = match operation.id {
        "follow_reset_link" => (Purpose::SetPassword, other, "?callbackURL=/".to_owned()),
        "verify_email" => (Purpose::VerifyEmail, other, format!("?token={name}")),
        "confirm_deletion" => (Purpose::DeleteAccount, subject, format!("?token={name}")),
        _ => return path,
    };
    // A mail that is still to be sent brings a link of its own, and takes the place of this one.
    server.wait_for_jobs().await;
    plant_link(server, purpose, owner, name).await;
    path.replace("{token}", name) + &query
}

/// Fits an example to this case's people: addresses are unique, links are used once.
async fn fit(
    server: &Server,
    mut body: Value,
    operation: &Operation<'_>,
    [subject, other]: [&TestUser; 2],
    name: &str,
) -> Value {
    match operation.id {
        "sign_in_email" => body["email"] = json!(other.email),
        "send_verification_email" => body["email"] = json!(subject.email),
        "confirm_email" => {
            body["token"] = json!(name);
            // A mail that is still to be sent brings a link of its own, and takes the place of this one.
            server.wait_for_jobs().await;
            plant_link(server, Purpose::VerifyEmail, other, name).await;
        }
        "reset_password" => {
            body["token"] = json!(name);
            plant_link(server, Purpose::SetPassword, other, name).await;
        }
        "set_up" => {
            body["token"] = json!(name);
            body["email"] = json!(format!("new{name}@example.com"));
            // There is a first admin only where there is none.
            let anonymous = "UPDATE users SET role = 'user'";
            execute(server, anonymous).await;
            plant_setup_link(server, name).await;
        }
        _ if body.get("email").is_some() => body["email"] = json!(format!("new{name}@example.com")),
        _ => {}
    }
    body
}

/// Makes a link with this very secret work for the first admin.
async fn plant_setup_link(server: &Server, secret: &str) {
    let hash = LinkSecret::presented(secret.to_owned()).hash();
    let issued =
        first_admin::issue(&server.state.store, hash, server.now() + days(1)).await.unwrap();
    assert!(issued, "there is no admin");
}

/// Makes a link with this very secret work for somebody.
async fn plant_link(server: &Server, purpose: Purpose, owner: &TestUser, secret: &str) {
    let hash = LinkSecret::presented(secret.to_owned()).hash();
    let now = server.now();
    let link = NewVerification::new(purpose, &owner.id, &owner.email, hash, days(1), now);
    crate::store::add_link(server, link).await;
}

/// The caller with the key of this case.
async fn present(server: &Server, subject: &TestUser, case: Case) -> Caller {
    let cookie = subject.browser.cookie.clone().unwrap();
    match case {
        Case::Anonymous | Case::ProxysBasic => server.anonymous.clone(),
        Case::Cookie | Case::AdminCookie | Case::CookieAndProxysBasic | Case::CookieAndBadToken => {
            subject.browser.clone()
        }
        Case::Token | Case::AdminsTokenWithoutAdminScope => subject.token(&["read", "write"]).await,
        Case::ReadOnlyToken => subject.token(&["read"]).await,
        Case::AdminToken => subject.token(&["read", "write", "admin"]).await,
        Case::BothKeys => {
            let token = subject.token(&["read", "write"]).await.token.unwrap();
            server.anonymous.with_both(&cookie, &token)
        }
        Case::ExpiredToken => {
            let made = subject.create_token(json!({ "name": "short", "expiresInDays": 1 })).await;
            server.advance(days(1));
            server.anonymous.with_token(made["token"].as_str().unwrap())
        }
        Case::RevokedToken => {
            let script = subject.token(&["read", "write"]).await;
            script.delete("/api/tokens/current").await.expect(204);
            script
        }
        Case::CookieAsBearer => server.anonymous.with_token(cookie.split_once('=').unwrap().1),
        Case::DeactivatedCookie => {
            deactivate(server, subject).await;
            subject.browser.clone()
        }
        Case::DeactivatedToken => {
            let script = subject.token(&["read", "write"]).await;
            deactivate(server, subject).await;
            script
        }
        Case::ExpiredCookie => {
            server.advance(days(7));
            subject.browser.clone()
        }
    }
}

async fn deactivate(server: &Server, person: &TestUser) {
    let now = server.now();
    let event = Event::new(None, Action::UserDeactivated, &person.id, &json!({}), now);
    user_administration::deactivate(&server.state.store, person.id.clone(), false, now, event)
        .await
        .unwrap()
        .unwrap();
}

#[apply(on_both_databases)]
async fn openapi_request_examples_succeed_unmodified(backend: Backend) {
    let document = document();
    let tried = assert_examples_succeed(backend, &operations(&document)).await;
    assert!(tried.len() >= 10, "{tried:?}");
}

/// Sends the example of each operation that has one, as it stands. Returns the ids of these operations.
async fn assert_examples_succeed<'a>(
    backend: Backend,
    operations: &[Operation<'a>],
) -> BTreeSet<&'a str> {
    let sign_up = operations.iter().find(|operation| operation.id == "sign_up_email").unwrap();
    let mut tried = BTreeSet::new();
    for operation in operations {
        let Some(example) = operation.example() else { continue };
        tried.insert(operation.id);
        let server = backend.start().await;
        let mut caller = server.anonymous.clone();
        let mut owner = None;
        if operation.id == "set_up" {
            plant_setup_link(&server, example["token"].as_str().unwrap()).await;
        } else if operation.id != sign_up.id {
            let reply =
                server.anonymous.post(sign_up.path, sign_up.example().unwrap().clone()).await;
            caller = server.anonymous.with_cookie(&reply.cookie().unwrap());
            let id = reply.expect(200)["user"]["id"].as_str().unwrap().to_owned();
            let email = sign_up.example().unwrap()["email"].as_str().unwrap().to_owned();
            let ada = TestUser { id, email, browser: caller.clone() };
            let ada = server.make_admin(ada).await;
            caller = ada.browser.clone();
            // One of them may leave.
            server.sign_up_admin("colleague").await;
            if let Some(secret) = example.get("token").and_then(Value::as_str) {
                // A mail that is still to be sent brings a link that takes the place of this one.
                server.wait_for_jobs().await;
                let purpose = match operation.id {
                    "confirm_email" => Purpose::VerifyEmail,
                    _ => Purpose::SetPassword,
                };
                plant_link(&server, purpose, &ada, secret).await;
            }
            owner = Some(ada);
        }
        let path = match operation.path.split_once("/{id}") {
            Some((collection, rest)) => {
                let ada = owner.as_ref().expect("somebody owns it");
                format!(
                    "{collection}/{}{rest}",
                    make(&server, ada, collection, operations, "x").await
                )
            }
            None => operation.path.to_owned(),
        };
        let reply = Reply::of(caller.request(operation.method.clone(), &path).json(example)).await;
        assert_eq!(reply.status, operation.success(), "{}: {}", operation.id, reply.text);
    }
    tried
}
