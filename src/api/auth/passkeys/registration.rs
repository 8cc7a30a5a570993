//! Creates passkeys.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::{CredentialDescriptor, Passkey, encoded, relying_party, take_ceremony};
use crate::{
    api::{
        auth::device,
        client::{client, program},
        json::ProtocolJson,
        query::ProtocolQuery,
        tag,
    },
    error::{Code, Error},
    fields,
    gate::{ByCookie, Fresh, Session, ceremony_cookie},
    jobs::{Job, MailKind},
    scope::read_by_name,
    secrets::{
        CeremonySecret,
        passkeys::{ALGORITHMS, NewPasskey, TIMEOUT, new_user_handle},
    },
    state::State,
    store::{
        activity::{Action, Event},
        passkey_ceremonies::{self, CeremonyPurpose, PasskeyCeremony},
        passkey_changes::{self, NotAdded},
        passkeys::{self, PasskeyRow},
    },
};

/// The kinds of authenticators.
#[derive(Debug, Clone, Copy, Serialize, EnumString, IntoStaticStr, VariantArray, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[schema(rename_all = "kebab-case")]
pub enum AuthenticatorAttachment {
    /// That of the device itself.
    Platform,
    /// One that also works with other devices, such as a security key or a phone.
    CrossPlatform,
}

read_by_name!(AuthenticatorAttachment);

/// Which authenticators to offer.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct RegistrationWishes {
    /// The kind of authenticator; by default, the user chooses.
    authenticator_attachment: Option<AuthenticatorAttachment>,
}

/// The site, as authenticators show it.
#[derive(Serialize, ToSchema)]
pub struct PasskeySite {
    /// The domain for which passkeys are created (rpId).
    #[schema(example = "example.com")]
    id: String,
    /// The site's name.
    #[schema(example = "Portcullis")]
    name: String,
}

/// You, as authenticators show you.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyUser {
    /// A random handle, the same for all of your passkeys, in base64url.
    #[schema(example = "3q2-7w")]
    id: String,
    /// Your email.
    #[schema(example = "ada@example.com")]
    name: String,
    /// Your name.
    #[schema(example = "Ada")]
    display_name: String,
}

/// An algorithm of the server.
#[derive(Serialize, ToSchema)]
pub struct PasskeyAlgorithm {
    /// Its number in COSE: -7 is ES256, -8 EdDSA, -257 RS256.
    #[schema(example = -7)]
    alg: i32,
    /// Always `public-key`.
    #[serde(rename = "type")]
    #[schema(example = "public-key")]
    kind: &'static str,
}

/// What the authenticator must be able to do.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticatorSelection {
    /// The kind of authenticator, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticator_attachment: Option<AuthenticatorAttachment>,
    /// `required`: a sign-in needs no email.
    #[schema(example = "required")]
    resident_key: &'static str,
    /// The same, for older browsers.
    #[schema(example = true)]
    require_resident_key: bool,
    /// `preferred`: without user verification a passkey is only the first factor.
    #[schema(example = "preferred")]
    user_verification: &'static str,
}

/// The options for `navigator.credentials.create` (`PublicKeyCredentialCreationOptionsJSON`).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationOptions {
    /// Random, in base64url; used once.
    #[schema(example = "3q2-7wAAAAAAAAAAAAAAAA")]
    challenge: String,
    /// The site.
    rp: PasskeySite,
    /// You.
    user: PasskeyUser,
    /// The algorithms of which the server verifies signatures, in order of preference.
    pub_key_cred_params: Vec<PasskeyAlgorithm>,
    /// How long the browser waits, in milliseconds.
    #[schema(example = 300_000)]
    timeout: u32,
    /// Always `none`: no attestation is requested.
    #[schema(example = "none")]
    attestation: &'static str,
    /// Your passkeys: an authenticator that has one of them creates no other.
    exclude_credentials: Vec<CredentialDescriptor>,
    /// What the authenticator must be able to do.
    authenticator_selection: AuthenticatorSelection,
}

