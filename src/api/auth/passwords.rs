//! Verifies the user's password again (re-authentication), and changes it.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{DONE, StatusResponse, browser, sign_up::yes, throttle::Attempt};
use crate::{
    api::{client::client, json::ProtocolJson, limited, tag, user::User},
    error::{Code, Error},
    gate::{BeforeEnrolment, ByCookie, Session, cookie::SessionCookie},
    jobs::{Job, MailKind},
    secrets::{Password, PasswordContext, SessionSecret, Verdict},
    state::State,
    store::{
        accounts::{self, PasswordAccount},
        passwords::{self, Change, Changed, Done},
        sessions::{Method, Methods, SessionRow},
        sign_in::{self, Renewal, SignInRequest},
        users::User as UserRow,
    },
};

/// Your password, once more.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"password": "correct horse battery staple"}))]
pub struct VerifyPassword {
    /// Your password.
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// Confirm your password
///
/// For a day, this session may do what requires a recently entered password: create tokens, act as an admin. The
/// session gets a new cookie, and the old one stops working (ASVS 7.2.4).
#[utoipa::path(
    post, path = "/api/auth/verify-password", tag = tag::AUTH, request_body = VerifyPassword,
    responses((status = 200, description = "The password is correct", body = StatusResponse)),
)]
#[expect(clippy::too_many_arguments, reason = "each declares a part of the access rules")]
pub async fn verify_password(
    _: limited::SignIn,
    session: Session,
    _: BeforeEnrolment,
    ByCookie(own): ByCookie,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<VerifyPassword>,
) -> Result<Json<StatusResponse>, Error> {
    verify(&state, &session.user, &request, body.password, Code::InvalidPassword).await?;
    let secret = SessionSecret::generate();
    let renewal = renewal(&cookie, &own, &secret, own.methods.and(Method::Password))?;
    let renewed = sign_in::authenticated_again(&state.store, renewal, state.clock.now()).await?;
    if let Some(grant) = renewed {
        cookie.set(&grant, &secret)?;
    }
    Ok(Json(DONE))
}

/// Creates the renewal that gives the caller's own session a new secret, after they have authenticated by these methods.
pub(super) fn renewal(
    cookie: &SessionCookie,
    own: &SessionRow,
    secret: &SessionSecret,
    methods: Methods,
) -> Result<Renewal, Error> {
    let presented = cookie.presented().ok_or(Code::Internal)?;
    Ok(Renewal { id: own.id.clone(), presented, secret: secret.hash(), methods })
}

/// Returns the user's password account if the password is correct and passwords are accepted. `no_password` is the error
/// if there is none.
pub(super) async fn verify(
    state: &State,
    user: &UserRow,
    request: &HttpRequest,
    password: Password,
    no_password: Code,
) -> Result<PasswordAccount, Error> {
    state.config.accounts.check_passwords()?;
    if password.too_long() {
        return Err(Code::InvalidPassword.into());
    }
    let credential = accounts::of_user(&state.store, user.id.clone()).await?;
    let credential = credential.ok_or(no_password)?;
    let throttled = Attempt::begin(state, &user.email, request).await?;
    let verdict = state.hashing.verify(password, Some(credential.hash.clone())).await;
    let is_right = |verdict: &Verdict| !matches!(verdict, Verdict::Wrong);
    match throttled.resolve(state, verdict.map_err(Error::from), is_right).await? {
        Verdict::Wrong => Err(Code::InvalidPassword.into()),
        Verdict::Right | Verdict::RightButOutdated(_) => Ok(credential),
    }
}

/// The new password.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(
    example = json!({"currentPassword": "correct horse battery staple", "newPassword": "another correct horse battery"})
)]
pub struct ChangePassword {
    /// Your current password.
    #[schema(value_type = String, format = Password)]
    current_password: Password,
    /// 8 to 128 characters of any kind. Common passwords, and those made of your name, your email or the name of
    /// this site, are rejected.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: Password,
    /// Whether every other session ends.
    #[serde(default = "yes")]
    #[schema(default = true)]
    revoke_other_sessions: bool,
}

/// The password is changed.
#[derive(Serialize, ToSchema)]
pub struct PasswordChanged {
    /// The id of the session that took the place of all others; null if the other sessions were kept.
    #[schema(required, format = Uuid, example = "019ab2c4-7d1f-7b02-8e4d-6a9c1f3b7e20")]
    token: Option<String>,
    /// The user whose password it is.
    user: User,
}

/// Change your password
///
/// Ends all sessions and starts a new one here, unless `revokeOtherSessions` is false. Links that were sent stop
/// working. API tokens keep working: revoke them if they may have leaked.
#[utoipa::path(
    post, path = "/api/auth/change-password", tag = tag::AUTH, request_body = ChangePassword,
    responses((status = 200, description = "Changed", body = PasswordChanged)),
)]
pub async fn change_password(
    _: limited::SignIn,
    session: Session,
    ByCookie(own): ByCookie,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<ChangePassword>,
) -> Result<Json<PasswordChanged>, Error> {
    state.config.accounts.check_passwords()?;
    let user = session.user;
    let context = PasswordContext::new(&state.site.name, &user.email, &user.name);
    let chosen = body.new_password.choose(&context)?;
    // Either a concurrent sign-in has hashed the same password again, or the password was really changed: the
    // second iteration tells.
    for _ in 0..2 {
        let password = body.current_password.clone();
        let verified = verify(&state, &user, &request, password, Code::NoPassword).await?;
        let hash = state.hashing.hash(chosen.clone()).await?;
        let now = state.clock.now();
        let secret = SessionSecret::generate();
        let change = Change {
            verified,
            hash,
            renewal: renewal(&cookie, &own, &secret, own.methods.and(Method::Password))?,
            sole_session: body.revoke_other_sessions.then(|| {
                // The sessions that are revoked include the browser's own.
                SignInRequest {
                    replaced: None,
                    ..browser(&state.site, &request, &cookie, &secret, own.remember)
                }
            }),
            notice: Job::mail_to(&user, MailKind::PasswordChanged, now),
            client: client(&request),
        };
        match passwords::change(&state.store, user.id.clone(), change, now).await? {
            Changed::Done(done) => {
                state.job_added.notify_one();
                let Done { user, session } = *done;
                if let Some(grant) = &session {
                    cookie.set(grant, &secret)?;
                }
                let sole = session.filter(|_| body.revoke_other_sessions);
                let token = sole.map(|grant| grant.session().id.clone());
                return Ok(Json(PasswordChanged { token, user: user.into() }));
            }
            Changed::Deactivated => return Err(Code::Unauthorized.into()),
            Changed::CredentialChanged => {}
        }
    }
    Err(Code::InvalidPassword.into())
}
