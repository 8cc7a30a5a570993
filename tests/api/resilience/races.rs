//! Two concurrent requests, again and again: every round must end in one of the allowed outcomes.
//!
//! Other races stand beside the operations that they belong to. `just races` runs all of them for long.

use portcullis::{
    secrets::LinkSecret,
    store::{
        AdminCheckFailed,
        activity::{ALL_USERS, Action, Client, Event},
        api_tokens,
        jobs::{self, NewJob},
        operator_revocation,
        registration::{self, CreateUserOptions},
        retention::{self, Due},
        sessions,
        users::{self, Role},
        verifications::{NewVerification, Purpose},
    },
    time::days,
};
use reqwest::StatusCode;

use crate::support::*;

const ME: &str = "/api/me";

fn path(person: &TestUser, what: &str) -> String {
    format!("/api/admin/users/{}{what}", person.id)
}

async fn reactivate(admin: &TestUser, person: &TestUser) {
    admin.browser.post(&path(person, "/reactivate"), json!({})).await.expect(200);
}

/// Whether the request succeeded; if not, it was rejected because the caller may not do it (any more).
#[track_caller]
fn is_done(reply: &Reply) -> bool {
    let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&reply.status);
    assert!(reply.status.is_success() || refused, "{reply:?}");
    !refused
}

#[apply(on_both_databases)]
async fn last_use_write_concurrent_with_revocation_revives_no_token(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let (store, last_used) = (&server.state.store, &server.state.last_used);
    for round in 0..rounds(20) {
        let created = ada.create_token(json!({ "name": "raced" })).await;
        let script = server.anonymous.with_token(created["token"].as_str().unwrap());
        let token_path = format!("/api/tokens/{}", created["id"].as_str().unwrap());
        if round % 2 == 0 {
            // The gate has accepted the credential, and its use is written after the revocation.
            script.get(ME).await.expect(200);
            ada.browser.delete(&token_path).await.expect(204);
        } else {
            let (one, other, revoked, flushed) = tokio::join!(
                script.get(ME),
                script.get(ME),
                ada.browser.delete(&token_path),
                last_used.flush(store)
            );
            revoked.expect(204);
            flushed.unwrap();
            is_done(&one);
            is_done(&other);
        }
        let before = ada.browser.get(&token_path).await.expect(200);
        last_used.flush(store).await.unwrap();
        let after = ada.browser.get(&token_path).await.expect(200);
        assert_eq!(after["state"], "revoked", "round {round}");
        assert_eq!(after["revokedAt"], before["revokedAt"]);
        assert!(round % 2 == 1 || after["lastUsedAt"].is_string(), "the last use was written");
        script.get(ME).await.assert_problem(401, "token_invalid");
    }
}

#[apply(on_both_databases)]
async fn sign_in_concurrent_with_deactivation_grants_no_access(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let credentials = json!({ "email": ada.email, "password": PASSWORD });
    let deactivate_path = path(&ada, "/deactivate");
    for round in 0..rounds(8) {
        let revoke = round % 2 == 0;
        let (signed_in, deactivated) = tokio::join!(
            server.anonymous.post("/api/auth/sign-in/email", credentials.clone()),
            admin.browser.post(&deactivate_path, json!({ "revokeCredentials": revoke }))
        );
        deactivated.expect(200);
        let Some(cookie) = signed_in.cookie() else {
            signed_in.assert_problem(403, "USER_DEACTIVATED");
            reactivate(&admin, &ada).await;
            continue;
        };
        signed_in.expect(200);
        let browser = server.anonymous.with_cookie(&cookie);
        browser.get(ME).await.assert_problem(401, "UNAUTHORIZED");
        reactivate(&admin, &ada).await;
        browser.get(ME).await.expect(if revoke { 401 } else { 200 });
    }
}