/// Begin to add a passkey
///
/// Returns the options for `navigator.credentials.create`, and binds them to this browser for five minutes with a
/// cookie.
#[utoipa::path(
    get, path = "/api/auth/passkey/generate-register-options", tag = tag::AUTH, params(RegistrationWishes),
    responses((status = 200, description = "The options", body = RegistrationOptions)),
)]
pub async fn generate_passkey_registration_options(
    session: Session,
    _: ByCookie,
    _: Fresh,
    state: Data<State>,
    ProtocolQuery(wishes): ProtocolQuery<RegistrationWishes>,
) -> Result<HttpResponse, Error> {
    let site = relying_party(&state)?;
    let user = &session.user;
    let handle = passkeys::handle_of(&state.store, user.id.clone(), new_user_handle()).await?;
    let present = passkeys::list(&state.store, user.id.clone()).await?;
    let begun = site.begin_registration(&handle)?;
    let ceremony = PasskeyCeremony {
        purpose: CeremonyPurpose::Registration,
        user_id: Some(user.id.clone()),
        state: begun.state,
    };
    let secret = CeremonySecret::generate();
    let now = state.clock.now();
    passkey_ceremonies::begin(&state.store, secret.hash(), ceremony, now).await?;
    let options = RegistrationOptions {
        challenge: begun.challenge,
        rp: PasskeySite { id: site.domain().to_owned(), name: state.site.name.clone() },
        user: PasskeyUser {
            id: encoded(&handle),
            name: user.email.clone(),
            display_name: user.name.clone(),
        },
        pub_key_cred_params: ALGORITHMS
            .map(|alg| PasskeyAlgorithm { alg, kind: "public-key" })
            .into(),
        timeout: TIMEOUT,
        attestation: "none",
        exclude_credentials: present.iter().map(CredentialDescriptor::from).collect(),
        authenticator_selection: AuthenticatorSelection {
            authenticator_attachment: wishes.authenticator_attachment,
            resident_key: "required",
            require_resident_key: true,
            user_verification: "preferred",
        },
    };
    let cookie = ceremony_cookie::begin(&state.site, &secret);
    Ok(HttpResponse::Ok().cookie(cookie).json(options))
}

/// What the browser has created.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"name": "My laptop", "response": {
    "id": "3q2-7w", "rawId": "3q2-7w", "type": "public-key",
    "response": {"clientDataJSON": "e30", "attestationObject": "oA", "transports": ["internal"]},
}}))]
pub struct VerifyRegistration {
    /// The `RegistrationResponseJSON` of `navigator.credentials.create`.
    #[schema(value_type = Object)]
    response: Map<String, Value>,
    /// A name to know it by; by default, the browser's name or the kind of authenticator.
    #[validate(custom(function = "fields::name"))]
    name: Option<String>,
}

/// Add a passkey
///
/// Verifies what the authenticator has created, stores it and sends an email. The options are used up, whatever the
/// outcome.
#[utoipa::path(
    post, path = "/api/auth/passkey/verify-registration", tag = tag::AUTH, request_body = VerifyRegistration,
    responses((status = 200, description = "The passkey", body = Passkey)),
)]
pub async fn verify_passkey_registration(
    session: Session,
    _: ByCookie,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<VerifyRegistration>,
) -> Result<Json<Passkey>, Error> {
    let site = relying_party(&state)?;
    let user = &session.user;
    let ceremony = take_ceremony(&state, &request).await?;
    if ceremony.purpose != CeremonyPurpose::Registration {
        return Err(Code::ChallengeNotFound.into());
    }
    if ceremony.user_id.as_ref() != Some(&user.id) {
        return Err(Code::PasskeyOfAnotherUser.into());
    }
    let response = Value::Object(body.response).to_string();
    let created = site.finish_registration(&ceremony.state, &response).map_err(|reason| {
        Code::FailedToVerifyRegistration.because(format!("The passkey was rejected: {reason}."))
    })?;
    let name = match body.name.as_deref().map(str::trim) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => default_name(&created, &request),
    };
    let now = state.clock.now();
    let passkey = PasskeyRow::new(&user.id, name, created, now);
    let notice = Job::mail_to(user, MailKind::PasskeyAdded, now);
    let event = Event::of_user(&user.id, Action::PasskeyAdded, &client(&request), now);
    let added = passkey_changes::add(&state.store, passkey.clone(), notice, event).await?;
    added.map_err(|reason| match reason {
        NotAdded::Deactivated => Code::Unauthorized,
        NotAdded::Taken => Code::PreviouslyRegistered,
        NotAdded::TooMany => Code::TooManyPasskeys,
    })?;
    state.job_added.notify_one();
    Ok(Json(passkey.into()))
}

/// Returns the name of a passkey that the user gave none.
fn default_name(created: &NewPasskey, request: &HttpRequest) -> String {
    let is_internal = created.transports.iter().any(|name| name == "internal");
    if !is_internal && created.transports.iter().any(|name| name == "usb" || name == "nfc") {
        return "Security key".to_owned();
    }
    program(device(request).user_agent.as_deref().unwrap_or_default())
}
