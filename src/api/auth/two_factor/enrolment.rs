//! Turns two-factor authentication on and off. It is on once a first code was verified.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{error_of, proof, reauthenticate};
use crate::{
    api::{
        auth::{DONE, StatusResponse, passwords::renewal},
        client::client,
        json::ProtocolJson,
        limited, tag,
    },
    error::{Code, Error},
    gate::{BeforeEnrolment, ByCookie, Session, cookie::SessionCookie, has_proved_second_factor},
    jobs::{Job, MailKind},
    secrets::{Password, RecoveryCode, SessionSecret, TotpSecret},
    state::State,
    store::{
        activity::{Action, Event},
        two_factor_enrolment::{self as enrolment, Change, Codes, Unchanged},
    },
};

/// The kind of second factor to set up.
#[derive(Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Codes of an authenticator app.
    #[default]
    Totp,
    /// Codes sent by email, which this server does not offer.
    Otp,
}

/// Your password, and what to set up.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"password": "correct horse battery staple"}))]
pub struct EnableTwoFactor {
    /// Your password. May be left out in a session in which you signed in, or entered it, within a day.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Password>,
    /// Only `totp` is offered.
    #[serde(default)]
    #[schema(default = "totp")]
    method: Method,
    /// The name of this site in the authenticator app.
    #[validate(length(min = 1, max = 64, message = "has 1 to 64 characters"))]
    #[schema(min_length = 1, max_length = 64)]
    issuer: Option<String>,
}

/// What to enter into the authenticator app, and what to keep in a safe place.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TwoFactorSetup {
    /// Always `totp`.
    #[schema(example = "totp")]
    method: &'static str,
    /// The content of the QR code.
    #[serde(rename = "totpURI")]
    #[schema(
        example = "otpauth://totp/Portcullis:ada%40example%2Ecom?secret=…&issuer=Portcullis&digits=6&period=30"
    )]
    totp_uri: String,
    /// Ten recovery codes, each of which works once. They are not shown again.
    #[schema(example = json!(["k7m2q-xw9ed"]))]
    backup_codes: Vec<String>,
}

/// Set up two-factor authentication
///
/// Nothing is on yet: `verify-totp` with a first code turns it on. A second call makes another secret and other
/// recovery codes.
#[utoipa::path(
    post, path = "/api/auth/two-factor/enable", tag = tag::AUTH, request_body = EnableTwoFactor,
    responses((status = 200, description = "What to enter into the app", body = TwoFactorSetup)),
)]
pub async fn enable_two_factor(
    _: limited::SignIn,
    session: Session,
    _: BeforeEnrolment,
    ByCookie(own): ByCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<EnableTwoFactor>,
) -> Result<Json<TwoFactorSetup>, Error> {
    if matches!(body.method, Method::Otp) {
        return Err(Code::OtpNotConfigured.into());
    }
    reauthenticate(&state, &session, &own, &request, body.password).await?;
    let issuer = body.issuer.as_deref().unwrap_or(&state.site.name);
    let (secret, codes) = begin(&state, &session).await?;
    Ok(Json(TwoFactorSetup {
        method: "totp",
        totp_uri: secret.reveal_uri(issuer, &session.user.email),
        backup_codes: codes.iter().map(RecoveryCode::reveal).collect(),
    }))
}

async fn begin(state: &State, session: &Session) -> Result<(TotpSecret, Vec<RecoveryCode>), Error> {
    let user = &session.user;
    // Before the ten hashes; the transaction decides.
    if user.two_factor_enabled {
        return Err(Code::TotpAlreadyEnabled.into());
    }
    let secret = TotpSecret::generate();
    let encrypted = state.encryption.encrypt(&secret, &user.id);
    let new = state.hashing.recovery_codes().await?;
    let codes = Codes { hashes: new.hashes, salt: new.salt };
    let now = state.clock.now();
    enrolment::begin(&state.store, user.id.clone(), encrypted, codes, now)
        .await?
        .map_err(|unchanged| error_of(unchanged, Code::Internal))?;
    Ok((secret, new.codes))
}

/// Your password, once more.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"password": "correct horse battery staple"}))]
pub struct ShowTotpUri {
    /// Your password. May be left out in a session in which you signed in, or entered it, within a day.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Password>,
}

/// What to enter into the authenticator app.
#[derive(Serialize, ToSchema)]
pub struct TotpUri {
    /// The content of the QR code.
    #[serde(rename = "totpURI")]
    #[schema(
        example = "otpauth://totp/Portcullis:ada%40example%2Ecom?secret=…&issuer=Portcullis&digits=6&period=30"
    )]
    totp_uri: String,
}

/// Show the secret of your authenticator app again
///
/// Once two-factor authentication is on, only if a code was verified in this session within fifteen minutes.
#[utoipa::path(
    post, path = "/api/auth/two-factor/get-totp-uri", tag = tag::AUTH, request_body = ShowTotpUri,
    responses((status = 200, description = "What to enter into the app", body = TotpUri)),
)]
pub async fn show_totp_uri(
    _: limited::SignIn,
    session: Session,
    _: BeforeEnrolment,
    ByCookie(own): ByCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<ShowTotpUri>,
) -> Result<Json<TotpUri>, Error> {
    reauthenticate(&state, &session, &own, &request, body.password).await?;
    let user = &session.user;
    let factor = proof::enrolled(&state, user, Code::TotpNotEnabled).await?;
    if factor.verified_at.is_some() && !has_proved_second_factor(&own, state.clock.now()) {
        return Err(Code::SecondFactorRequired.into());
    }
    let secret = proof::secret(&state, &factor).await?;
    Ok(Json(TotpUri { totp_uri: secret.reveal_uri(&state.site.name, &user.email) }))
}

/// Your password, and a code.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"password": "correct horse battery staple"}))]
pub struct DisableTwoFactor {
    /// Your password. May be left out in a session in which you signed in, or entered it, within a day.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Password>,
    /// A code of the authenticator app, or a recovery code. May be left out in a session in which one was verified
    /// within fifteen minutes.
    code: Option<String>,
}

/// Turn two-factor authentication off
///
/// Ends all other sessions, and the trust in all devices.
#[utoipa::path(
    post, path = "/api/auth/two-factor/disable", tag = tag::AUTH, request_body = DisableTwoFactor,
    responses((status = 200, description = "Two-factor authentication is off", body = StatusResponse)),
)]
pub async fn disable_two_factor(
    _: limited::SignIn,
    session: Session,
    ByCookie(own): ByCookie,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<DisableTwoFactor>,
) -> Result<Json<StatusResponse>, Error> {
    reauthenticate(&state, &session, &own, &request, body.password).await?;
    let user = &session.user;
    if !user.two_factor_enabled {
        return Err(error_of(Unchanged::NotEnabled, Code::Internal));
    }
    let secret = SessionSecret::generate();
    let done = proof::required(&state, &request, user, &own, body.code, async |proof| {
        let now = state.clock.now();
        let change = Change {
            renewal: renewal(&cookie, &own, &secret, proof.and(own.methods))?,
            trusted: None,
            notice: Job::mail_to(user, MailKind::TwoFactorDisabled, now),
            event: Event::of_user(&user.id, Action::TwoFactorDisabled, &client(&request), now),
        };
        Ok(enrolment::disable(&state.store, user.id.clone(), proof, change, now).await?)
    })
    .await?;
    state.job_added.notify_one();
    if let Some(grant) = &done.renewed {
        cookie.set(grant, &secret)?;
    }
    Ok(Json(DONE))
}
