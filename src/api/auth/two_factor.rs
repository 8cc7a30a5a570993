//! Two-factor authentication: codes of an authenticator app (TOTP), recovery codes and trusted devices.
//!
//! The differences from Better Auth are deliberate: a code is accepted once; all wrong codes of a user are counted
//! together; changes need the second factor and not only the password; the secret is not shown again once it is in use
//! unless the second factor was just proved.

mod attempt;
pub mod enrolment;
pub mod otp;
mod proof;
pub mod recovery_codes;
pub mod verification;

use actix_web::HttpRequest;
use serde::Serialize;
use utoipa::ToSchema;

use super::passwords::verify;
use crate::{
    api::user::User,
    error::{Code, Error},
    gate::{Session, is_fresh},
    secrets::Password,
    state::State,
    store::{sessions::SessionRow, two_factor_enrolment::Unchanged},
};

/// A verified code, in this protocol's form.
#[derive(Serialize, ToSchema)]
pub struct Verified {
    /// The session's id; its secret is in the cookie alone.
    #[schema(format = Uuid, example = "019ab2c4-7d1f-7b02-8e4d-6a9c1f3b7e20")]
    token: String,
    /// The user who is signed in.
    user: User,
}

/// Requires the user's password, or a session in which it, or what stands for it, was entered within a day: users
/// without a password can do all of this.
async fn reauthenticate(
    state: &State,
    session: &Session,
    own: &SessionRow,
    request: &HttpRequest,
    password: Option<Password>,
) -> Result<(), Error> {
    match password {
        Some(password) => {
            verify(state, &session.user, request, password, Code::InvalidPassword).await.map(drop)
        }
        None if is_fresh(own, state.clock.now()) => Ok(()),
        None => Err(Code::SessionNotFresh.into()),
    }
}

/// The error for a change that was not made; `rejected` is the one for a wrong code.
fn error_of(unchanged: Unchanged, rejected: Code) -> Error {
    match unchanged {
        Unchanged::Deactivated => Code::Unauthorized,
        Unchanged::AlreadyEnabled => Code::TotpAlreadyEnabled,
        Unchanged::NotEnabled => Code::TwoFactorNotEnabled,
        Unchanged::CodeRejected => rejected,
    }
    .into()
}
