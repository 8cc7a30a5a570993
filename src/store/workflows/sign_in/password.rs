//! Signs in a user whose password was verified.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Refusal, SignIn, SignInRequest, SignedIn};
use crate::{
    secrets::PasswordHash,
    store::{
        Error, Store, invalidating_transaction,
        schema::accounts,
        tables::{
            accounts::PasswordAccount,
            locks::Locks,
            sessions::{Method, Methods},
        },
    },
    time::Timestamp,
};

/// A sign-in with a verified password.
pub struct PasswordSignIn {
    /// The user's id.
    pub user_id: String,
    /// The password that was verified.
    pub verified: PasswordAccount,
    /// The password's hash by the current parameters, if the stored one is older.
    pub rehashed: Option<PasswordHash>,
    /// The browser that signs in.
    pub request: SignInRequest,
}

/// Signs in, if the password is still the one that was verified; returns nothing if it was changed while it was being
/// checked.
///
/// Locks both rows, so that no change of password and no deactivation can interleave with the check and the insertion.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn sign_in_with_password(
    store: &Store,
    attempt: PasswordSignIn,
    now: Timestamp,
) -> Result<Option<SignedIn>, Error> {
    let PasswordSignIn { user_id, verified, rehashed, request } = attempt;
    let current_hash = rehashed.as_ref().unwrap_or(&verified.hash).as_str().to_owned();
    let policy = store.sign_in_policy;
    invalidating_transaction!(store, if request.replaced.is_some(), |conn| {
        let Some(user) = conn.lock_user(&user_id).await? else {
            return Ok(Some(SignedIn::Refused(Refusal::Deactivated)));
        };
        let unchanged = diesel::update(accounts::table.find(&verified.account_id))
            .filter(accounts::password_hash.eq(verified.hash.as_str()))
            .set(accounts::password_hash.eq(&current_hash))
            .execute(conn)
            .await?;
        if unchanged == 0 {
            return Ok(None);
        }
        let methods = Methods::one(Method::Password);
        conn.sign_in(user, methods, &request, policy, now).await.map(Some)
    })
}
