//! A provider's metadata and keys (OpenID Connect Discovery 1.0): fetched on first use, and cached.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient, HttpRequest, HttpResponse, IssuerUrl,
    JsonWebKeySet, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
        CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::ProviderError;
use crate::http_client::{HttpClient, Reach, RequestError};

/// How long the metadata is used before it is fetched again.
const LIFETIME: Duration = Duration::from_hours(24);
/// How long a failure is remembered: the provider is not called again before.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How often keys are fetched again at most: an unknown key id does that, and anyone can send one.
const KEYS_LIFETIME: Duration = Duration::from_secs(30);

/// The metadata of RFC 9207.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct IssuerSupport {
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for IssuerSupport {}

/// What a provider publishes of itself, with its keys.
pub(super) type Metadata = ProviderMetadata<
    IssuerSupport,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Sends the requests of the library.
pub(super) struct ProviderClient<'a> {
    http: &'a HttpClient,
    reach: Reach,
}

impl<'c> AsyncHttpClient<'c> for ProviderClient<'_> {
    type Error = RequestError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, RequestError>> + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.http.exchange(request, self.reach))
    }
}

/// The cache of one provider. The lock is held during a request, so that concurrent callers share it (single flight).
pub(super) struct Discovery {
    pub(super) issuer: IssuerUrl,
    reach: Reach,
    cached: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    metadata: Option<Arc<Metadata>>,
    metadata_at: Option<Instant>,
    /// When they were fetched again.
    keys_at: Option<Instant>,
    failure: Option<(Instant, String)>,
}

fn is_recent(at: Option<Instant>, lifetime: Duration) -> bool {
    at.is_some_and(|at| at.elapsed() < lifetime)
}

impl Discovery {
    pub(super) fn new(issuer: IssuerUrl, reach: Reach) -> Self {
        Self { issuer, reach, cached: Mutex::default() }
    }

    #[cfg(test)]
    pub(super) fn recorded(metadata: Metadata) -> Self {
        let issuer = metadata.issuer().clone();
        let cached = Cached {
            metadata: Some(Arc::new(metadata)),
            metadata_at: Some(Instant::now()),
            ..Cached::default()
        };
        Self { issuer, reach: Reach::Loopback, cached: Mutex::new(cached) }
    }

    /// Returns the client for requests to the provider.
    pub(super) fn client<'a>(&self, http: &'a HttpClient) -> ProviderClient<'a> {
        ProviderClient { http, reach: self.reach }
    }

    /// Returns the metadata.
    pub(super) async fn metadata(&self, http: &HttpClient) -> Result<Arc<Metadata>, ProviderError> {
        let mut cached = self.cached.lock().await;
        if let Some(metadata) = &cached.metadata
            && is_recent(cached.metadata_at, LIFETIME)
        {
            return Ok(metadata.clone());
        }
        if let Some((at, reason)) = &cached.failure
            && at.elapsed() < RETRY_AFTER
        {
            return Self::older(&cached, reason.clone());
        }
        match Metadata::discover_async(self.issuer.clone(), &self.client(http)).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *cached = Cached {
                    metadata: Some(metadata.clone()),
                    metadata_at: Some(Instant::now()),
                    ..Cached::default()
                };
                Ok(metadata)
            }
            Err(error) => {
                let reason = reason(&error);
                cached.failure = Some((Instant::now(), reason.clone()));
                Self::older(&cached, reason)
            }
        }
    }

    /// Metadata that is due to be fetched again is better than none.
    fn older(cached: &Cached, reason: String) -> Result<Arc<Metadata>, ProviderError> {
        cached.metadata.clone().ok_or(ProviderError::Unavailable(reason))
    }

    /// Returns the metadata with newer keys than this, if there are any: for an unknown key id, as after a rotation.
    pub(super) async fn with_newer_keys(
        &self,
        http: &HttpClient,
        known: &Arc<Metadata>,
    ) -> Result<Option<Arc<Metadata>>, ProviderError> {
        let mut cached = self.cached.lock().await;
        match &cached.metadata {
            Some(metadata) if !Arc::ptr_eq(metadata, known) => return Ok(Some(metadata.clone())),
            _ if is_recent(cached.keys_at, KEYS_LIFETIME) => return Ok(None),
            _ => {}
        }
        // Also after a failure: otherwise each such token would cause a request to a provider that is down.
        cached.keys_at = Some(Instant::now());
        let keys = JsonWebKeySet::fetch_async(known.jwks_uri(), &self.client(http)).await;
        let keys = keys.map_err(|error| ProviderError::Unavailable(reason(&error)))?;
        let metadata = Arc::new(Metadata::clone(known).set_jwks(keys));
        cached.metadata = Some(metadata.clone());
        Ok(Some(metadata))
    }
}

/// Returns an error with its causes.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
