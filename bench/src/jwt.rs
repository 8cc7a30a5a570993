//! The alternative that is compared: a signed JWT identifies the caller without a query, and so cannot be
//! revoked.

#![expect(clippy::disallowed_methods, reason = "stands for a server without Portcullis's errors")]

use std::future::{Ready, ready};

use actix_web::{
    Error, FromRequest, HttpRequest,
    dev::Payload,
    error::{ErrorInternalServerError, ErrorUnauthorized},
    http::header::AUTHORIZATION,
    web::Data,
};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use portcullis::secrets::SigningKey;
use serde::{Deserialize, Serialize};

/// The year 2100.
const LATE: u64 = 4_102_444_800;

#[derive(Serialize, Deserialize)]
pub struct Claims {
    sub: String,
    exp: u64,
}

/// What a server needs to verify a JWT.
pub struct Check(DecodingKey, Validation);

impl Check {
    pub fn with(key: &SigningKey) -> Self {
        Self(DecodingKey::from_secret(key.expose()), Validation::default())
    }
}

pub fn sign(key: &SigningKey, user: &str) -> String {
    let claims = Claims { sub: user.to_owned(), exp: LATE };
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(key.expose()))
        .unwrap_or_default()
}

impl FromRequest for Claims {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(Check(key, validation)) = request.app_data::<Data<Check>>().map(Data::get_ref)
        else {
            return ready(Err(ErrorInternalServerError("no check")));
        };
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let decoded = jsonwebtoken::decode::<Self>(token, key, validation);
        ready(decoded.map(|data| data.claims).map_err(ErrorUnauthorized))
    }
}
