//! Identity providers: OpenID Connect, and GitHub, which has OAuth 2.0 alone.
//!
//! They are configured by a file, and called only when a user signs in with one: an unavailable provider affects nothing
//! else. A provider's tokens are used once, to learn who the user is, and are not stored.

mod discovery;
mod file;
mod github;
mod identity;
mod openid;
mod preset;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod recorded;

use std::path::Path;

use url::Url;

use crate::{http_client::HttpClient, secrets::FlowSecret, time::Timestamp};

pub use file::{FileError, Prompt};
pub use identity::{Identity, NotAuthenticatedSince};

use file::Settings;
use github::GitHub;
use openid::OpenId;

/// How much a provider's clock may differ, in seconds.
const CLOCK_DIFFERENCE: u32 = 30;

/// The configured providers.
pub struct Providers {
    all: Vec<Provider>,
    http: HttpClient,
}

/// A provider.
pub struct Provider {
    /// Its id, part of the callback's URL.
    pub id: String,
    settings: Settings,
    protocol: Protocol,
}

enum Protocol {
    OpenId(OpenId),
    GitHub(GitHub),
}

/// What the browser asks of a provider.
pub struct AuthorizationRequest<'a> {
    /// The secret of the flow.
    pub secret: &'a FlowSecret,
    /// Where the provider redirects to.
    pub redirect_uri: Url,
    /// The user whom the client expects.
    pub login_hint: Option<String>,
    /// Whether the provider must authenticate the user now, and say when it did.
    pub authenticate_again: bool,
}

/// Why a provider did not tell who the user is. Contains no secret.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It cannot be reached, or does not respond as it must.
    #[error("the provider is unavailable: {0}")]
    Unavailable(String),
    /// It rejects the authorization code.
    #[error("the provider rejects the code: {0}")]
    InvalidCode(String),
    /// Its ID token, or another proof, is not valid.
    #[error("the provider's proof is not valid: {0}")]
    InvalidProof(String),
    /// It issues no ID tokens.
    #[error("the provider issues no ID tokens")]
    NoIdTokens,
}

impl Providers {
    /// Reads the file that configures them, if there is one.
    ///
    /// # Errors
    /// When it cannot be read, or is not valid.
    pub fn load(path: Option<&Path>, http: HttpClient) -> Result<Self, FileError> {
        let Some(path) = path else { return Ok(Self { all: Vec::new(), http }) };
        let all = file::read(path)?.into_iter().map(Provider::from).collect();
        http.prepare().map_err(FileError::Certificates)?;
        Ok(Self { all, http })
    }

    /// Returns the provider with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Provider> {
        self.all.iter().find(|provider| provider.id == id)
    }

    /// Returns all providers, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.all.iter()
    }

    /// Returns the URL of a provider at which a user signs in.
    ///
    /// # Errors
    /// When the provider cannot be discovered.
    pub async fn authorization_url(
        &self,
        provider: &Provider,
        request: AuthorizationRequest<'_>,
    ) -> Result<Url, ProviderError> {
        match &provider.protocol {
            Protocol::OpenId(openid) => {
                openid.authorization_url(&self.http, &provider.settings, request).await
            }
            Protocol::GitHub(github) => Ok(github.authorization_url(&provider.settings, &request)),
        }
    }

    /// Returns whether the `iss` parameter of a callback is the provider's (RFC 9207). It may be absent, unless the
    /// provider declares that it sends it.
    ///
    /// # Errors
    /// When the provider cannot be discovered.
    pub async fn is_issuer(
        &self,
        provider: &Provider,
        issuer: Option<&str>,
    ) -> Result<bool, ProviderError> {
        match &provider.protocol {
            Protocol::OpenId(openid) => openid.is_issuer(&self.http, issuer).await,
            Protocol::GitHub(_) => Ok(issuer.is_none_or(|issuer| issuer == github::ISSUER)),
        }
    }

    /// Exchanges an authorization code, and returns who the user is.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn identity_by_code(
        &self,
        provider: &Provider,
        code: String,
        secret: &FlowSecret,
        redirect_uri: Url,
        now: Timestamp,
    ) -> Result<Identity, ProviderError> {
        let (http, settings) = (&self.http, &provider.settings);
        let identity = match &provider.protocol {
            Protocol::OpenId(openid) => {
                openid.identity_by_code(http, settings, code, secret, redirect_uri, now).await?
            }
            Protocol::GitHub(github) => {
                github.identity_by_code(http, settings, code, secret, &redirect_uri).await?
            }
        };
        Ok(provider.corrected(identity))
    }

    /// Validates an ID token that the client got from the provider itself, and returns who the user is, and when the
    /// token need not be remembered any more. It must contain this nonce, and be less than an hour old.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn identity_by_id_token(
        &self,
        provider: &Provider,
        token: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<(Identity, Timestamp), ProviderError> {
        let Protocol::OpenId(openid) = &provider.protocol else {
            return Err(ProviderError::NoIdTokens);
        };
        let (identity, forget_at) =
            openid.identity_by_id_token(&self.http, &provider.settings, token, nonce, now).await?;
        Ok((provider.corrected(identity), forget_at))
    }
}

