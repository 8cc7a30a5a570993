//! Codes sent by email, which the protocol has and this server does not offer: a mailbox is what resets the password,
//! so such a code would prove nothing that the first factor does not.

use actix_web::HttpResponse;

use crate::{
    api::tag,
    error::{Code, Error},
    gate::NotByToken,
};

/// Send a code by email: not offered
#[utoipa::path(
    post, path = "/api/auth/two-factor/send-otp", tag = tag::AUTH,
)]
pub async fn send_otp(_: NotByToken) -> Result<HttpResponse, Error> {
    Err(Code::OtpNotConfigured.into())
}

/// Verify a code from an email: not offered
#[utoipa::path(
    post, path = "/api/auth/two-factor/verify-otp", tag = tag::AUTH,
)]
pub async fn verify_otp(_: NotByToken) -> Result<HttpResponse, Error> {
    Err(Code::OtpNotConfigured.into())
}
