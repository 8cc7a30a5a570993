//! Checks codes against what is stored. That they are accepted once, the transaction that uses them decides.

use actix_web::HttpRequest;

use super::error_of;
use crate::{
    api::auth::throttle::Attempt,
    error::{Code, Error},
    gate::has_proved_second_factor,
    secrets::{RecoveryCode, TotpSecret},
    state::State,
    store::{
        sessions::SessionRow,
        two_factor::{self, TwoFactor},
        two_factor_enrolment::{Proof, Unchanged},
        users::User,
    },
};

/// Returns the TOTP secret of a second factor. One that an older signing key encrypts is stored again, encrypted by the
/// newest.
pub async fn secret(state: &State, factor: &TwoFactor) -> Result<TotpSecret, Error> {
    let decrypted = state.encryption.decrypt(&factor.encrypted(), &factor.user_id);
    let decrypted = decrypted.map_err(|reason| {
        tracing::warn!(user = %factor.user_id, %reason, "a second factor is unusable");
        Error::from(Code::TotpUnreadable)
    })?;
    if let Some(again) = decrypted.encrypted_again {
        two_factor::encrypt_again(&state.store, factor.clone(), again).await?;
    }
    Ok(decrypted.secret)
}

/// Returns the proof that a code of an authenticator app is, if it is one now.
pub async fn totp(state: &State, factor: &TwoFactor, code: &str) -> Result<Option<Proof>, Error> {
    let secret = secret(state, factor).await?;
    Ok(secret.step_of(code, state.clock.now()).map(Proof::Step))
}

/// Returns the proof that a recovery code may be: one hash, whatever the number of codes.
pub async fn recovery(
    state: &State,
    factor: &TwoFactor,
    code: &str,
) -> Result<Option<Proof>, Error> {
    let Some(code) = RecoveryCode::typed(code) else { return Ok(None) };
    let hash = state.hashing.recovery_code(code, factor.recovery_salt()).await?;
    Ok(hash.map(Proof::RecoveryCode))
}

/// Returns the proof that a code of either kind may be. They cannot be confused: six digits, or ten characters.
pub async fn either(state: &State, factor: &TwoFactor, code: &str) -> Result<Option<Proof>, Error> {
    if RecoveryCode::typed(code).is_some() {
        recovery(state, factor, code).await
    } else {
        totp(state, factor, code).await
    }
}

/// Runs an attempt at a user's second factor, which is counted if it fails.
pub async fn attempt<T>(
    state: &State,
    request: &HttpRequest,
    user_id: &str,
    work: impl Future<Output = Result<Result<T, Unchanged>, Error>>,
) -> Result<Result<T, Unchanged>, Error> {
    // Boxed: each of these futures has room for the statements of both databases.
    let throttled = Box::pin(Attempt::second_factor(state, user_id, request)).await?;
    Box::pin(throttled.resolve(state, work.await, Result::is_ok)).await
}

/// Requires the second factor of a user who has one: by a code in the body, or because it was proved in this session a
/// short time ago. The code is spent by `work`.
pub async fn required<T>(
    state: &State,
    request: &HttpRequest,
    user: &User,
    own: &SessionRow,
    code: Option<String>,
    work: impl AsyncFnOnce(Proof) -> Result<Result<T, Unchanged>, Error>,
) -> Result<T, Error> {
    let done = match code {
        None if has_proved_second_factor(own, state.clock.now()) => {
            Box::pin(work(Proof::Session)).await?
        }
        None => return Err(Code::SecondFactorRequired.into()),
        Some(code) => {
            let factor = enrolled(state, user, Code::TwoFactorNotEnabled).await?;
            let spent = Box::pin(async {
                match either(state, &factor, &code).await? {
                    Some(proof) => work(proof).await,
                    None => Ok(Err(Unchanged::CodeRejected)),
                }
            });
            attempt(state, request, &user.id, spent).await?
        }
    };
    done.map_err(|unchanged| error_of(unchanged, Code::InvalidCode))
}

/// Returns the second factor of a user who has one, in use or not.
pub async fn enrolled(state: &State, user: &User, none: Code) -> Result<TwoFactor, Error> {
    let factor = two_factor::find(&state.store, user.id.clone()).await?;
    factor.ok_or_else(|| none.into())
}
