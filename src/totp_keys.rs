//! Encrypts TOTP secrets again after the signing secrets were rotated, and reports those that cannot be decrypted any
//! more.

use std::time::Duration;

use crate::{
    state::State,
    store::{self, two_factor},
};

/// How often to look: other instances may still encrypt by the older key until they have restarted, too.
pub const INTERVAL: Duration = Duration::from_mins(1);

/// How many secrets are encrypted again at a time.
const BATCH: i64 = 100;

/// How many users without a usable secret are listed.
const SHOWN: i64 = 20;

/// Encrypts all secrets by the newest key that an older one of the accepted keys still encrypts.
pub async fn encrypt_again(state: &State) {
    match encrypt(state).await {
        Ok(0) => {}
        Ok(secrets) => {
            tracing::info!(secrets, "TOTP secrets were encrypted by the newest signing secret");
        }
        Err(fault) => tracing::warn!(%fault, "TOTP secrets could not be encrypted again"),
    }
}

async fn encrypt(state: &State) -> Result<usize, store::Error> {
    let older = state.encryption.ids().split_off(1);
    let mut secrets = 0;
    if older.is_empty() {
        return Ok(secrets);
    }
    loop {
        let batch = two_factor::encrypted_by(&state.store, older.clone(), BATCH).await?;
        let mut changed = 0;
        for factor in batch {
            let decrypted = state.encryption.decrypt(&factor.encrypted(), &factor.user_id);
            if let Ok(Some(again)) = decrypted.map(|decrypted| decrypted.encrypted_again) {
                two_factor::encrypt_again(&state.store, factor, again).await?;
                changed += 1;
            }
        }
        secrets += changed;
        // What was altered in the database stays as it is, and must not be tried forever.
        if changed == 0 {
            return Ok(secrets);
        }
    }
}

/// Returns a warning for the operator if there are users whose secret no accepted key decrypts.
///
/// # Errors
/// When the database does not answer.
pub async fn warning(state: &State) -> Result<Option<String>, store::Error> {
    let keys = state.encryption.ids();
    let (count, users) = two_factor::encrypted_by_none_of(&state.store, keys, SHOWN).await?;
    let unit = if count == 1 { "user" } else { "users" };
    let more =
        if usize::try_from(count).is_ok_and(|count| count > users.len()) { ", …" } else { "" };
    Ok((count > 0).then(|| {
        format!(
            "no accepted signing secret decrypts the TOTP secrets of {count} {unit}, who can only sign in with a \
             recovery code: add the earlier secret to PORTCULLIS_SECRET (ids: {}{more})",
            users.join(", ")
        )
    }))
}
