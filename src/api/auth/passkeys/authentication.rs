//! Signs in with a passkey, or authenticates again in a session.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use validator::Validate;

use super::{CredentialDescriptor, relying_party, take_ceremony};
use crate::{
    api::{
        auth::{
            browser,
            passwords::renewal,
            second_factor::{self, SecondFactorDue},
        },
        json::ProtocolJson,
        limited, tag,
        user::{SessionView, User},
    },
    error::{Code, Error},
    gate::{NotByToken, Session, ceremony_cookie, client::recorded_network, cookie::SessionCookie},
    secrets::{
        CeremonySecret, SessionSecret,
        passkeys::{AssertionRejected, PresentedAssertion, TIMEOUT},
    },
    state::State,
    store::{
        activity::Action,
        passkey_ceremonies::{self, CeremonyPurpose, PasskeyCeremony},
        passkeys,
        sessions::SessionRow,
        sign_in::{self, SignedIn, UsedPasskey},
    },
};

/// The options for `navigator.credentials.get` (`PublicKeyCredentialRequestOptionsJSON`).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationOptions {
    /// Random, in base64url; used once.
    #[schema(example = "3q2-7wAAAAAAAAAAAAAAAA")]
    challenge: String,
    /// The domain of the passkeys.
    #[schema(example = "example.com")]
    rp_id: String,
    /// How long the browser waits, in milliseconds.
    #[schema(example = 300_000)]
    timeout: u32,
    /// `preferred`: without user verification a passkey is only the first factor.
    #[schema(example = "preferred")]
    user_verification: &'static str,
    /// In a session, your passkeys.
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_credentials: Option<Vec<CredentialDescriptor>>,
}

/// Begin to sign in with a passkey
///
/// Returns the options for `navigator.credentials.get`, and binds them to this browser for five minutes with a cookie.
/// In a session they are for authenticating again, with one of your passkeys.
#[utoipa::path(
    get, path = "/api/auth/passkey/generate-authenticate-options", tag = tag::AUTH,
    responses((status = 200, description = "The options", body = AuthenticationOptions)),
)]
pub async fn generate_passkey_authentication_options(
    _: NotByToken,
    session: Option<Session>,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    let site = relying_party(&state)?;
    let user_id = session.map(|session| session.user.id.clone());
    let own = match &user_id {
        Some(user_id) => passkeys::list(&state.store, user_id.clone()).await?,
        None => Vec::new(),
    };
    // A user without one may still sign in as another.
    let (purpose, user_id, begun) = if own.is_empty() {
        (CeremonyPurpose::SignIn, None, site.begin_sign_in()?)
    } else {
        let ids = own.iter().map(|passkey| passkey.credential_id.clone()).collect();
        (CeremonyPurpose::Reauthentication, user_id, site.begin_reauthentication(ids)?)
    };
    let secret = CeremonySecret::generate();
    let ceremony = PasskeyCeremony { purpose, user_id, state: begun.state };
    let now = state.clock.now();
    passkey_ceremonies::begin(&state.store, secret.hash(), ceremony, now).await?;
    let options = AuthenticationOptions {
        challenge: begun.challenge,
        rp_id: site.domain().to_owned(),
        timeout: TIMEOUT,
        user_verification: "preferred",
        allow_credentials: (!own.is_empty())
            .then(|| own.iter().map(CredentialDescriptor::from).collect()),
    };
    let cookie = ceremony_cookie::begin(&state.site, &secret);
    Ok(HttpResponse::Ok().cookie(cookie).json(options))
}

/// What the authenticator has signed.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"response": {
    "id": "3q2-7w", "rawId": "3q2-7w", "type": "public-key",
    "response": {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA", "userHandle": "AA"},
}}))]
pub struct VerifyAuthentication {
    /// The `AuthenticationResponseJSON` of `navigator.credentials.get`.
    #[schema(value_type = Object)]
    response: Map<String, Value>,
}

/// The user is signed in.
#[derive(Serialize, ToSchema)]
pub struct SignedInByPasskey {
    /// The session.
    session: SessionView,
    /// The user who is signed in now.
    user: User,
}

/// The outcome of a sign-in with a passkey.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum PasskeyResponse {
    /// There is a session.
    SignedIn(Box<SignedInByPasskey>),
    /// The user must prove the second factor.
    SecondFactorDue(SecondFactorDue),
}

