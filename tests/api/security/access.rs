//! Access control: calls every operation of the OpenAPI document with every kind of credential on a running server, and
//! compares the responses with what `security` declares.
//!
//! A credential counts as accepted only if the response is the documented success, for an existing id and a valid body.
//! An operation that succeeds in no case fails the test. So does a response whose status or code is not declared, as in
//! every other test (`support::Reply`). There is no list of operations: a new one is covered as soon as it is in the
//! document.

mod activity;
mod enrolment;
mod second_user;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use portcullis::{
    secrets::LinkSecret,
    store::{
        activity::{Action, Event},
        first_admin,
        jobs::{self, NewJob},
        user_administration,
        verifications::{NewVerification, Purpose},
    },
    time::days,
};
use reqwest::{Method, RequestBuilder};
use tokio::sync::OnceCell;

use crate::support::*;

/// A credential, and how the request sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Anonymous,
    Cookie,
    Token,
    ReadOnlyToken,
    AdminCookie,
    AdminToken,
    AdminTokenWithoutAdminScope,
    CookieAndToken,
    ExpiredToken,
    RevokedToken,
    CookieAsBearer,
    DeactivatedCookie,
    DeactivatedToken,
    SuspendedCookie,
    SuspendedToken,
    ExpiredCookie,
    ProxyBasic,
    CookieAndProxyBasic,
    CookieAndBadToken,
    Challenge,
    PasskeyCookie,
}

/// The credential that the gate accepts in a case, with its roles or scopes.
#[derive(Debug)]
enum AcceptedCredential {
    None,
    Cookie(&'static [&'static str]),
    Token(&'static [&'static str]),
    Challenge,
}

const CASES: [Case; 21] = [
    Case::Anonymous,
    Case::Cookie,
    Case::Token,
    Case::ReadOnlyToken,
    Case::AdminCookie,
    Case::AdminToken,
    Case::AdminTokenWithoutAdminScope,
    Case::CookieAndToken,
    Case::ExpiredToken,
    Case::RevokedToken,
    Case::CookieAsBearer,
    Case::DeactivatedCookie,
    Case::DeactivatedToken,
    Case::SuspendedCookie,
    Case::SuspendedToken,
    Case::ExpiredCookie,
    Case::ProxyBasic,
    Case::CookieAndProxyBasic,
    Case::CookieAndBadToken,
    Case::Challenge,
    Case::PasskeyCookie,
];

impl Case {
    fn accepted(self) -> AcceptedCredential {
        match self {
            Self::Cookie | Self::CookieAndProxyBasic | Self::PasskeyCookie => {
                AcceptedCredential::Cookie(&[])
            }
            Self::AdminCookie => AcceptedCredential::Cookie(&["admin"]),
            Self::Token | Self::CookieAndToken | Self::AdminTokenWithoutAdminScope => {
                AcceptedCredential::Token(&["read", "write"])
            }
            Self::ReadOnlyToken => AcceptedCredential::Token(&["read"]),
            Self::AdminToken => AcceptedCredential::Token(&["read", "write", "admin"]),
            Self::Challenge => AcceptedCredential::Challenge,
            _ => AcceptedCredential::None,
        }
    }

    /// Returns the `Authorization` header that is sent in addition to the caller's credential.
    fn authorization(self) -> Option<&'static str> {
        match self {
            Self::ProxyBasic | Self::CookieAndProxyBasic => Some("Basic c3RhZ2U6Z2VoZWlt"),
            Self::CookieAndBadToken => Some("Bearer junk"),
            _ => None,
        }
    }

    fn is_by_admin(self) -> bool {
        matches!(self, Self::AdminCookie | Self::AdminToken | Self::AdminTokenWithoutAdminScope)
    }
}

/// An operation of an OpenAPI document.
pub struct Operation<'a> {
    pub id: &'a str,
    pub method: Method,
    pub path: &'a str,
    pub value: &'a Value,
}

