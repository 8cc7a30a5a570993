//! Signs in with an account at an identity provider, which may create the user.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use super::{Reauthenticated, Renewal, SessionStatements, SignIn, SignInRequest, SignedIn};
use crate::{
    store::{
        Error, Store, invalidating_transaction,
        schema::{accounts, users},
        tables::{
            accounts::{NewAccount, link_tx},
            activity::{Action, Event, RecordEvent},
            jobs::{AddJob, NewJob},
            locks::Locks,
            sessions::Methods,
            users::{Role, User, present, search::IndexUsers},
        },
        workflows::email_proof::EmailProof,
    },
    time::Timestamp,
};

/// A sign-in with an account at a provider, which the provider has proved.
pub struct ProviderSignIn {
    /// The provider's id.
    pub provider: String,
    /// The user's id at the provider.
    pub subject: String,
    /// The email there, if it is known and well-formed, in lower case.
    pub email: Option<ProvidedEmail>,
    /// How the user has authenticated.
    pub methods: Methods,
    /// The browser.
    pub request: SignInRequest,
}

/// An email by the word of a provider, and what may follow from it.
pub struct ProvidedEmail {
    /// The email, in lower case.
    pub email: String,
    /// Whether the provider verified it: only then may it lead to the account of that email.
    pub verified: bool,
    /// The user to create if no account has it; none if the provider may not.
    pub new_user: Option<NewProviderUser>,
    /// Tells a user of that email that the account was linked.
    pub linked_mail: NewJob,
}

/// A user whom a provider creates.
pub struct NewProviderUser {
    /// The name.
    pub name: String,
    /// Whether the email counts as verified.
    pub email_verified: bool,
    /// Asks the user to verify it, otherwise.
    pub verification_mail: Option<NewJob>,
}

/// The outcome of a sign-in with a proved account.
pub struct ProviderFollowed {
    /// The outcome of the sign-in.
    pub outcome: SignedIn,
    /// Whether the user was created.
    pub is_new: bool,
}

/// Why a sign-in with a proved account is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderRejected {
    /// The account is unknown, and the provider named no usable email.
    NoEmail,
    /// A user has the email, but it is not certain on both sides that they read mail to it.
    NotLinked,
    /// The provider may not create users.
    SignUpClosed,
}

/// Signs in with an account at a provider: as the user to whom it is linked, otherwise as the user with its email,
/// otherwise as a new user.
///
/// An account is linked to the user with its email only if both sides have verified that. If the provider verified it and
/// this site never did, another person may have signed up with it: see `EmailProof`.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn sign_in_with_provider(
    store: &Store,
    attempt: ProviderSignIn,
    now: Timestamp,
) -> Result<Result<ProviderFollowed, ProviderRejected>, Error> {
    let ProviderSignIn { provider, subject, email, methods, request } = attempt;
    let policy = store.sign_in_policy;
    invalidating_transaction!(store, |conn| {
        let known: Option<(String, String)> = accounts::table
            .filter(accounts::provider_id.eq(&provider))
            .filter(accounts::account_id.eq(&subject))
            .select((accounts::id, accounts::user_id))
            .get_result(conn)
            .await
            .optional()?;
        if let Some((account_id, user_id)) = known
            && let Some(user) = conn.lock_user(&user_id).await?
        {
            // It may have been unlinked before the user was locked.
            let still_linked = diesel::update(accounts::table.find(&account_id))
                .set(accounts::updated_at.eq(accounts::updated_at))
                .execute(conn)
                .await?;
            if still_linked == 1 {
                let outcome = conn.sign_in(user, methods, &request, policy, now).await?;
                return Ok(Ok(ProviderFollowed { outcome, is_new: false }));
            }
        }
        let Some(provided) = &email else { return Ok(Err(ProviderRejected::NoEmail)) };
        let find = users::table
            .filter(present())
            .filter(users::email.eq(&provided.email))
            .select(users::id);
        let mut found: Option<String> = find.get_result(conn).await.optional()?;
        let mut is_new = false;
        if found.is_none() {
            let Some(new) = &provided.new_user else {
                return Ok(Err(ProviderRejected::SignUpClosed));
            };
            let user = User {
                email_verified: new.email_verified,
                ..User::new(new.name.clone(), provided.email.clone(), Role::User, now)
            };
            is_new = conn.insert_user_unless_taken(&user).await?;
            if is_new {
                let event = Event::of_user(&user.id, Action::SignedUp, &request.client, now)
                    .with_detail(json!({ "provider": &provider }));
                conn.record_event(&event).await?;
                if let Some(mail) = &new.verification_mail {
                    conn.add_job(mail).await?;
                }
            }
            // A concurrent sign-up may have taken the email.
            found = find.get_result(conn).await.optional()?;
        }
        let Some(id) = found else { return Ok(Err(ProviderRejected::NotLinked)) };
        let Some(user) = conn.lock_user(&id).await? else {
            return Ok(Err(ProviderRejected::NotLinked));
        };
        if !is_new && !provided.verified {
            return Ok(Err(ProviderRejected::NotLinked));
        }
        if !user.is_active() {
            let outcome = conn.sign_in(user, methods, &request, policy, now).await?;
            return Ok(Ok(ProviderFollowed { outcome, is_new }));
        }
        let user = if is_new { user } else { conn.prove_email(user, &request.client, now).await? };
        let account = NewAccount::at_provider(&user.id, &provider, &subject, now);
        match link_tx!(conn, &account) {
            (owner, _) if owner != user.id => return Ok(Err(ProviderRejected::NotLinked)),
            (_, true) if !is_new => {
                let event = Event::of_user(&user.id, Action::ProviderLinked, &request.client, now)
                    .with_detail(json!({ "provider": &provider }));
                conn.record_event(&event).await?;
                conn.add_job(&provided.linked_mail).await?;
            }
            _ => {}
        }
        let outcome = conn.sign_in(user, methods, &request, policy, now).await?;
        Ok(Ok(ProviderFollowed { outcome, is_new }))
    })
}

/// Records that a session's user has authenticated again at a provider, and rotates the session's secret. Returns nothing
/// if the account there, of this provider and subject, is not linked to the user, or the user was deactivated.
///
/// As after a password, that proves nothing about the second factor: what needs one asks for a code.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn reauthenticate_with_provider(
    store: &Store,
    user_id: String,
    (provider, subject): (String, String),
    renewal: Renewal,
    now: Timestamp,
) -> Result<Option<Reauthenticated>, Error> {
    invalidating_transaction!(store, |conn| {
        let user = conn.lock_user(&user_id).await?.filter(User::is_active);
        let Some(user) = user else { return Ok(None) };
        let linked: i64 = accounts::table
            .filter(accounts::provider_id.eq(&provider))
            .filter(accounts::account_id.eq(&subject))
            .filter(accounts::user_id.eq(&user_id))
            .count()
            .get_result(conn)
            .await?;
        if linked == 0 {
            return Ok(None);
        }
        let renewed = conn.rotate_secret(&renewal, now).await?;
        Ok(Some(Reauthenticated { user, renewed }))
    })
}
