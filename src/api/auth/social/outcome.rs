//! Signs in the user whose identity a provider has proved.

use actix_web::{HttpRequest, cookie::Cookie};

use super::failure::Failure;
use crate::{
    api::auth::{browser, mailbox::takes_mail, second_factor},
    error::Error,
    fields::{self, normal_email},
    gate::cookie::SessionCookie,
    jobs::{Job, Mail, MailKind},
    providers::{Identity, Provider},
    secrets::SessionSecret,
    state::State,
    store::{
        sessions::{Method, Methods},
        sign_in::{
            self, Challenge, NewProviderUser, ProvidedEmail, ProviderFollowed, ProviderRejected,
            ProviderSignIn, Refusal, SessionGrant, SignedIn,
        },
        users::User,
    },
    time::Timestamp,
};

/// How far an identity has led.
pub(super) enum Reached {
    /// To a session.
    Session(Box<NewSession>),
    /// To the second factor, and the secret of the sign-in that waits for it.
    Challenge(Challenge, SessionSecret),
}

/// A session that has begun, and whose cookie is set.
pub(super) struct NewSession {
    pub(super) user: User,
    pub(super) grant: SessionGrant,
    /// Whether the user was created.
    pub(super) is_new: bool,
    /// The cookie of a trusted device that stood for the second factor.
    pub(super) device: Option<Cookie<'static>>,
}

/// Signs in, as far as the rules allow it.
pub(super) async fn sign_in(
    state: &State,
    request: &HttpRequest,
    cookie: &SessionCookie,
    provider: &Provider,
    identity: Identity,
) -> Result<Result<Reached, Failure>, Error> {
    let now = state.clock.now();
    let secret = SessionSecret::generate();
    let mut methods = Methods::one(Method::Provider);
    if provider.proved_second_factor(&identity) {
        methods = methods.and(Method::ProviderSecondFactor);
    }
    let attempt = ProviderSignIn {
        provider: provider.id.clone(),
        email: provided_email(state, request, provider, &identity, now).await?,
        subject: identity.subject,
        methods,
        request: browser(&state.site, request, cookie, &secret, true),
    };
    let followed = sign_in::sign_in_with_provider(&state.store, attempt, now).await?;
    state.job_added.notify_one();
    let ProviderFollowed { outcome, is_new } = match followed {
        Ok(followed) => followed,
        Err(ProviderRejected::NoEmail) => return Ok(Err(Failure::EmailNotFound)),
        Err(ProviderRejected::NotLinked) => return Ok(Err(Failure::AccountNotLinked)),
        Err(ProviderRejected::SignUpClosed) => return Ok(Err(Failure::SignupDisabled)),
    };
    Ok(match outcome {
        SignedIn::Begun(begun) => {
            let (user, grant) = *begun;
            cookie.set(&grant, &secret)?;
            let device = second_factor::renewed_device(state, request, &user, &grant);
            Ok(Reached::Session(Box::new(NewSession { user, grant, is_new, device })))
        }
        SignedIn::SecondFactorDue(challenge) => Ok(Reached::Challenge(challenge, secret)),
        SignedIn::Refused(refusal) => Err(match refusal {
            Refusal::Deactivated => Failure::UserDeactivated,
            Refusal::Suspended => Failure::UserSuspended,
            Refusal::NotVerified => Failure::EmailNotVerified,
        }),
    })
}

/// Returns the email of an identity, and what may follow from it; none if it is missing or malformed.
async fn provided_email(
    state: &State,
    request: &HttpRequest,
    provider: &Provider,
    identity: &Identity,
    now: Timestamp,
) -> Result<Option<ProvidedEmail>, Error> {
    let well_formed = |email: &&String| fields::email(email).is_ok();
    let Some(email) = identity.email.as_ref().filter(well_formed) else { return Ok(None) };
    let email = normal_email(email);
    let may_sign_up = provider.may_sign_up() && state.config.accounts.check_sign_up(&email).is_ok();
    let mail = |kind| Job::from(Mail::new(kind, &email)).row(None, now);
    let new_user = if may_sign_up {
        let email_verified = provider.signs_up_verified(identity);
        let mails = !email_verified && takes_mail(state, request, &email).await?;
        let named = identity.name.clone().filter(|name| fields::name(name).is_ok());
        let local_part = || email.split('@').next().unwrap_or_default().to_owned();
        Some(NewProviderUser {
            name: named.unwrap_or_else(local_part),
            email_verified,
            verification_mail: mails.then(|| mail(MailKind::VerifyEmail)),
        })
    } else {
        None
    };
    Ok(Some(ProvidedEmail {
        verified: identity.email_verified == Some(true),
        new_user,
        linked_mail: mail(MailKind::ProviderLinked),
        email,
    }))
}
