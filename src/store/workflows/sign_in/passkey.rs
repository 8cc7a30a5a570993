//! Signs in, or authenticates again, with a passkey whose response was verified.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Reauthenticated, Renewal, SessionStatements, SignIn, SignInRequest, SignedIn};
use crate::{
    secrets::passkeys::Assertion,
    store::{
        Error, Store, invalidating_transaction,
        tables::{
            locks::Locks,
            passkeys::{PasskeyRow, use_passkey_tx},
            sessions::{Method, Methods},
            users::User,
        },
        workflows::two_factor_enrolment::ProveSecondFactor,
    },
    time::Timestamp,
};

/// A passkey, and what its authenticator has proved.
pub struct UsedPasskey {
    /// The passkey, as it was when its response was verified.
    pub passkey: PasskeyRow,
    /// What was proved.
    pub assertion: Assertion,
}

impl UsedPasskey {
    /// The method by which its user has authenticated.
    #[must_use]
    pub const fn method(&self) -> Method {
        if self.assertion.user_verified { Method::VerifiedPasskey } else { Method::Passkey }
    }
}

/// Signs in, if the passkey is still as it was when its response was verified; returns nothing if it was removed or used
/// in the meantime.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn sign_in_with_passkey(
    store: &Store,
    proved: UsedPasskey,
    request: SignInRequest,
    now: Timestamp,
) -> Result<Option<SignedIn>, Error> {
    let policy = store.sign_in_policy;
    invalidating_transaction!(store, if request.replaced.is_some(), |conn| {
        let Some(user) = conn.lock_user(&proved.passkey.user_id).await? else {
            return Ok(None);
        };
        if !use_passkey_tx!(conn, &proved.passkey, &proved.assertion, now) {
            return Ok(None);
        }
        let methods = Methods::one(proved.method());
        let signed_in = conn.sign_in(user, methods, &request, policy, now).await?;
        if let SignedIn::Begun(begun) = &signed_in
            && proved.assertion.user_verified
            && begun.0.two_factor_enabled
        {
            conn.note_proof(&begun.1.session().id, Some(now)).await?;
        }
        Ok(Some(signed_in))
    })
}

/// Records that a session's user has authenticated again with a passkey, and rotates its secret. A verified user has
/// proved the second factor as well. Returns nothing if the passkey was removed or used in the meantime, or its user was
/// deactivated.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn reauthenticate_with_passkey(
    store: &Store,
    proved: UsedPasskey,
    renewal: Renewal,
    now: Timestamp,
) -> Result<Option<Reauthenticated>, Error> {
    invalidating_transaction!(store, |conn| {
        let user = conn.lock_user(&proved.passkey.user_id).await?.filter(User::is_active);
        let Some(user) = user else { return Ok(None) };
        if !use_passkey_tx!(conn, &proved.passkey, &proved.assertion, now) {
            return Ok(None);
        }
        if proved.assertion.user_verified && user.two_factor_enabled {
            conn.note_proof(&renewal.id, Some(now)).await?;
        }
        let renewed = conn.rotate_secret(&renewal, now).await?;
        Ok(Some(Reauthenticated { user, renewed }))
    })
}
