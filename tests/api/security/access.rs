//! Access control: calls every operation of the OpenAPI document with every kind of credential on a running server, and
//! compares the responses with what `security` declares.
//!
//! A credential counts as accepted only if the response is the documented success, for an existing id and a valid body.
//! An operation that succeeds in no case fails the test. So does a response whose status or code is not declared, as in
//! every other test (`testkit::Reply`). There is no list of operations: a new one is covered as soon as it is in the
//! document.

mod activity;
mod enrolment;
mod second_user;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use portcullis::{
    secrets::LinkSecret,
    store::{
        first_admin,
        jobs::{self, NewJob},
        verifications::{NewVerification, Purpose},
    },
    testkit::rules::{
        AccessRules, Items, Rule,
        cases::{AcceptedCredential, Case as CommonCase},
        sweep::{Outcome, sweep},
    },
    time::days,
};
use reqwest::{Method, RequestBuilder};
use tokio::sync::OnceCell;

use crate::support::*;

/// A credential, and how the request sends it: those of every product, and two that only this library accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Common(CommonCase),
    Challenge,
    PasskeyCookie,
}

/// Returns every case.
fn cases() -> Vec<Case> {
    let common = CommonCase::ALL.into_iter().map(Case::Common);
    common.chain([Case::Challenge, Case::PasskeyCookie]).collect()
}

impl Case {
    const ADMIN_COOKIE: Self = Self::Common(CommonCase::AdminCookie);
    const COOKIE: Self = Self::Common(CommonCase::Cookie);
    const TOKEN: Self = Self::Common(CommonCase::Token);

    fn accepted(self) -> AcceptedCredential {
        match self {
            Self::Common(case) => case.accepted(),
            Self::Challenge => AcceptedCredential::Challenge,
            Self::PasskeyCookie => AcceptedCredential::Cookie(&[]),
        }
    }

    /// Returns the `Authorization` header that is sent in addition to the caller's credential.
    fn authorization(self) -> Option<&'static str> {
        match self {
            Self::Common(case) => case.authorization(),
            _ => None,
        }
    }

    fn is_by_admin(self) -> bool {
        matches!(self, Self::Common(case) if case.is_by_admin())
    }

    /// Returns a client with the credential, which belongs to this user.
    async fn caller(self, server: &Server, user: &TestUser) -> Caller {
        match self {
            Self::Common(case) => case.caller(server, user).await,
            Self::Challenge => server.challenged(user).await,
            Self::PasskeyCookie => {
                let mut passkey = user.add(server.passkey()).await;
                let reply = server.anonymous.use_passkey(&mut passkey).await;
                server.anonymous.with_cookie(&reply.cookie().expect("the session cookie is set"))
            }
        }
    }
}

/// How many servers run in parallel. On one server the cases run one after the other, because a case may advance its
/// clock.
const SERVERS: usize = 4;

#[apply(on_both_databases)]
async fn openapi_security_is_enforced_for_every_operation_and_credential(backend: Backend) {
    assert_security_is_enforced(backend, &document().operations()).await;
}

/// Calls the operations of a document in every case, and compares the responses with what `security` declares.
async fn assert_security_is_enforced(backend: Backend, operations: &[Operation<'_>]) {
    let cases = cases();
    let parts = operations.chunks(operations.len().div_ceil(SERVERS));
    let results = join_all(parts.map(async |part| {
        let server = backend.start_with_providers().await;
        let expected =
            |operation: &Operation<'_>, case: Case| operation.expected_status(case.accepted());
        let call = async |operation: &Operation<'_>, case| {
            Ok(Outcome { reply: call(&server, operation, case).await, changed: None })
        };
        sweep(part, &cases, expected, call).await
    }));
    let (tables, wrong): (Vec<String>, Vec<Vec<String>>) = results.await.into_iter().unzip();
    let (table, wrong) = (tables.concat(), wrong.concat());
    assert_eq!(table.lines().count(), operations.len());
    println!("{} operations, {} cases each: {cases:?}\n{table}", operations.len(), cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Calls every operation successfully, each with new users and items, except the one that requires a site without an
/// admin.
pub async fn succeed_at_every_operation(server: &Server) {
    let document = server.anonymous.get("/openapi.json").await.expect(200);
    let operations = Operation::all(&document);
    for operation in operations.iter().filter(|operation| operation.id != "set_up") {
        let mut reply = call(server, operation, Case::ADMIN_COOKIE).await;
        if reply.status != operation.success() {
            reply = call(server, operation, Case::TOKEN).await;
        }
        assert_eq!(reply.status, operation.success(), "{}: {}", operation.id, reply.text);
    }
}

/// Calls an operation with new users and items.
async fn call(server: &Server, operation: &Operation<'_>, case: Case) -> Reply {
    Reply::of(prepare(server, operation, case).await.1).await
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
            format!("{collection}/{}{rest}", make(server, owner, collection).await)
        }
        None => operation.path.to_owned(),
    };
    let mut passkey = passkey_for(server, operation, &subject, &other).await;
    let caller = case.caller(server, &subject).await;
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

/// Items that no operation creates.
struct OtherItems;

impl Items for OtherItems {
    async fn create(&self, server: &Server, owner: &TestUser, collection: &str) -> Option<String> {
        match collection {
            // This version cannot run a job of this kind, so the job stays queued.
            "/api/admin/jobs" => {
                let job = NewJob::new("of-tomorrow", "{}".to_owned(), None, server.now());
                let id = job.id().to_owned();
                jobs::add(&server.state.store, job).await.unwrap();
                Some(id)
            }
            // Sign-in creates a session.
            "/api/admin/sessions" => Some(owner.browser.session_id().await),
            // A device is trusted together with a code, which would end the owner's session here.
            "/api/trusted-devices" => Some(add_trusted_device(server, owner).await),
            _ => None,
        }
    }
}

/// Returns the rules of access for every operation.
fn all_rules() -> AccessRules<OtherItems> {
    AccessRules::of(product()).with_library().items(OtherItems)
}

#[apply(on_both_databases)]
async fn declared_constraints_exist(backend: Backend) {
    all_rules().assert(Rule::Constraints, backend).await;
}

/// Creates an item of a collection, and returns its id.
pub async fn make(server: &Server, owner: &TestUser, collection: &str) -> String {
    all_rules().create_item(server, owner, collection).await.unwrap()
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

#[apply(on_both_databases)]
async fn openapi_request_examples_succeed_unmodified(backend: Backend) {
    let document = document();
    let tried = assert_examples_succeed(backend, &document.operations()).await;
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
                format!("{collection}/{}{rest}", make(&server, ada, collection).await)
            }
            None => operation.path.to_owned(),
        };
        let reply = Reply::of(caller.request(operation.method.clone(), &path).json(example)).await;
        assert_eq!(reply.status, operation.success(), "{}: {}", operation.id, reply.text);
    }
    tried
}