#[apply(on_both_databases)]
async fn concurrent_self_reactivation_cannot_undo_a_deactivation(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let mallory = server.sign_up_admin("mallory").await;
    let (deactivate_path, reactivate_path) =
        (path(&mallory, "/deactivate"), path(&mallory, "/reactivate"));
    for round in 0..rounds(20) {
        let (deactivated, one, other) = tokio::join!(
            admin.browser.post(&deactivate_path, json!({})),
            mallory.browser.post(&reactivate_path, json!({})),
            mallory.browser.post(&reactivate_path, json!({}))
        );
        deactivated.expect(200);
        is_done(&one);
        is_done(&other);
        let reply = mallory.browser.get(ME).await;
        assert_eq!(reply.status, 401, "round {round}: {one:?} {other:?}");
        reactivate(&admin, &mallory).await;
    }
}

#[apply(on_both_databases)]
async fn concurrent_self_promotion_cannot_undo_a_demotion(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let mut mallory = server.sign_up_admin("mallory").await;
    let user_path = path(&mallory, "");
    for round in 0..rounds(20) {
        let promotion = || json!({ "role": "admin" });
        let (demoted, one, other) = tokio::join!(
            admin.browser.patch(&user_path, json!({ "role": "user" })),
            mallory.browser.patch(&user_path, promotion()),
            mallory.browser.patch(&user_path, promotion())
        );
        demoted.expect(200);
        is_done(&one);
        is_done(&other);
        let role = mallory.browser.get(ME).await.expect(200)["user"]["role"].clone();
        assert_eq!(role, "user", "round {round}: {one:?} {other:?}");
        mallory = server.make_admin(mallory).await;
    }
}

#[apply(on_both_databases)]
async fn concurrent_mutual_deactivation_of_two_admins_leaves_one_active(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up_admin("ada").await;
    let grace = server.sign_up_admin("grace").await;
    for round in 0..rounds(20) {
        let (at_ada, at_grace) = (path(&ada, "/deactivate"), path(&grace, "/deactivate"));
        let (one, other) = tokio::join!(
            ada.browser.post(&at_grace, json!({})),
            grace.browser.post(&at_ada, json!({}))
        );
        let done = [is_done(&one), is_done(&other)];
        assert_ne!(done[0], done[1], "round {round}: {one:?} {other:?}");
        for (person, stays) in [(&ada, done[0]), (&grace, done[1])] {
            person.browser.get(ME).await.expect(if stays { 200 } else { 401 });
            reactivate(&admin, person).await;
        }
    }
}

#[apply(on_both_databases)]
async fn admin_write_concurrent_with_own_deactivation_is_done_or_rejected(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let mallory = server.sign_up_admin("mallory").await;
    let friend = server.sign_up("friend").await;
    let (deactivate_path, at_friend) = (path(&mallory, "/deactivate"), path(&friend, ""));
    for round in 0..rounds(20) {
        let email = format!("accomplice{round}@example.com");
        let accomplice = json!({ "name": "x", "email": email, "role": "admin" });
        let (deactivated, created, promoted) = tokio::join!(
            admin.browser.post(&deactivate_path, json!({})),
            mallory.browser.post("/api/admin/users", accomplice),
            mallory.browser.patch(&at_friend, json!({ "role": "admin" }))
        );
        deactivated.expect(200);
        let found = admin.browser.get(&format!("/api/admin/users?search={email}")).await;
        let found = found.expect(200)["items"].as_array().unwrap().len();
        assert_eq!(found, usize::from(is_done(&created)), "round {round}: {created:?}");
        let role = admin.browser.get(&at_friend).await.expect(200)["role"].clone();
        assert_eq!(role == "admin", is_done(&promoted), "round {round}: {promoted:?}");
        server.set_role(&friend, Role::User).await;
        reactivate(&admin, &mallory).await;
    }
}