/// Returns every operation of a document.
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
    /// Returns the status of the documented success.
    pub fn success(&self) -> u16 {
        let statuses = self.value["responses"].as_object().unwrap().keys();
        let statuses: Vec<u16> = statuses.map(|status| status.parse().unwrap()).collect();
        let success = statuses.iter().find(|status| (200..300).contains(*status));
        // An operation that follows a link succeeds with a redirect.
        let success = success.or_else(|| statuses.iter().find(|status| **status == 302));
        // One that this server does not offer documents its error alone.
        let success = success.or_else(|| statuses.iter().min());
        *success.unwrap_or_else(|| panic!("{} documents no success", self.id))
    }

    /// Returns the example of its request body, unchanged.
    pub fn example(&self) -> Option<&Value> {
        let content = self.value.get("requestBody")?["content"].as_object().unwrap();
        let example = content["application/json"].get("example");
        Some(example.unwrap_or_else(|| panic!("the body of {} has no example", self.id)))
    }

    /// Returns the status of the response to this credential, as `security` declares.
    fn expected_status(&self, accepted: &AcceptedCredential) -> u16 {
        let security = self.value["security"]
            .as_array()
            .unwrap_or_else(|| panic!("{} declares no security", self.id));
        let accepts = |scheme: &str, granted: &[&str]| {
            let mut requirements =
                security.iter().filter_map(|requirement| requirement.get(scheme));
            requirements.any(|roles| {
                roles
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|role| granted.contains(&role.as_str().unwrap()))
            })
        };
        let is_public = security.is_empty();
        match accepted {
            _ if is_public => self.success(),
            AcceptedCredential::Challenge if accepts("challenge", &[]) => self.success(),
            AcceptedCredential::None | AcceptedCredential::Challenge
                if security.iter().any(|requirement| *requirement == json!({})) =>
            {
                self.success()
            }
            AcceptedCredential::None | AcceptedCredential::Challenge => 401,
            AcceptedCredential::Cookie(granted) if accepts("cookie", granted) => self.success(),
            AcceptedCredential::Token(granted) if accepts("bearer", granted) => self.success(),
            _ => 403,
        }
    }
}

/// How many servers run in parallel. On one server the cases run one after the other, because a case may advance its
/// clock.
const SERVERS: usize = 4;

/// Returns the OpenAPI document of this server.
fn document() -> Value {
    serde_json::from_str(&portcullis::openapi::text(&product(), "portcullis").unwrap()).unwrap()
}

#[apply(on_both_databases)]
async fn openapi_security_is_enforced_for_every_operation_and_credential(backend: Backend) {
    assert_security_is_enforced(backend, &operations(&document())).await;
}