/// Sign in with a passkey
///
/// Starts a session and sets the session cookie. A passkey whose authenticator has verified the user stands for both
/// factors; after any other, a user with two-factor authentication has to send a code: `twoFactorRedirect` says so. In a
/// session whose options were for authenticating again, that session becomes fresh and gets a new cookie.
#[utoipa::path(
    post, path = "/api/auth/passkey/verify-authentication", tag = tag::AUTH, request_body = VerifyAuthentication,
    responses((status = 200, description = "Signed in, or the second factor is due", body = PasskeyResponse)),
)]
pub async fn verify_passkey_authentication(
    _: limited::SignIn,
    _: NotByToken,
    session: Option<Session>,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<VerifyAuthentication>,
) -> Result<HttpResponse, Error> {
    let ceremony = take_ceremony(&state, &request).await?;
    let response = Value::Object(body.response).to_string();
    match ceremony.purpose {
        CeremonyPurpose::Registration => Err(Code::ChallengeNotFound.into()),
        CeremonyPurpose::SignIn => {
            let proved = verified(&state, &request, &ceremony, &response).await?;
            begin_session(&state, &request, &cookie, proved).await
        }
        CeremonyPurpose::Reauthentication => {
            let own = session.filter(|session| ceremony.user_id.as_ref() == Some(&session.user.id));
            let own = own.and_then(|session| session.session).ok_or(Code::ChallengeNotFound)?;
            let proved = verified(&state, &request, &ceremony, &response).await?;
            authenticate_again(&state, &cookie, &own, proved).await
        }
    }
}

/// Returns the passkey that has signed the response.
async fn verified(
    state: &State,
    request: &HttpRequest,
    ceremony: &PasskeyCeremony,
    response: &str,
) -> Result<UsedPasskey, Error> {
    let site = relying_party(state)?;
    let failed = |reason| Code::AuthenticationFailed.because(format!("It was rejected: {reason}."));
    let presented = match ceremony.purpose {
        CeremonyPurpose::SignIn => PresentedAssertion::discovered(response),
        CeremonyPurpose::Registration | CeremonyPurpose::Reauthentication => {
            PresentedAssertion::listed(response)
        }
    }
    .map_err(failed)?;
    let id = presented.credential_id().to_vec();
    let rejected = |action, user_id: Option<&str>| {
        state.rejections.note(action, user_id, recorded_network(request), state.clock.now());
    };
    let Some((passkey, handle)) = passkeys::by_credential(&state.store, id).await? else {
        rejected(Action::SignInFailed, None);
        return Err(Code::UnknownPasskey.into());
    };
    match site.verify(&ceremony.state, &presented, &passkey.stored(handle)) {
        Ok(assertion) => Ok(UsedPasskey { passkey, assertion }),
        Err(AssertionRejected::CounterWentBack) => {
            rejected(Action::PasskeyRejected, Some(&passkey.user_id));
            let (user, passkey) = (&passkey.user_id, &passkey.id);
            tracing::warn!(%user, %passkey, "a passkey was rejected: its signature counter has not grown");
            Err(Code::AuthenticationFailed.because("The signature counter has not grown."))
        }
        Err(AssertionRejected::Invalid(reason)) => {
            rejected(Action::SignInFailed, Some(&passkey.user_id));
            Err(failed(reason))
        }
    }
}

async fn begin_session(
    state: &State,
    request: &HttpRequest,
    cookie: &SessionCookie,
    proved: UsedPasskey,
) -> Result<HttpResponse, Error> {
    let secret = SessionSecret::generate();
    let browser = browser(&state.site, request, cookie, &secret, true);
    let now = state.clock.now();
    match sign_in::sign_in_with_passkey(&state.store, proved, browser, now).await? {
        Some(SignedIn::Begun(begun)) => {
            let (user, grant) = *begun;
            cookie.set(&grant, &secret)?;
            let mut response = answer(state);
            if let Some(device) = second_factor::renewed_device(state, request, &user, &grant) {
                response.cookie(device);
            }
            let session = grant.session().clone().into();
            Ok(response.json(SignedInByPasskey { session, user: user.into() }))
        }
        Some(SignedIn::SecondFactorDue(challenge)) => {
            second_factor::due(state, &challenge, &secret)
        }
        Some(SignedIn::Refused(refusal)) => Err(Code::from(refusal).into()),
        None => Err(Code::AuthenticationFailed.into()),
    }
}

async fn authenticate_again(
    state: &State,
    cookie: &SessionCookie,
    own: &SessionRow,
    proved: UsedPasskey,
) -> Result<HttpResponse, Error> {
    if proved.passkey.user_id != own.user_id {
        return Err(Code::AuthenticationFailed.into());
    }
    let secret = SessionSecret::generate();
    let renewal = renewal(cookie, own, &secret, own.methods.and(proved.method()))?;
    let now = state.clock.now();
    let done = sign_in::reauthenticate_with_passkey(&state.store, proved, renewal, now).await?;
    let done = done.ok_or(Code::AuthenticationFailed)?;
    let session = match &done.renewed {
        Some(grant) => {
            cookie.set(grant, &secret)?;
            grant.session().clone()
        }
        None => own.clone(),
    };
    let user = done.user.into();
    Ok(answer(state).json(SignedInByPasskey { session: session.into(), user }))
}

/// Begins a response that removes the cookie of the ceremony.
fn answer(state: &State) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.cookie(ceremony_cookie::end(&state.site));
    response
}