/// A request that passes the gate while the caller is an admin, and reaches the store when they no longer are.
#[apply(on_both_databases)]
async fn create_user_by_a_former_admin_is_rejected_by_the_store(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let mallory = server.sign_up_admin("mallory").await;
    let make = async |email: &str| {
        let user = users::User::new("x".into(), email.into(), Role::Admin, server.now());
        let (actor, now) = (Some(mallory.id.as_str()), server.now());
        let event = Event::new(actor, Action::UserCreated, &user.id, &json!({}), now);
        let with = CreateUserOptions { account: None, mail: None, event };
        registration::create_user(&server.state.store, user, with).await.unwrap()
    };
    assert!(make("1@example.com").await.is_ok());
    server.set_role(&mallory, Role::User).await;
    assert_eq!(make("2@example.com").await.err(), Some(AdminCheckFailed::NotAnAdmin));
    admin.browser.post(&path(&mallory, "/deactivate"), json!({})).await.expect(200);
    assert_eq!(make("3@example.com").await.err(), Some(AdminCheckFailed::Deactivated));
    let created = admin.browser.get("/api/admin/users?search=@example.com").await.expect(200);
    assert_eq!(created["items"].as_array().unwrap().len(), 3, "{created}");
}

/// Requests that pass the gate while the caller is an admin, and reach the store when they no longer are.
#[apply(on_both_databases)]
async fn revocations_and_job_actions_by_a_former_admin_are_rejected_by_the_store(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let mallory = server.sign_up_admin("mallory").await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "hers" })).await;
    let script = server.anonymous.with_token(created["token"].as_str().unwrap());
    let token = created["id"].as_str().unwrap();
    server.wait_for_jobs().await;
    let job = NewJob::new("foreign", "{}".to_owned(), None, server.now());
    let job_id = job.id().to_owned();
    let store = &server.state.store;
    jobs::add(store, job).await.unwrap();
    let late = async || {
        let (now, owner) = (server.now(), ada.id.clone());
        let actor = Some(mallory.id.clone());
        let event = |action| Event::new(actor.as_deref(), action, &ada.id, &json!({}), now);
        let by_mallory = {
            let event = event(Action::TokenRevoked);
            move |_: &api_tokens::ApiToken| event.clone()
        };
        let ended = event(Action::SessionsEnded);
        let ended = sessions::end_as_admin(store, owner.clone(), now, ended).await;
        let revoked = api_tokens::revoke_all(store, owner, now, event(Action::TokensRevoked)).await;
        [
            ended.unwrap().err(),
            revoked.unwrap().err(),
            api_tokens::revoke_as_admin(store, actor.clone(), token.to_owned(), by_mallory, now)
                .await
                .unwrap()
                .err(),
            jobs::retry(store, actor.clone(), job_id.clone(), Client::default(), now)
                .await
                .unwrap()
                .err(),
            jobs::discard(store, actor.clone(), job_id.clone(), Client::default(), now)
                .await
                .unwrap()
                .err(),
        ]
    };
    let recorded = async || {
        let log = admin.browser.get("/api/admin/activity?limit=100").await.expect(200);
        log["items"].as_array().unwrap().len()
    };
    server.set_role(&mallory, Role::User).await;
    let before = recorded().await;
    assert_eq!(late().await, [Some(AdminCheckFailed::NotAnAdmin); 5]);
    assert_eq!(recorded().await, before);
    admin.browser.post(&path(&mallory, "/deactivate"), json!({})).await.expect(200);
    assert_eq!(late().await, [Some(AdminCheckFailed::Deactivated); 5]);
    assert_eq!(recorded().await, before + 1, "the revocation itself");
    ada.browser.get(ME).await.expect(200);
    script.get(ME).await.expect(200);
    assert_eq!(jobs::count(store).await.unwrap(), (1, 0));
    reactivate(&admin, &mallory).await;
    server.set_role(&mallory, Role::Admin).await;
    assert_eq!(late().await, [None; 5]);
}