/// Calls the operations of a document in every case, and compares the responses with what `security` declares.
async fn assert_security_is_enforced(backend: Backend, operations: &[Operation<'_>]) {
    let parts = operations.chunks(operations.len().div_ceil(SERVERS));
    let results = join_all(parts.map(|part| call_in_every_case(backend, part, operations))).await;
    let (tables, wrong): (Vec<String>, Vec<Vec<String>>) = results.into_iter().unzip();
    let (table, wrong) = (tables.concat(), wrong.concat());
    assert_eq!(table.lines().count(), operations.len());
    println!("{} operations, {} cases each: {CASES:?}\n{table}", operations.len(), CASES.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Calls these operations in every case. Returns a row of statuses for each, and the responses that were not declared.
async fn call_in_every_case(
    backend: Backend,
    operations: &[Operation<'_>],
    all: &[Operation<'_>],
) -> (String, Vec<String>) {
    let server = backend.start_with_providers().await;
    let mut wrong = Vec::new();
    let mut table = String::new();
    for operation in operations {
        let mut succeeded = false;
        let mut row = String::new();
        for case in CASES {
            let expected = operation.expected_status(&case.accepted());
            let reply = call(&server, operation, all, case).await;
            let status = reply.status.as_u16();
            row.push_str(&format!(" {status}"));
            succeeded |= status == operation.success();
            if status != expected {
                wrong.push(format!(
                    "{} {} as {case:?}: {status}, declared {expected}: {}",
                    operation.method, operation.path, reply.text
                ));
            }
        }
        table.push_str(&format!("{:<6} {:<40}{row}\n", operation.method.as_str(), operation.path));
        if !succeeded {
            wrong.push(format!("{} {} succeeded in no case", operation.method, operation.path));
        }
    }
    (table, wrong)
}

/// Calls every operation successfully, each with new users and items, except the one that requires a site without an
/// admin.
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

/// Calls an operation with new users and items.
async fn call(
    server: &Server,
    operation: &Operation<'_>,
    all: &[Operation<'_>],
    case: Case,
) -> Reply {
    Reply::of(prepare(server, operation, all, case).await.1).await
}

/// Another user, who is an admin. Most operations need none, and signing one up takes longer than most of them.
struct OtherAdmin<'a> {
    server: &'a Server,
    name: String,
    user: OnceCell<TestUser>,
}

impl OtherAdmin<'_> {
    async fn get(&self) -> &TestUser {
        self.user.get_or_init(|| self.server.sign_up_admin(&self.name)).await
    }
}

/// Creates the users and items that an operation needs. Returns the user who calls it, and the request, unsent.
async fn prepare(
    server: &Server,
    operation: &Operation<'_>,
    all: &[Operation<'_>],
    case: Case,
) -> (TestUser, RequestBuilder) {
    let name = format!("u{}", portcullis::store::page::new_id().replace('-', ""));
    let mut subject = if case.is_by_admin() {
        server.sign_up_admin(&name).await
    } else {
        server.sign_up(&name).await
    };
    let other = OtherAdmin { server, name: format!("o{name}"), user: OnceCell::new() };
    if case.is_by_admin() {
        // The last admin could not delete the account.
        other.get().await;
    }
    let app = enrol(server, &mut subject, operation, case).await;
    let path = match operation.path.split_once("/{id}") {
        // The item is the caller's own, except for operations of admins on other users.
        Some((collection, rest)) => {
            let of_others = collection.starts_with("/api/admin/");
            let owner = if of_others { other.get().await } else { &subject };
            format!("{collection}/{}{rest}", make(server, owner, collection, all, &name).await)
        }
        None => operation.path.to_owned(),
    };
    let mut passkey = passkey_for(server, operation, &subject, &other).await;
    let caller = caller_with_credential(server, &subject, case).await;
    let path = add_link_to_path(server, operation, path, (&subject, &other), &name).await;
    let (caller, ceremony) = begin_ceremony(server, operation, caller, passkey.as_mut()).await;
    let mut request = caller.request(operation.method.clone(), &path);
    if operation.id == "follow_magic_link" {
        // A navigation is redirected to the link's page.
        request = request.header("Sec-Fetch-Mode", "cors");
    }
    if let Some(authorization) = case.authorization() {
        request = request.header("Authorization", authorization);
    }
    if let Some(example) = operation.example() {
        let users = (&subject, &other);
        let mut body = adapt_example(server, example.clone(), operation, users, &name).await;
        match (&ceremony, &passkey) {
            (Some(response), _) => body["response"] = response.clone(),
            (None, Some(passkey)) if body.get("id").is_some() => body["id"] = json!(passkey.id),
            _ => {}
        }
        if let Some(app) = app {
            match operation.id {
                "verify_backup_code" => body["code"] = json!(app.recovery_codes[0]),
                _ if body.get("code").is_some() => body["code"] = json!(app.code(server.now())),
                _ => {}
            }
        }
        request = request.json(&body);
    }
    (subject, request)
}

/// Sets up the two-factor authentication that an operation needs, and turns it on where it must be.
async fn enrol(
    server: &Server,
    user: &mut TestUser,
    operation: &Operation<'_>,
    case: Case,
) -> Option<Authenticator> {
    match operation.id {
        _ if case == Case::Challenge => Some(user.enable_two_factor(server).await),
        "verify_totp" | "show_totp_uri" => Some(user.begin_two_factor().await),
        "verify_backup_code" | "generate_backup_codes" | "disable_two_factor" => {
            Some(user.enable_two_factor(server).await)
        }
        _ => None,
    }
}

/// Adds the passkey that an operation needs: of the caller, or for a sign-in of another user.
async fn passkey_for(
    server: &Server,
    operation: &Operation<'_>,
    subject: &TestUser,
    other: &OtherAdmin<'_>,
) -> Option<Passkey> {
    match operation.id {
        "verify_passkey_registration" => Some(server.passkey()),
        "update_passkey" | "delete_passkey" => Some(subject.add(server.passkey()).await),
        "verify_passkey_authentication" => Some(other.get().await.add(server.passkey()).await),
        _ => None,
    }
}

/// Begins the ceremony that an operation finishes. Returns the caller with its cookie, and the response.
async fn begin_ceremony(
    server: &Server,
    operation: &Operation<'_>,
    caller: Caller,
    passkey: Option<&mut Passkey>,
) -> (Caller, Option<Value>) {
    match (operation.id, passkey) {
        ("verify_passkey_authentication", Some(passkey)) => {
            let (browser, options) = server.anonymous.begin_ceremony(BEGIN_PASSKEY).await;
            let response = passkey.sign(&options);
            (caller.and_cookie(&browser.cookie.unwrap()), Some(response))
        }
        // Only a caller with a session can begin it.
        ("verify_passkey_registration", Some(passkey)) if caller.token.is_none() => {
            if caller.get(BEGIN_REGISTRATION).await.status != 200 {
                return (caller, None);
            }
            let (browser, options) = caller.begin_ceremony(BEGIN_REGISTRATION).await;
            (browser, Some(passkey.create(&options)))
        }
        _ => (caller, None),
    }
}

/// Creates an item of a collection by its `POST`, or by that of another collection of the same name. Returns its id.
pub async fn make(
    server: &Server,
    owner: &TestUser,
    collection: &str,
    all: &[Operation<'_>],
    name: &str,
) -> String {
    // No operation creates a job. This version cannot run a job of this kind, so the job stays queued.
    if collection == "/api/admin/jobs" {
        let job = NewJob::new("of-tomorrow", "{}".to_owned(), None, server.now());
        let id = job.id().to_owned();
        jobs::add(&server.state.store, job).await.unwrap();
        return id;
    }
    // No operation of this collection creates a session: sign-in does.
    if collection == "/api/admin/sessions" {
        return owner.browser.session_id().await;
    }
    // A device is trusted together with a code, which would end the owner's session here.
    if collection == "/api/trusted-devices" {
        return add_trusted_device(server, owner).await;
    }
    let last = collection.rsplit('/').next().unwrap();
    let creates = |operation: &&Operation<'_>| {
        operation.method == Method::POST && operation.path.ends_with(&format!("/{last}"))
    };
    let exact = all.iter().filter(creates).find(|operation| operation.path == collection);
    let post = exact
        .or_else(|| all.iter().find(creates))
        .unwrap_or_else(|| panic!("no operation creates an item of {collection}"));
    let mut body = post.example().unwrap().clone();
    if body.get("email").is_some() {
        body["email"] = json!(format!("item{name}@example.com"));
    }
    // These fields are unique among the items of an owner.
    for unique in ["name", "shortName"] {
        if let Some(Value::String(text)) = body.get_mut(unique) {
            let id = portcullis::store::page::new_id();
            *text = format!("t{}", id.rsplit('-').next().unwrap());
        }
    }
    let created = owner.browser.post(post.path, body).await.expect(201);
    created["id"].as_str().unwrap().to_owned()
}

/// Stores a trusted device of a user.
async fn add_trusted_device(server: &Server, owner: &TestUser) -> String {
    let id = portcullis::store::page::new_id();
    let backend = Backend::of_server(server);
    let (hash, now) = match backend {
        Backend::Sqlite => ("randomblob(32)", moment(backend, server.now())),
        Backend::Postgres => ("sha256(random()::text::bytea)", moment(backend, server.now())),
    };
    let until = moment(backend, server.now() + days(30));
    let owner = &owner.id;
    let sql = format!(
        "INSERT INTO trusted_devices (id, user_id, secret_hash, generation, created_at, last_used_at, expires_at)
         SELECT '{id}', '{owner}', {hash}, u.session_generation + u.link_generation + e.session_generation
             + e.link_generation, {now}, {now}, {until}
         FROM users u, epoch e WHERE u.id = '{owner}'"
    );
    execute(server, &sql).await;
    id
}

/// Returns the path of an operation that follows a mailed link with a valid link added, and any other path unchanged.
async fn add_link_to_path(
    server: &Server,
    operation: &Operation<'_>,
    path: String,
    (subject, other): (&TestUser, &OtherAdmin<'_>),
    name: &str,
) -> String {
    let (purpose, owner, query) = match operation.id {
        "follow_reset_link" => {
            (Purpose::SetPassword, other.get().await, "?callbackURL=/".to_owned())
        }
        "verify_email" => (Purpose::VerifyEmail, other.get().await, format!("?token={name}")),
        "follow_magic_link" => (Purpose::SignIn, other.get().await, format!("?token={name}")),
        "confirm_deletion" => (Purpose::DeleteAccount, subject, format!("?token={name}")),
        _ => return path,
    };
    // A message that is sent later contains a newer link, which supersedes this one.
    server.wait_for_jobs().await;
    add_link(server, purpose, owner, name).await;
    path.replace("{token}", name) + &query
}

/// Adapts an example to the users of a case: emails are unique, and a link can be used once.
async fn adapt_example(
    server: &Server,
    mut body: Value,
    operation: &Operation<'_>,
    (subject, other): (&TestUser, &OtherAdmin<'_>),
    name: &str,
) -> Value {
    match operation.id {
        "sign_in_email" => body["email"] = json!(other.get().await.email),
        "send_verification_email" => body["email"] = json!(subject.email),
        "confirm_email" => {
            body["token"] = json!(name);
            // A message that is sent later contains a newer link, which supersedes this one.
            server.wait_for_jobs().await;
            add_link(server, Purpose::VerifyEmail, other.get().await, name).await;
        }
        "unlink_account" => {
            body["accountId"] = json!(name);
            add_account(server, subject, "github", name).await;
        }
        "verify_social" => add_account(server, subject, "company", name).await,
        "use_magic_link" => {
            body["token"] = json!(name);
            add_link(server, Purpose::SignIn, other.get().await, name).await;
        }
        "suspend_access" => {
            body["token"] = json!(name);
            server.add_suspension_link(other.get().await, name).await;
        }
        "restore_access" => {
            body["token"] = json!(name);
            server.suspend(other.get().await).await;
            server.wait_for_jobs().await;
            add_link(server, Purpose::RestoreAccess, other.get().await, name).await;
        }
        "reset_password" => {
            body["token"] = json!(name);
            add_link(server, Purpose::SetPassword, other.get().await, name).await;
        }
        "set_up" => {
            body["token"] = json!(name);
            body["email"] = json!(format!("new{name}@example.com"));
            // A first admin can be created only while there is no admin.
            let demote_all = "UPDATE users SET role = 'user'";
            execute(server, demote_all).await;
            add_setup_link(server, name).await;
        }
        _ if body.get("email").is_some() => body["email"] = json!(format!("new{name}@example.com")),
        _ => {}
    }
    body
}

/// Links an account at a provider to a user.
pub async fn add_account(server: &Server, owner: &TestUser, provider: &str, id: &str) {
    let sql = format!(
        "INSERT INTO accounts (id, user_id, provider_id, account_id, created_at, updated_at)
         SELECT '{id}', id, '{provider}', '{id}', created_at, updated_at FROM users WHERE id = '{}'",
        owner.id
    );
    execute(server, &sql).await;
}

/// Stores a setup link with this secret.
async fn add_setup_link(server: &Server, secret: &str) {
    let hash = LinkSecret::presented(secret.to_owned()).hash();
    let issued =
        first_admin::issue(&server.state.store, hash, server.now() + days(1)).await.unwrap();
    assert!(issued, "there must be no admin");
}

/// Stores a link of a user with this secret.
async fn add_link(server: &Server, purpose: Purpose, owner: &TestUser, secret: &str) {
    let hash = LinkSecret::presented(secret.to_owned()).hash();
    let now = server.now();
    let link = NewVerification::new(purpose, &owner.id, &owner.email, hash, days(1), now);
    crate::store::add_link(server, link).await;
}

/// Returns the caller with the credential of a case.
async fn caller_with_credential(server: &Server, subject: &TestUser, case: Case) -> Caller {
    let cookie = subject.browser.cookie.clone().unwrap();
    match case {
        Case::Anonymous | Case::ProxyBasic => server.anonymous.clone(),
        Case::Cookie | Case::AdminCookie | Case::CookieAndProxyBasic | Case::CookieAndBadToken => {
            subject.browser.clone()
        }
        Case::Token | Case::AdminTokenWithoutAdminScope => subject.token(&["read", "write"]).await,
        Case::ReadOnlyToken => subject.token(&["read"]).await,
        Case::AdminToken => subject.token(&["read", "write", "admin"]).await,
        Case::CookieAndToken => {
            let token = subject.token(&["read", "write"]).await.token.unwrap();
            server.anonymous.with_both(&cookie, &token)
        }
        Case::ExpiredToken => {
            let created =
                subject.create_token(json!({ "name": "short", "expiresInDays": 1 })).await;
            server.advance(days(1));
            server.anonymous.with_token(created["token"].as_str().unwrap())
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
        Case::SuspendedCookie => {
            server.suspend(subject).await;
            subject.browser.clone()
        }
        Case::SuspendedToken => {
            let script = subject.token(&["read", "write"]).await;
            server.suspend(subject).await;
            script
        }
        Case::ExpiredCookie => {
            server.advance(days(7));
            subject.browser.clone()
        }
        Case::Challenge => server.challenged(subject).await,
        Case::PasskeyCookie => {
            let mut passkey = subject.add(server.passkey()).await;
            let reply = server.anonymous.use_passkey(&mut passkey).await;
            server.anonymous.with_cookie(&reply.cookie().expect("the session cookie is set"))
        }
    }
}

async fn deactivate(server: &Server, user: &TestUser) {
    let now = server.now();
    let event = Event::new(None, Action::UserDeactivated, &user.id, &json!({}), now);
    user_administration::deactivate(&server.state.store, user.id.clone(), false, now, event)
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

/// Sends the example of each operation that has one, unchanged. Returns the ids of these operations.
async fn assert_examples_succeed<'a>(
    backend: Backend,
    operations: &[Operation<'a>],
) -> BTreeSet<&'a str> {
    let sign_up = operations.iter().find(|operation| operation.id == "sign_up_email").unwrap();
    let mut tried = BTreeSet::new();
    for operation in operations {
        let Some(example) = operation.example() else { continue };
        // A code depends on a random secret, and a signature on a random key.
        if operation.id.starts_with("verify_passkey_")
            || ["verify_totp", "verify_backup_code"].contains(&operation.id)
        {
            continue;
        }
        tried.insert(operation.id);
        let server = backend.start_with_providers().await;
        let mut caller = server.anonymous.clone();
        let mut owner = None;
        if operation.id == "set_up" {
            add_setup_link(&server, example["token"].as_str().unwrap()).await;
        } else if operation.id != sign_up.id {
            let reply =
                server.anonymous.post(sign_up.path, sign_up.example().unwrap().clone()).await;
            caller = server.anonymous.with_cookie(&reply.cookie().unwrap());
            let id = reply.expect(200)["user"]["id"].as_str().unwrap().to_owned();
            let email = sign_up.example().unwrap()["email"].as_str().unwrap().to_owned();
            let ada = TestUser { id, email, browser: caller.clone() };
            let mut ada = server.make_admin(ada).await;
            match operation.id {
                "show_totp_uri" => drop(ada.begin_two_factor().await),
                "generate_backup_codes" | "disable_two_factor" => {
                    ada.enable_two_factor(&server).await;
                }
                "verify_social" => add_account(&server, &ada, "company", "ada").await,
                "update_passkey" | "delete_passkey" => {
                    ada.add(server.passkey()).await;
                    let id = example["id"].as_str().unwrap();
                    execute(&server, &format!("UPDATE passkeys SET id = '{id}'")).await;
                }
                _ => {}
            }
            caller = ada.browser.clone();
            if let Some(account) = example.get("accountId").and_then(Value::as_str) {
                add_account(&server, &ada, "github", account).await;
            }
            // With a second admin, the operations that delete or demote the caller succeed.
            server.sign_up_admin("colleague").await;
            if let Some(secret) = example.get("token").and_then(Value::as_str) {
                // A message that is sent later contains a newer link, which supersedes this one.
                server.wait_for_jobs().await;
                let purpose = match operation.id {
                    "confirm_email" => Some(Purpose::VerifyEmail),
                    "use_magic_link" => Some(Purpose::SignIn),
                    "restore_access" => {
                        server.suspend(&ada).await;
                        Some(Purpose::RestoreAccess)
                    }
                    "suspend_access" => None,
                    _ => Some(Purpose::SetPassword),
                };
                match purpose {
                    Some(purpose) => add_link(&server, purpose, &ada, secret).await,
                    None => server.add_suspension_link(&ada, secret).await,
                }
            }
            owner = Some(ada);
        }
        let path = match operation.path.split_once("/{id}") {
            Some((collection, rest)) => {
                let ada = owner.as_ref().expect("an item has an owner");
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
