//! OpenID Connect: the authorization code flow with PKCE, and ID tokens that a client presents.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, ClientId,
    ClientSecret, CsrfToken, EndUserName, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl,
    LocalizedClaim, LoginHint, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenResponse,
    UserInfoError,
    core::{
        CoreAuthPrompt, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenClaims,
        CoreIdTokenVerifier, CoreJwsSigningAlgorithm, CoreResponseType, CoreUserInfoClaims,
    },
};
use secrecy::ExposeSecret;
use url::Url;

use super::{
    AuthorizationRequest, CLOCK_DIFFERENCE, Identity, ProviderError,
    discovery::{Discovery, Metadata, reason},
    file::{Prompt, Settings},
};
use crate::{
    http_client::{HttpClient, Reach},
    secrets::FlowSecret,
    time::{Span, Timestamp, seconds},
};

/// The scopes that are requested if the settings name none.
const SCOPES: [&str; 2] = ["email", "profile"];

/// How much the provider's clock may differ.
const TOLERANCE: TimeDelta = TimeDelta::seconds(CLOCK_DIFFERENCE as i64);

/// How old an ID token that a client presents may be, and so how long it is remembered.
const LONGEST_AGE: TimeDelta = TimeDelta::hours(1);
const REMEMBERED: Span = seconds(60 * 60 + 2 * CLOCK_DIFFERENCE);

/// The algorithms with which ID tokens may be signed: by keys that the provider alone has.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A provider of OpenID Connect.
pub(super) struct OpenId {
    discovery: Discovery,
}

impl OpenId {
    pub(super) fn new(issuer: IssuerUrl, reach: Reach) -> Self {
        Self { discovery: Discovery::new(issuer, reach) }
    }

    /// A provider on this machine whose metadata and keys are known.
    #[cfg(test)]
    pub(super) fn recorded(metadata: Metadata) -> Self {
        Self { discovery: Discovery::recorded(metadata) }
    }

    pub(super) async fn is_issuer(
        &self,
        http: &HttpClient,
        issuer: Option<&str>,
    ) -> Result<bool, ProviderError> {
        if let Some(issuer) = issuer {
            return Ok(issuer == self.discovery.issuer.as_str());
        }
        let metadata = self.discovery.metadata(http).await?;
        let support = metadata.additional_metadata();
        Ok(!support.authorization_response_iss_parameter_supported)
    }

    pub(super) async fn authorization_url(
        &self,
        http: &HttpClient,
        settings: &Settings,
        request: AuthorizationRequest<'_>,
    ) -> Result<Url, ProviderError> {
        let metadata = self.discovery.metadata(http).await?;
        let client = client(&metadata, settings, request.redirect_uri);
        let verifier = PkceCodeVerifier::new(request.secret.code_verifier());
        let state = CsrfToken::new(request.secret.state().reveal().to_owned());
        let nonce = Nonce::new(request.secret.nonce());
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let mut url = client
            .authorize_url(flow, || state, || nonce)
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        let default = || SCOPES.map(ToOwned::to_owned).to_vec();
        let scopes = settings.scopes.clone().unwrap_or_else(default).into_iter();
        for scope in scopes.filter(|scope| scope != "openid") {
            url = url.add_scope(Scope::new(scope));
        }
        if let Some(hint) = request.login_hint {
            url = url.set_login_hint(LoginHint::new(hint));
        }
        if request.authenticate_again {
            // `max_age` is what obliges the provider to say when the user authenticated. `prompt` is for those that take
            // 0 for "not set", or ignore `max_age`, as Microsoft may: its documentation lists only `prompt`.
            url = url.set_max_age(Duration::ZERO).add_prompt(CoreAuthPrompt::Login);
        } else if let Some(prompt) = settings.prompt {
            url = url.add_prompt(match prompt {
                Prompt::Login => CoreAuthPrompt::Login,
                Prompt::Consent => CoreAuthPrompt::Consent,
                Prompt::SelectAccount => CoreAuthPrompt::SelectAccount,
            });
        }
        Ok(url.url().0)
    }