#[apply(on_both_databases)]
async fn admin_revocation_concurrent_with_own_deactivation_is_done_or_rejected(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let mallory = server.sign_up_admin("mallory").await;
    let friend = server.sign_up("friend").await;
    let deactivate_path = path(&mallory, "/deactivate");
    let (sessions, tokens) = (path(&friend, "/sessions"), path(&friend, "/tokens"));
    for round in 0..rounds(20) {
        let browser = server.sign_in(&friend).await;
        let created = browser.post("/api/tokens", json!({ "name": "raced" })).await.expect(201);
        let script = server.anonymous.with_token(created["token"].as_str().unwrap());
        let (deactivated, ended, revoked) = tokio::join!(
            admin.browser.post(&deactivate_path, json!({})),
            mallory.browser.delete(&sessions),
            mallory.browser.delete(&tokens)
        );
        deactivated.expect(200);
        let lives = |done| if done { 401 } else { 200 };
        assert_eq!(browser.get(ME).await.status, lives(is_done(&ended)), "round {round}");
        assert_eq!(script.get(ME).await.status, lives(is_done(&revoked)), "round {round}");
        reactivate(&admin, &mallory).await;
    }
}

#[apply(on_both_databases)]
async fn create_token_concurrent_with_revoking_all_credentials_grants_no_access(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let store = &server.state.store;
    for round in 0..rounds(20) {
        let browser = server.sign_in(&ada).await;
        let now = server.now();
        let of = (round % 2 == 0).then(|| ada.id.clone());
        let event = |action| Event::new(None, action, ALL_USERS, &json!({}), now);
        let end = async {
            let ended = event(Action::SessionsEnded);
            operator_revocation::end_sessions(store, of.clone(), now, ended).await.unwrap();
            let revoked = event(Action::TokensRevoked);
            operator_revocation::revoke_tokens(store, of.clone(), now, revoked).await.unwrap();
        };
        let (created, ()) =
            tokio::join!(browser.post("/api/tokens", json!({ "name": "raced" })), end);
        browser.get(ME).await.assert_problem(401, "UNAUTHORIZED");
        if is_done(&created) {
            let token = created.expect(201)["token"].as_str().unwrap().to_owned();
            server.anonymous.with_token(&token).get(ME).await.assert_problem(401, "token_invalid");
        }
    }
}

/// All operations that write sessions, links and tokens, in whatever order they lock them.
#[apply(on_both_databases)]
async fn revoking_all_credentials_concurrently_with_writes_fails_no_request(backend: Backend) {
    let server = backend.start_with_slow_hashing(&[]).await;
    let (ada, grace) = (server.sign_up("ada").await, server.sign_up("grace").await);
    let (store, anonymous) = (&server.state.store, &server.anonymous);
    for round in 0..rounds(8) {
        let (phone, desk) = (server.sign_in(&ada).await, server.sign_in(&grace).await);
        let (secret, now) = (LinkSecret::generate(), server.now());
        let purpose = Purpose::SetPassword;
        let link = NewVerification::new(purpose, &ada.id, &ada.email, secret.hash(), days(1), now);
        crate::store::add_link(&server, link).await;
        let reset = json!({ "newPassword": PASSWORD, "token": secret.reveal() });
        let change = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
        let sign_in = json!({ "email": grace.email, "password": PASSWORD });
        let event = |action| Event::new(None, action, ALL_USERS, &json!({}), now);
        let (reset, changed, begun, entered, created, left, ended, revoked, deleted) = tokio::join!(
            anonymous.post("/api/auth/reset-password", reset),
            phone.post("/api/auth/change-password", change),
            anonymous.post("/api/auth/sign-in/email", sign_in),
            desk.post("/api/auth/verify-password", json!({ "password": PASSWORD })),
            desk.post("/api/tokens", json!({ "name": "raced" })),
            desk.post("/api/auth/revoke-other-sessions", json!({})),
            operator_revocation::end_sessions(store, None, now, event(Action::SessionsEnded)),
            operator_revocation::revoke_tokens(store, None, now, event(Action::TokensRevoked)),
            retention::complete(store, Due { now, keep_activity: days(365) }, 2)
        );
        for reply in [reset, changed, begun, entered, created, left] {
            assert!(reply.status.as_u16() < 500, "round {round}: {reply:?}");
        }
        assert!(
            ended.is_ok() && revoked.is_ok() && deleted.is_ok(),
            "{ended:?} {revoked:?} {deleted:?}"
        );
    }
}
