//! The account lifecycle, in the protocol of Better Auth's clients.
//!
//! Better Auth's `token` contains the session's secret; here it contains the session's id: no response body
//! ever contains a valid credential.

pub mod accounts;
mod callback;
pub mod deletion;
pub mod email;
pub mod magic_link;
mod mailbox;
pub mod ok;
pub mod password_reset;
pub mod passwords;
pub mod profile;
mod second_factor;
pub mod sessions;
pub mod sign_in;
pub mod sign_out;
pub mod sign_up;
mod throttle;
pub mod two_factor;

use actix_web::{HttpRequest, http::header::USER_AGENT};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    gate::{client, cookie::SessionCookie, second_factor_cookies},
    secrets::SessionSecret,
    site::Site,
    store::{sessions::Device, sign_in::SignInRequest},
};

/// How many characters of a client's User-Agent are stored.
const LONGEST_USER_AGENT: usize = 512;

/// Returns the device from which a request comes.
pub(super) fn device(request: &HttpRequest) -> Device {
    let agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    Device {
        ip_address: Some(client::address(request).to_string()),
        user_agent: agent.map(|text| text.chars().take(LONGEST_USER_AGENT).collect()),
    }
}

/// Returns what a sign-in needs to know of the browser, whose session is to have this secret.
pub(super) fn browser(
    site: &Site,
    request: &HttpRequest,
    cookie: &SessionCookie,
    secret: &SessionSecret,
    remember: bool,
) -> SignInRequest {
    SignInRequest {
        secret: secret.hash(),
        remember,
        device: device(request),
        client: super::client::client(request),
        replaced: cookie.presented(),
        challenge: secret.of_challenge().hash(),
        device_secret: second_factor_cookies::device(site, request).map(|secret| secret.hash()),
    }
}

/// The operation succeeded.
#[derive(Serialize, ToSchema)]
pub struct StatusResponse {
    /// Always true.
    #[schema(example = true)]
    status: bool,
}

const DONE: StatusResponse = StatusResponse { status: true };
