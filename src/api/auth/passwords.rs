//! Passwords, entered again or changed.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{DONE, Status, device, guess::Try, sign_up::yes};
use crate::{
    api::{json::ProtocolJson, limited, tag, user::User},
    error::{Code, Error},
    gate::{ByCookie, Session, cookie::SessionCookie},
    jobs::{About, Job, Mail},
    secrets::{Password, SessionSecret, Verdict},
    state::State,
    store::{
        accounts::{self, Credential},
        passwords::{self, Change, Changed},
        sessions::{self, NewSession},
        users::User as UserRow,
    },
};

/// Your password, once more.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"password": "correct horse battery staple"}))]
pub struct VerifyPassword {
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// Enter your password again
///
/// For a day after, this session may do what needs a fresh one: make tokens, act as an admin.
#[utoipa::path(
    post, path = "/api/auth/verify-password", tag = tag::AUTH, request_body = VerifyPassword,
    responses((status = 200, description = "It is your password", body = Status)),
)]
pub async fn verify_password(
    _: limited::SignIn,
    session: Session,
    ByCookie(own): ByCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<VerifyPassword>,
) -> Result<Json<Status>, Error> {
    verify(&state, &session.user, &request, body.password, Code::InvalidPassword).await?;
    sessions::authenticated_again(&state.store, own.id, state.clock.now()).await?;
    Ok(Json(DONE))
}

/// The credential of a user whose password this is; where there is none, the refusal says so.
pub(super) async fn verify(
    state: &State,
    user: &UserRow,
    request: &HttpRequest,
    password: Password,
    no_password: Code,
) -> Result<Credential, Error> {
    if password.too_long() {
        return Err(Code::InvalidPassword.into());
    }
    let credential = accounts::of_user(&state.store, user.id.clone()).await?;
    let credential = credential.ok_or(no_password)?;
    let tried = Try::begin(state, &user.email, request).await?;
    match state.hashing.verify(password, Some(credential.hash.clone())).await? {
        Verdict::Wrong => Err(Code::InvalidPassword.into()),
        Verdict::Right | Verdict::RightButOutdated => {
            tried.was_right(state).await?;
            Ok(credential)
        }
    }
}

/// The password to have from now on.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"currentPassword": "correct horse battery staple", "newPassword": "another correct horse battery"}))]
pub struct ChangePassword {
    #[schema(value_type = String, format = Password)]
    current_password: Password,
    /// 8 to 128 characters, any characters, none of the common ones.
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
    /// The id of the session that took the place of all others; null where they live on.
    #[schema(required)]
    token: Option<String>,
    user: User,
}

/// Change your password
///
/// Unless told to leave them, it ends all sessions and begins a new one here. Links that were mailed
/// stop working. API tokens are left alone: revoke them if they may be known.
#[utoipa::path(
    post, path = "/api/auth/change-password", tag = tag::AUTH, request_body = ChangePassword,
    responses((status = 200, description = "It is changed", body = PasswordChanged)),
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
    body.new_password.acceptable()?;
    let user = session.user;
    // Hashed anew by a sign-in just now, or really changed: the second look tells.
    for _ in 0..2 {
        let password = body.current_password.clone();
        let verified = verify(&state, &user, &request, password, Code::NoPassword).await?;
        let hash = state.hashing.hash(body.new_password.clone()).await?;
        let now = state.clock.now();
        let secret = SessionSecret::generate();
        let sole_session = body.revoke_other_sessions.then(|| {
            NewSession::begin(&user.id, secret.hash(), own.remember, device(&request), now)
        });
        let change = Change {
            verified,
            hash,
            session_id: own.id.clone(),
            sole_session,
            notice: Job::from(Mail::new(About::PasswordChanged, &user.email))
                .row(Some(&user.id), now),
        };
        match passwords::change(&state.store, user.id.clone(), change, now).await? {
            Changed::Done(done) => {
                state.job_added.notify_one();
                let (user, session) = *done;
                if session.is_some() {
                    cookie.set(&user, &secret, own.remember)?;
                }
                let token = session.map(|session| session.id);
                return Ok(Json(PasswordChanged { token, user: user.into() }));
            }
            Changed::Deactivated => return Err(Code::Unauthorized.into()),
            Changed::CredentialChanged => {}
        }
    }
    Err(Code::InvalidPassword.into())
}
