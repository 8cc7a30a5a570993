//! The contract of a mailed link: it expires, works once, and is bound to its user and to the email it was sent to.
//!
//! Describe the link by implementing [`MailedLink`], and add `mailed_link!(Invitation);` below. The macro at the end of
//! this file adds a module `contract` with the tests. Where some do not apply, name the parts that do:
//! `mailed_link!(Invitation: expiry, single_use);`.

use portcullis::{
    secrets::LinkSecret,
    time::{Span, seconds},
};

use crate::support::{Backend, Reply, Server, Start, TestUser, Value, execute, json, rounds};

/// The status and code of a problem.
pub type Rejection = (u16, &'static str);

/// A link with a secret that is mailed to a user, and takes effect when it is used.
pub trait MailedLink {
    /// The time after which it expires.
    const LIFETIME: Span;

    /// The response to a malformed, unknown, superseded or revoked link.
    const INVALID: Rejection;

    /// The response to an expired link.
    const EXPIRED: Rejection = Self::INVALID;

    /// The response while its user is deactivated.
    const DEACTIVATED: Rejection = (403, "USER_DEACTIVATED");

    /// The possible responses to a link that was used before or is in use by a concurrent request. `None` if using it
    /// again succeeds without effect.
    const USED: Option<&'static [Rejection]> = Some(&[Self::INVALID]);

    /// Whether using it requires a session of its user.
    const NEEDS_SESSION: bool = false;

    /// Creates a user with this name and mails them a link. Returns the user, and the secret of the link.
    async fn issue(server: &Server, _admin: &TestUser, name: &str) -> (TestUser, String) {
        let user = server.sign_up(name).await;
        let secret = Self::issue_newer(server, &user).await;
        (user, secret)
    }

    /// Mails another link to a user, and returns its secret.
    async fn issue_newer(server: &Server, user: &TestUser) -> String;

    /// Uses a link.
    async fn redeem(server: &Server, user: &TestUser, secret: &str) -> Reply;

    /// Returns whether a link has taken effect on this user.
    async fn took_effect(server: &Server, admin: &TestUser, user: &TestUser) -> bool;
}

/// A server with an admin, and a user with a mailed link.
struct Fixture {
    server: Server,
    admin: TestUser,
    user: TestUser,
    secret: String,
}

impl Fixture {
    async fn start<L: MailedLink>(backend: Backend) -> Self {
        let server = backend.start().await;
        let admin = server.sign_up_admin("admin").await;
        let (user, secret) = L::issue(&server, &admin, "ada").await;
        Self { server, admin, user, secret }
    }

    async fn redeem<L: MailedLink>(&self) -> Reply {
        L::redeem(&self.server, &self.user, &self.secret).await
    }

    /// Asserts that the link has not taken effect, and works.
    async fn assert_works<L: MailedLink>(&self) {
        assert!(!self.took_effect::<L>().await, "the link must not have taken effect before");
        self.redeem::<L>().await.expect(200);
        assert!(self.took_effect::<L>().await);
    }

    /// Asserts that the link is rejected each time, and has no effect.
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

    /// Returns the user as shown to the admin.
    async fn user_as_admin(&self) -> Value {
        let mut user = self.admin.browser.get(&self.user_path()).await.json();
        user.as_object_mut().unwrap().remove("requestId");
        user
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
    let fixture = Fixture::start::<L>(backend).await;
    let (late_user, secret) = L::issue(&fixture.server, &fixture.admin, "late").await;
    let end = fixture.server.now() + L::LIFETIME;
    fixture.server.clock.set(end - seconds(1));
    fixture.assert_works::<L>().await;
    fixture.server.clock.set(end);
    Fixture { user: late_user, secret, ..fixture }.assert_rejected::<L>(L::EXPIRED).await;
}

pub async fn used_link_cannot_be_used_again<L: MailedLink>(backend: Backend) {
    let fixture = Fixture::start::<L>(backend).await;
    fixture.assert_works::<L>().await;
    let after = fixture.user_as_admin().await;
    fixture.server.advance(seconds(1));
    let again = fixture.redeem::<L>().await;
    match L::USED {
        Some(rejections) => drop(again.assert_problem(rejections[0].0, rejections[0].1)),
        None => drop(again.expect(200)),
    }
    assert_eq!(fixture.user_as_admin().await, after, "using it again changes nothing");
}

pub async fn newer_link_supersedes_the_older_one<L: MailedLink>(backend: Backend) {
    let fixture = Fixture::start::<L>(backend).await;
    let (other_user, other_secret) = L::issue(&fixture.server, &fixture.admin, "other").await;
    let newer = L::issue_newer(&fixture.server, &fixture.user).await;
    fixture.assert_rejected::<L>(L::INVALID).await;
    let fixture = Fixture { secret: newer, ..fixture };
    fixture.assert_works::<L>().await;
    // The link of another user is not superseded.
    Fixture { user: other_user, secret: other_secret, ..fixture }.assert_works::<L>().await;
}

pub async fn link_is_invalid_once_the_users_email_has_changed<L: MailedLink>(backend: Backend) {
    let mut fixture = Fixture::start::<L>(backend).await;
    // By SQL, because the operation that changes an email also deletes links.
    let changed = "changed@example.com";
    let sql = format!("UPDATE users SET email = '{changed}' WHERE id = '{}'", fixture.user.id);
    execute(&fixture.server, &sql).await;
    let before = std::mem::replace(&mut fixture.user.email, changed.to_owned());
    fixture.assert_rejected::<L>(L::INVALID).await;
    // The rejected uses do not consume the link.
    let sql = format!("UPDATE users SET email = '{before}' WHERE id = '{}'", fixture.user.id);
    execute(&fixture.server, &sql).await;
    fixture.user.email = before;
    fixture.assert_works::<L>().await;
}

pub async fn deactivated_user_cannot_use_a_link_until_reactivated<L: MailedLink>(backend: Backend) {
    let fixture = Fixture::start::<L>(backend).await;
    fixture.deactivate(json!({})).await;
    let before = fixture.user_as_admin().await;
    fixture.assert_rejected::<L>(L::DEACTIVATED).await;
    assert_eq!(fixture.user_as_admin().await, before);
    fixture.reactivate().await;
    fixture.assert_works::<L>().await;
}

pub async fn deactivation_with_revocation_invalidates_the_link<L: MailedLink>(backend: Backend) {
    let mut fixture = Fixture::start::<L>(backend).await;
    fixture.deactivate(json!({ "revokeCredentials": true })).await;
    let rejection = if L::NEEDS_SESSION { L::DEACTIVATED } else { L::INVALID };
    fixture.assert_rejected::<L>(rejection).await;
    fixture.reactivate().await;
    if L::NEEDS_SESSION {
        fixture.user.browser = fixture.server.sign_in(&fixture.user).await;
    }
    fixture.assert_rejected::<L>(L::INVALID).await;
}

pub async fn malformed_or_unknown_link_is_rejected<L: MailedLink>(backend: Backend) {
    let fixture = Fixture::start::<L>(backend).await;
    let secret = &fixture.secret;
    let unknown = LinkSecret::generate();
    let session = fixture.admin.browser.cookie.as_ref().unwrap().split_once('=').unwrap().1;
    let [short, long] = [&secret[..secret.len() - 1], &format!("{secret}x")];
    for malformed in ["", "x", "x\0", short, long, &"x".repeat(60_000), session, unknown.reveal()] {
        let reply = L::redeem(&fixture.server, &fixture.user, malformed).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(L::INVALID.0, L::INVALID.1);
    }
    fixture.assert_works::<L>().await;
}

pub async fn concurrent_uses_of_a_link_take_effect_once<L: MailedLink>(backend: Backend) {
    let mut fixture = Fixture::start::<L>(backend).await;
    for round in 0..rounds(8) {
        let (user, secret) =
            L::issue(&fixture.server, &fixture.admin, &format!("grace{round}")).await;
        fixture = Fixture { user, secret, ..fixture };
        let (one, other) = tokio::join!(fixture.redeem::<L>(), fixture.redeem::<L>());
        let (first, second) = if one.status == 200 { (one, other) } else { (other, one) };
        first.expect(200);
        let code = second.json()["code"].as_str().unwrap_or_default().to_owned();
        match L::USED {
            Some(rejections) => {
                assert!(rejections.contains(&(second.status.as_u16(), &code)), "{}", second.text);
            }
            None => drop(second.expect(200)),
        }
        assert!(fixture.took_effect::<L>().await);
    }
}

/// Adds the contract's tests for a link: all of them, or those of the named parts.
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
