//! The contract of a mailed link: it expires, works once, and is bound to its user and the email that it was sent to.
//!
//! Describe the link with [`MailedLink`], and add `mailed_link!(Invitation);` below. That makes a module `contract` with
//! the tests that the macro at the end of this file names. Where some do not apply, name those that do:
//! `mailed_link!(Invitation: expiry, single_use);`.

use portcullis::{
    secrets::LinkSecret,
    time::{Span, seconds},
};

use crate::support::{Backend, Reply, Server, TestUser, Value, execute, json, rounds};

/// The status and the code of a problem.
pub type Rejection = (u16, &'static str);

/// A link with a secret that is sent to a user by mail, and acts when it is used.
pub trait MailedLink {
    /// How long it works.
    const LIFETIME: Span;

    /// The response to a link that is malformed, unknown, superseded or invalidated.
    const INVALID: Rejection;

    /// The response to one that has expired.
    const EXPIRED: Rejection = Self::INVALID;

    /// The response while its user is deactivated.
    const DEACTIVATED: Rejection = (403, "USER_DEACTIVATED");

    /// The responses to a link that was used before, or is being used. None where a success is repeated, without any
    /// effect.
    const USED: Option<&'static [Rejection]> = Some(&[Self::INVALID]);

    /// Whether only its user can use it, who must be signed in.
    const NEEDS_SESSION: bool = false;

    /// Creates a user of this name and mails them a link, whose secret is returned.
    async fn issue(server: &Server, _admin: &TestUser, name: &str) -> (TestUser, String) {
        let user = server.sign_up(name).await;
        let secret = Self::issue_newer(server, &user).await;
        (user, secret)
    }

    /// Mails a user another link, and returns its secret.
    async fn issue_newer(server: &Server, user: &TestUser) -> String;

    /// Uses a link.
    async fn redeem(server: &Server, user: &TestUser, secret: &str) -> Reply;

    /// Whether a link has had its effect on this user.
    async fn took_effect(server: &Server, admin: &TestUser, user: &TestUser) -> bool;
}

/// A server with an admin and a user who was mailed a link.
struct Scene {
    server: Server,
    admin: TestUser,
    user: TestUser,
    secret: String,
}

impl Scene {
    async fn start<L: MailedLink>(backend: Backend) -> Self {
        let server = backend.start().await;
        let admin = server.sign_up_admin("admin").await;
        let (user, secret) = L::issue(&server, &admin, "ada").await;
        Self { server, admin, user, secret }
    }

    async fn redeem<L: MailedLink>(&self) -> Reply {
        L::redeem(&self.server, &self.user, &self.secret).await
    }

    /// Shows that the link works, and has not worked before.
    async fn assert_works<L: MailedLink>(&self) {
        assert!(!self.took_effect::<L>().await, "it has had no effect yet");
        self.redeem::<L>().await.expect(200);
        assert!(self.took_effect::<L>().await);
    }

    /// Shows that the link is rejected, twice, and has no effect.
    async fn assert_rejected<L: MailedLink>(&self, (status, code): Rejection) {
        for _ in 0..2 {
            let reply = self.redeem::<L>().await;
            assert_eq!(reply.header("set-cookie"), None);
            reply.assert_problem(status, code);
        }
        assert!(!self.took_effect::<L>().await);
    }

    async fn took_effect<L: MailedLink>(&self) -> bool {
        L::took_effect(&self.server, &self.admin, &self.user).await
    }

    /// The user as the admin sees them.
    async fn shown(&self) -> Value {
        let mut shown = self.admin.browser.get(&self.user_path()).await.json();
        shown.as_object_mut().unwrap().remove("requestId");
        shown
    }

    fn user_path(&self) -> String {
        format!("/api/admin/users/{}", self.user.id)
    }

    async fn deactivate(&self, body: Value) {
        self.admin
            .browser
            .post(&format!("{}/deactivate", self.user_path()), body)
            .await
            .expect(200);
    }

    async fn reactivate(&self) {
        let path = format!("{}/reactivate", self.user_path());
        self.admin.browser.post(&path, json!({})).await.expect(200);
    }
}

pub async fn link_expires_at_the_end_of_its_lifetime<L: MailedLink>(backend: Backend) {
    let scene = Scene::start::<L>(backend).await;
    let (late, secret) = L::issue(&scene.server, &scene.admin, "late").await;
    let end = scene.server.now() + L::LIFETIME;
    scene.server.clock.set(end - seconds(1));
    scene.assert_works::<L>().await;
    scene.server.clock.set(end);
    Scene { user: late, secret, ..scene }.assert_rejected::<L>(L::EXPIRED).await;
}

pub async fn used_link_cannot_be_used_again<L: MailedLink>(backend: Backend) {
    let scene = Scene::start::<L>(backend).await;
    scene.assert_works::<L>().await;
    let after = scene.shown().await;
    scene.server.advance(seconds(1));
    let again = scene.redeem::<L>().await;
    match L::USED {
        Some(rejections) => drop(again.assert_problem(rejections[0].0, rejections[0].1)),
        None => drop(again.expect(200)),
    }
    assert_eq!(scene.shown().await, after, "nothing is changed again");
}

pub async fn newer_link_supersedes_the_older_one<L: MailedLink>(backend: Backend) {
    let scene = Scene::start::<L>(backend).await;
    let (other, others) = L::issue(&scene.server, &scene.admin, "other").await;
    let newer = L::issue_newer(&scene.server, &scene.user).await;
    scene.assert_rejected::<L>(L::INVALID).await;
    let scene = Scene { secret: newer, ..scene };
    scene.assert_works::<L>().await;
    // Not that of another user.
    Scene { user: other, secret: others, ..scene }.assert_works::<L>().await;
}

pub async fn link_is_invalid_once_the_users_email_has_changed<L: MailedLink>(backend: Backend) {
    let mut scene = Scene::start::<L>(backend).await;
    // Without the operation that changes it, which also deletes links.
    let moved = "moved@example.com";
    let sql = format!("UPDATE users SET email = '{moved}' WHERE id = '{}'", scene.user.id);
    execute(&scene.server, &sql).await;
    let before = std::mem::replace(&mut scene.user.email, moved.to_owned());
    scene.assert_rejected::<L>(L::INVALID).await;
    // Nor is it spent by trying.
    let sql = format!("UPDATE users SET email = '{before}' WHERE id = '{}'", scene.user.id);
    execute(&scene.server, &sql).await;
    scene.user.email = before;
    scene.assert_works::<L>().await;
}

pub async fn deactivated_user_cannot_use_a_link_until_reactivated<L: MailedLink>(backend: Backend) {
    let scene = Scene::start::<L>(backend).await;
    scene.deactivate(json!({})).await;
    let before = scene.shown().await;
    scene.assert_rejected::<L>(L::DEACTIVATED).await;
    assert_eq!(scene.shown().await, before);
    scene.reactivate().await;
    scene.assert_works::<L>().await;
}

pub async fn deactivation_with_revocation_invalidates_the_link<L: MailedLink>(backend: Backend) {
    let mut scene = Scene::start::<L>(backend).await;
    scene.deactivate(json!({ "revokeCredentials": true })).await;
    let signed_out = if L::NEEDS_SESSION { L::DEACTIVATED } else { L::INVALID };
    scene.assert_rejected::<L>(signed_out).await;
    scene.reactivate().await;
    if L::NEEDS_SESSION {
        scene.user.browser = scene.server.sign_in(&scene.user).await;
    }
    scene.assert_rejected::<L>(L::INVALID).await;
}

pub async fn malformed_or_unknown_link_is_rejected<L: MailedLink>(backend: Backend) {
    let scene = Scene::start::<L>(backend).await;
    let secret = &scene.secret;
    let unknown = LinkSecret::generate();
    let session = scene.admin.browser.cookie.as_ref().unwrap().split_once('=').unwrap().1;
    let [short, long] = [&secret[..secret.len() - 1], &format!("{secret}x")];
    for malformed in ["", "x", "x\0", short, long, &"x".repeat(60_000), session, unknown.reveal()] {
        let reply = L::redeem(&scene.server, &scene.user, malformed).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(L::INVALID.0, L::INVALID.1);
    }
    scene.assert_works::<L>().await;
}

pub async fn concurrent_uses_of_a_link_take_effect_once<L: MailedLink>(backend: Backend) {
    let mut scene = Scene::start::<L>(backend).await;
    for round in 0..rounds(8) {
        let (user, secret) = L::issue(&scene.server, &scene.admin, &format!("grace{round}")).await;
        scene = Scene { user, secret, ..scene };
        let (one, other) = tokio::join!(scene.redeem::<L>(), scene.redeem::<L>());
        let (won, lost) = if one.status == 200 { (one, other) } else { (other, one) };
        won.expect(200);
        let code = lost.json()["code"].as_str().unwrap_or_default().to_owned();
        match L::USED {
            Some(rejections) => {
                assert!(rejections.contains(&(lost.status.as_u16(), &code)), "{}", lost.text);
            }
            None => drop(lost.expect(200)),
        }
        assert!(scene.took_effect::<L>().await);
    }
}

/// Adds the tests of a link: all of them, or those of some parts.
macro_rules! mailed_link {
    ($link:ty) => {
        $crate::support::mailed_link!(
            $link: expiry, single_use, superseded, email, deactivated, revoked, malformed, concurrent
        );
    };
    ($link:ty: $($part:ident),+) => {
        mod contract {
            use super::*;
            use $crate::support::contracts::mailed_link;

            $($crate::support::mailed_link!(@$part $link);)+
        }
    };
    (@expiry $link:ty) => {
        $crate::support::contract_tests!(
            mailed_link<$link>:
            link_expires_at_the_end_of_its_lifetime,
        );
    };
    (@single_use $link:ty) => {
        $crate::support::contract_tests!(
            mailed_link<$link>:
            used_link_cannot_be_used_again,
        );
    };
    (@superseded $link:ty) => {
        $crate::support::contract_tests!(
            mailed_link<$link>:
            newer_link_supersedes_the_older_one,
        );
    };
    (@email $link:ty) => {
        $crate::support::contract_tests!(
            mailed_link<$link>:
            link_is_invalid_once_the_users_email_has_changed,
        );
    };
    (@deactivated $link:ty) => {
        $crate::support::contract_tests!(
            mailed_link<$link>:
            deactivated_user_cannot_use_a_link_until_reactivated,
        );
    };
    (@revoked $link:ty) => {
        $crate::support::contract_tests!(
            mailed_link<$link>:
            deactivation_with_revocation_invalidates_the_link,
        );
    };
    (@malformed $link:ty) => {
        $crate::support::contract_tests!(
            mailed_link<$link>:
            malformed_or_unknown_link_is_rejected,
        );
    };
    (@concurrent $link:ty) => {
        $crate::support::contract_tests!(
            mailed_link<$link>:
            concurrent_uses_of_a_link_take_effect_once,
        );
    };
}

pub(crate) use mailed_link;
