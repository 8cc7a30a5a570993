//! The cookies of a sign-in that waits for the second factor and of a trusted device. Neither is a credential: the gate
//! does not read them.
//!
//! They need no signature: each holds a random secret, of which only the hash is looked up.

use actix_web::{HttpRequest, cookie::Cookie};

use super::secret_cookies::{self, name};
use crate::{
    error::{Code, Error},
    secrets::{ChallengeSecret, DeviceSecret},
    site::Site,
    store::{
        sign_in::{Challenge, LIFETIME},
        trusted_devices::TRUSTED,
    },
    time::Span,
};

const CHALLENGE: &str = "challenge";
const DEVICE: &str = "device";

/// Returns the secret of the sign-in that waits for the second factor in this browser.
#[must_use]
pub fn challenge(site: &Site, request: &HttpRequest) -> Option<ChallengeSecret> {
    presented(site, request, CHALLENGE).map(ChallengeSecret::presented)
}

/// Returns the secret of the trusted device that this browser is.
#[must_use]
pub fn device(site: &Site, request: &HttpRequest) -> Option<DeviceSecret> {
    presented(site, request, DEVICE).map(DeviceSecret::presented)
}

/// Creates the cookie of a sign-in that waits for the second factor.
///
/// # Errors
/// When the challenge has another secret, which does not happen.
pub fn for_challenge(
    site: &Site,
    challenge: &Challenge,
    secret: &ChallengeSecret,
) -> Result<Cookie<'static>, Error> {
    if !challenge.is_for(secret.hash()) {
        return Err(Code::Internal.into());
    }
    Ok(build(site, CHALLENGE, secret.reveal(), Some(LIFETIME)))
}

/// Creates the cookie that removes it.
#[must_use]
pub fn without_challenge(site: &Site) -> Cookie<'static> {
    build(site, CHALLENGE, "", None)
}

/// Creates the cookie of a trusted device.
#[must_use]
pub fn for_device(site: &Site, secret: &DeviceSecret) -> Cookie<'static> {
    build(site, DEVICE, secret.reveal(), Some(TRUSTED))
}

pub(super) fn presented(site: &Site, request: &HttpRequest, kind: &str) -> Option<String> {
    Some(request.cookie(&name(site, kind))?.value().to_owned())
}

pub(super) fn build(
    site: &Site,
    kind: &str,
    value: &str,
    lifetime: Option<Span>,
) -> Cookie<'static> {
    secret_cookies::build(site, name(site, kind), value, lifetime)
}
