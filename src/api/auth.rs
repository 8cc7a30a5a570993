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
#[cfg(feature = "passkeys")]
pub mod passkeys;
pub mod password_reset;
pub mod passwords;
pub mod profile;
mod refusal;
pub mod restoration;
mod second_factor;
pub mod sessions;
pub mod sign_in;
pub mod sign_out;
pub mod sign_up;
#[cfg(feature = "providers")]
pub mod social;
pub mod suspension;
mod throttle;
pub mod two_factor;

use actix_web::{HttpRequest, http::header::USER_AGENT};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    gate::{client, cookie::SessionCookie, second_factor_cookies},
    jobs::{Job, Mail, MailKind},
    secrets::SessionSecret,
    site::Site,
    store::{
        activity::Client, jobs::NewJob, known_clients::KnownClient, sessions::Device,
        sign_in::SignInRequest, users::User,
    },
    time::Timestamp,
    user_agent,
};

#[cfg(any(feature = "passkeys", feature = "providers"))]
use crate::store::sign_in_methods::Usable;

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
    let client = super::client::client(request);
    SignInRequest {
        secret: secret.hash(),
        remember,
        device: device(request),
        replaced: cookie.presented(),
        challenge: secret.of_challenge().hash(),
        device_secret: second_factor_cookies::device(site, request).map(|secret| secret.hash()),
        known: known_client(&client),
        client,
        new_client_notice,
    }
}

/// Returns which sign-in methods the settings make usable.
#[cfg(any(feature = "passkeys", feature = "providers"))]
fn usable_methods(state: &crate::state::State) -> Usable {
    Usable {
        passwords: state.config.accounts.accepts_passwords(),
        mailed_links: state.config.email.has_server(),
    }
}

/// How many characters of a program's name are compared.
const LONGEST_PROGRAM: usize = 60;

/// Returns what a user's sign-ins are compared by, if the activity log keeps it.
fn known_client(client: &Client) -> Option<KnownClient> {
    let agent = client.device.as_deref()?;
    // Without its version, as for a browser.
    let name = || agent.split('/').next().unwrap_or_default().chars().take(LONGEST_PROGRAM);
    let browser = user_agent::browser(agent);
    let program = browser.clone().unwrap_or_else(|| name().collect());
    Some(KnownClient { program, network: client.network.clone()?, browser })
}

fn new_client_notice(user: &User, client: &KnownClient, now: Timestamp) -> NewJob {
    let mail = Mail::new(MailKind::NewSignIn, &user.email).about_client(client);
    Job::from(mail).row(Some(&user.id), now)
}

/// The operation succeeded.
#[derive(Serialize, ToSchema)]
pub struct StatusResponse {
    /// Always true.
    #[schema(example = true)]
    status: bool,
}

const DONE: StatusResponse = StatusResponse { status: true };
