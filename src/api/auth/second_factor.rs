//! What every sign-in, by whatever method, does about the second factor.

use actix_web::{HttpRequest, HttpResponse, cookie::Cookie};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Error,
    gate::second_factor_cookies,
    secrets::SessionSecret,
    state::State,
    store::{
        sign_in::{Challenge, SessionGrant},
        users::User,
    },
};

/// The first factor was correct, and the second one is due. There is no session yet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecondFactorDue {
    /// Always true.
    #[schema(example = true)]
    two_factor_redirect: bool,
    /// How to prove it: `totp`. A recovery code is always accepted.
    #[schema(example = json!(["totp"]))]
    two_factor_methods: [&'static str; 1],
}

/// Responds that the second factor is due, and sets the cookie of the sign-in that waits for it.
pub fn due(
    state: &State,
    challenge: &Challenge,
    secret: &SessionSecret,
) -> Result<HttpResponse, Error> {
    let secret = secret.of_challenge();
    let cookie = second_factor_cookies::for_challenge(&state.site, challenge, &secret)?;
    let body = SecondFactorDue { two_factor_redirect: true, two_factor_methods: ["totp"] };
    Ok(HttpResponse::Ok().cookie(cookie).json(body))
}

/// Returns the cookie of the trusted device that stood for the second factor in this sign-in, to be kept for another 30
/// days.
pub fn renewed_device(
    state: &State,
    request: &HttpRequest,
    user: &User,
    grant: &SessionGrant,
) -> Option<Cookie<'static>> {
    let was_used = user.two_factor_enabled && !grant.session().methods.has_second_factor();
    let secret = second_factor_cookies::device(&state.site, request).filter(|_| was_used)?;
    Some(second_factor_cookies::for_device(&state.site, &secret))
}
