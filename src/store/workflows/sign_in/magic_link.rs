//! Signs in with a mailed link, which may create the account.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{SignIn, SignInRequest, SignedIn};
use crate::{
    secrets::LinkHash,
    store::{
        Error, Store, invalidating_transaction,
        schema::users,
        tables::{
            activity::{Action, Event, RecordEvent},
            locks::Locks,
            sessions::{Method, Methods},
            sign_up_links::SpendSignUpLink,
            users::{Role, User, present, search::IndexUsers},
            verifications::{LinkError, Purpose, RedeemLinks},
        },
        workflows::email_proof::EmailProof,
    },
    time::Timestamp,
};

/// A sign-in with a mailed link.
pub struct MagicLinkSignIn {
    /// The link.
    pub link: LinkHash,
    /// The browser that signs in.
    pub request: SignInRequest,
    /// Whether the link may create an account.
    pub sign_up: bool,
}

/// The outcome of a sign-in with a valid link.
pub struct LinkFollowed {
    /// The outcome of the sign-in.
    pub outcome: SignedIn,
    /// Whether the account was created.
    pub is_new: bool,
}

/// Why a link is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkRejected {
    /// It is not valid.
    Invalid(LinkError),
    /// It would have created an account, and sign-up is closed. The link is not spent.
    SignUpClosed,
}

/// Signs in with a link that was mailed to the user's email, which proves the email. A link to an email without an
/// account creates one.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn sign_in_with_link(
    store: &Store,
    attempt: MagicLinkSignIn,
    now: Timestamp,
) -> Result<Result<LinkFollowed, LinkRejected>, Error> {
    let MagicLinkSignIn { link, request, sign_up } = attempt;
    let policy = store.sign_in_policy;
    let methods = Methods::one(Method::MagicLink);
    invalidating_transaction!(store, |conn| {
        let (user, is_new) = match conn.redeem(link, &[Purpose::SignIn], now).await? {
            Ok((user, _)) => (user, false),
            Err(LinkError::Unknown) => {
                let Some(link) = conn.spend_sign_up_link(link, now).await? else {
                    return Ok(Err(LinkRejected::Invalid(LinkError::Unknown)));
                };
                let new = User {
                    email_verified: true,
                    ..User::new(link.name, link.email.clone(), Role::User, now)
                };
                let is_new = sign_up && conn.insert_user_unless_taken(&new).await?;
                if is_new {
                    let event = Event::of_user(&new.id, Action::SignedUp, &request.client, now);
                    conn.record_event(&event).await?;
                }
                let id: Option<String> = users::table
                    .filter(present())
                    .filter(users::email.eq(&link.email))
                    .select(users::id)
                    .get_result(conn)
                    .await
                    .optional()?;
                // Without an account, only because sign-up was closed after the link was mailed.
                let Some(id) = id else { return Ok(Err(LinkRejected::SignUpClosed)) };
                match conn.lock_user(&id).await? {
                    Some(user) => (user, is_new),
                    None => return Ok(Err(LinkRejected::Invalid(LinkError::Unknown))),
                }
            }
            Err(refused) => return Ok(Err(LinkRejected::Invalid(refused))),
        };
        let user = if user.is_active() {
            conn.prove_email(user, &request.client, now).await?
        } else {
            user
        };
        let outcome = conn.sign_in(user, methods, &request, policy, now).await?;
        Ok(Ok(LinkFollowed { outcome, is_new }))
    })
}