impl From<(String, Settings)> for Provider {
    fn from((id, settings): (String, Settings)) -> Self {
        let protocol = match settings.issuer() {
            Some((issuer, reach)) => Protocol::OpenId(OpenId::new(issuer, reach)),
            None => Protocol::GitHub(GitHub::new()),
        };
        Self { id, settings, protocol }
    }
}

impl Provider {
    /// Returns its name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        self.settings.name.as_deref().unwrap_or(match self.settings.preset {
            Some(preset) => preset.label(),
            None => &self.id,
        })
    }

    /// Returns whether it authenticates a user again on request, and states when it did.
    #[must_use]
    pub fn authenticates_again(&self) -> bool {
        let preset = self.settings.preset;
        preset.is_none_or(preset::Preset::authenticates_again)
    }

    /// Returns whether it may create accounts.
    #[must_use]
    pub fn may_sign_up(&self) -> bool {
        self.settings.sign_up
    }

    /// Returns whether an account that it creates has a verified email. An explicit "not verified" always counts.
    #[must_use]
    pub fn signs_up_verified(&self, identity: &Identity) -> bool {
        identity.email_verified.unwrap_or(self.settings.trusted_email)
    }

    /// Returns whether the provider asked the user for a second factor, by its own statement (`amr`, `acr`) and by the
    /// settings.
    #[must_use]
    pub fn proved_second_factor(&self, identity: &Identity) -> bool {
        let mut stated = identity.amr.iter().chain(&identity.acr);
        stated.any(|value| self.settings.second_factor.contains(value))
    }

    /// Corrects what the provider says of an email that it does not verify.
    fn corrected(&self, identity: Identity) -> Identity {
        let proves = self.settings.preset.is_none_or(preset::Preset::verifies_emails);
        let email_verified = if proves { identity.email_verified } else { Some(false) };
        Identity { email_verified, ..identity }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn provider(text: &str) -> Provider {
        Provider::from(("x".to_owned(), toml::from_str::<Settings>(text).unwrap()))
    }

    fn identity(email_verified: Option<bool>) -> Identity {
        Identity {
            subject: "ada".to_owned(),
            email: None,
            email_verified,
            name: None,
            amr: vec!["pwd".to_owned()],
            acr: Some("high".to_owned()),
            auth_time: None,
        }
    }

    #[test]
    fn statement_of_microsoft_about_an_email_never_counts() {
        let keys = "client_id = \"x\"\ntrusted_email = true\n";
        let microsoft = provider(&format!("{keys}preset = \"microsoft\"\ntenant = \"x\""));
        let google = provider(&format!("{keys}preset = \"google\""));
        for stated in [Some(true), Some(false), None] {
            let corrected = microsoft.corrected(identity(stated));
            assert_eq!(corrected.email_verified, Some(false));
            assert!(!microsoft.signs_up_verified(&corrected));
            assert_eq!(google.corrected(identity(stated)).email_verified, stated);
        }
    }

    #[test]
    fn second_factor_is_proved_by_a_listed_amr_or_acr() {
        for (listed, proved) in [("[]", false), ("[\"mfa\"]", false), ("[\"mfa\", \"high\"]", true)]
        {
            let keys = format!("client_id = \"x\"\npreset = \"google\"\nsecond_factor = {listed}");
            assert_eq!(provider(&keys).proved_second_factor(&identity(None)), proved, "{listed}");
        }
    }
}