    pub(super) async fn identity_by_code(
        &self,
        http: &HttpClient,
        settings: &Settings,
        code: String,
        secret: &FlowSecret,
        redirect_uri: Url,
        now: Timestamp,
    ) -> Result<Identity, ProviderError> {
        let metadata = self.discovery.metadata(http).await?;
        let client = client(&metadata, settings, redirect_uri);
        let send = self.discovery.client(http);
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| ProviderError::Unavailable(reason(&error)))?
            .set_pkce_verifier(PkceCodeVerifier::new(secret.code_verifier()))
            .request_async(&send)
            .await
            .map_err(|error| match error {
                RequestTokenError::ServerResponse(rejection) => {
                    ProviderError::InvalidCode(rejection.error().as_ref().to_owned())
                }
                // Without its text, which is the response and can contain tokens.
                RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                    ProviderError::Unavailable("its tokens cannot be read".into())
                }
                RequestTokenError::Request(error) => ProviderError::Unavailable(reason(&error)),
            })?;
        let missing = || ProviderError::InvalidProof("there is no ID token".into());
        let token = tokens.id_token().ok_or_else(missing)?;
        let nonce = Nonce::new(secret.nonce());
        let claims = self.claims(http, settings, metadata, token, &nonce, None, now).await?;
        let mut identity = identity(&claims);
        if identity.email.is_none() && client.user_info_url().is_some() {
            let subject = Some(claims.subject().clone());
            let info: CoreUserInfoClaims = client
                .user_info(tokens.access_token().clone(), subject)
                .map_err(|error| ProviderError::Unavailable(reason(&error)))?
                .request_async(&send)
                .await
                .map_err(|error| match error {
                    UserInfoError::ClaimsVerification(error) => {
                        ProviderError::InvalidProof(reason(&error))
                    }
                    UserInfoError::Request(error) => ProviderError::Unavailable(reason(&error)),
                    _ => ProviderError::Unavailable("its user info cannot be read".into()),
                })?;
            identity.email = info.email().map(|email| email.as_str().to_owned());
            identity.email_verified = info.email_verified();
            identity.name = identity.name.or_else(|| text(info.name()));
        }
        Ok(identity)
    }

    pub(super) async fn identity_by_id_token(
        &self,
        http: &HttpClient,
        settings: &Settings,
        token: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<(Identity, Timestamp), ProviderError> {
        let invalid = |reason: &str| ProviderError::InvalidProof(reason.to_owned());
        let token: CoreIdToken = token.parse().map_err(|_| invalid("it is no ID token"))?;
        // A token without one could have been issued for another purpose, and be replayed here.
        let nonce =
            Nonce::new(nonce.ok_or_else(|| invalid("it comes without a nonce"))?.to_owned());
        let metadata = self.discovery.metadata(http).await?;
        let age = Some(LONGEST_AGE);
        let claims = self.claims(http, settings, metadata, &token, &nonce, age, now).await?;
        Ok((identity(&claims), now + REMEMBERED))
    }

    /// Returns the claims of a valid token. If its key is unknown, the keys are fetched again, once.
    #[expect(clippy::too_many_arguments, reason = "each is a part of the validation")]
    async fn claims(
        &self,
        http: &HttpClient,
        settings: &Settings,
        metadata: Arc<Metadata>,
        token: &CoreIdToken,
        nonce: &Nonce,
        longest_age: Option<TimeDelta>,
        now: Timestamp,
    ) -> Result<CoreIdTokenClaims, ProviderError> {
        let now = DateTime::from_timestamp_micros(now.micros()).unwrap_or_default();
        let check = |metadata: &Metadata| {
            token.claims(&verifier(metadata, settings, longest_age, now), nonce).cloned()
        };
        let unknown_key = ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey,
        );
        let mut claims = check(&metadata);
        if claims.as_ref().err() == Some(&unknown_key)
            && let Some(newer) = self.discovery.with_newer_keys(http, &metadata).await?
        {
            claims = check(&newer);
        }
        claims.map_err(|error| ProviderError::InvalidProof(reason(&error)))
    }
}

fn client(metadata: &Metadata, settings: &Settings, redirect_uri: Url) -> Client {
    let secret = settings.client_secret.as_ref();
    let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
    let methods = metadata.token_endpoint_auth_methods_supported();
    let basic = methods.is_none_or(|m| m.contains(&CoreClientAuthMethod::ClientSecretBasic));
    CoreClient::from_provider_metadata(
        metadata.clone(),
        ClientId::new(settings.client_id.clone()),
        secret,
    )
    .set_auth_type(if basic { AuthType::BasicAuth } else { AuthType::RequestBody })
    .set_redirect_uri(RedirectUrl::from_url(redirect_uri))
}

fn verifier(
    metadata: &Metadata,
    settings: &Settings,
    longest_age: Option<TimeDelta>,
    now: DateTime<Utc>,
) -> CoreIdTokenVerifier<'static> {
    let offered = metadata.id_token_signing_alg_values_supported();
    CoreIdTokenVerifier::new_public_client(
        ClientId::new(settings.client_id.clone()),
        metadata.issuer().clone(),
        metadata.jwks().clone(),
    )
    .set_allowed_algs(ALGORITHMS.into_iter().filter(|algorithm| offered.contains(algorithm)))
    .set_time_fn(move || now - TOLERANCE)
    .set_issue_time_verifier_fn(move |issued| {
        let oldest = longest_age.map(|age| now - age - TOLERANCE);
        if issued > now + TOLERANCE || oldest.is_some_and(|oldest| issued < oldest) {
            return Err("it was issued too long ago, or in the future".to_owned());
        }
        Ok(())
    })
}

fn identity(claims: &CoreIdTokenClaims) -> Identity {
    let amr = claims.auth_method_refs().into_iter().flatten();
    Identity {
        subject: claims.subject().as_str().to_owned(),
        email: claims.email().map(|email| email.as_str().to_owned()),
        email_verified: claims.email_verified(),
        name: text(claims.name()),
        amr: amr.map(|method| method.as_str().to_owned()).collect(),
        acr: claims.auth_context_ref().map(|class| class.as_str().to_owned()),
        auth_time: claims.auth_time().map(|at| Timestamp::from_micros(at.timestamp_micros())),
    }
}

fn text(claim: Option<&LocalizedClaim<EndUserName>>) -> Option<String> {
    Some(claim?.get(None)?.as_str().to_owned())
}
