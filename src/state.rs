//! The state that all requests and threads share.

use std::sync::OnceLock;

use actix_web::{HttpRequest, web::Data};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    error::{Code, Error},
    http_client::HttpClient,
    key_check::KeyCheck,
    limits::Limits,
    mail::Mailer,
    metrics::Metrics,
    product::OwnValues,
    secrets::{CheckedCookies, EncryptionKeys, Hashing},
    site::Site,
    store::{
        Store, activity::rejections::Rejections, last_used::LastUsedBuffer,
        session_ends::SessionEnds,
    },
    time::Clock,
};

#[cfg(feature = "pages")]
use crate::pages::NavigationLink;
#[cfg(feature = "providers")]
use crate::providers::Providers;
#[cfg(feature = "passkeys")]
use crate::secrets::passkeys::{RelyingParty, RelyingPartyError};

/// The components of the running server.
pub struct State {
    /// The settings.
    pub config: Config,
    /// The public URL and the trusted origins.
    pub site: Site,
    /// The data layer.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// The rate limits.
    #[doc(hidden)]
    pub limits: Limits,
    /// The metrics.
    #[doc(hidden)]
    pub metrics: Metrics,
    /// The free places for sign-ins that wait for others of the same account.
    #[doc(hidden)]
    pub waiting_sign_ins: Semaphore,
    /// The thread pool that hashes passwords.
    #[doc(hidden)]
    pub hashing: Hashing,
    /// The keys that encrypt TOTP secrets.
    #[doc(hidden)]
    pub encryption: EncryptionKeys,
    /// This site as authenticators know it, or why it has no passkeys.
    #[cfg(feature = "passkeys")]
    #[doc(hidden)]
    pub passkeys: Result<RelyingParty, RelyingPartyError>,
    /// The identity providers.
    #[cfg(feature = "providers")]
    #[doc(hidden)]
    pub providers: Providers,
    /// Sends requests to other servers.
    pub http: HttpClient,
    /// Sends emails.
    #[doc(hidden)]
    pub mailer: Mailer,
    /// Notified when a job is added, so that it starts without waiting for the next poll.
    pub job_added: Notify,
    /// Notified when there are rows to delete that need not wait for the next hour.
    #[doc(hidden)]
    pub retention_due: Notify,
    /// The cache of cookies whose signature was verified.
    #[doc(hidden)]
    pub checked_cookies: CheckedCookies,
    /// Whether the signing keys of all instances match.
    #[doc(hidden)]
    pub key_check: KeyCheck,
    /// When each credential was last used.
    #[doc(hidden)]
    pub last_used: LastUsedBuffer,
    /// Counts of failed sign-ins and rejected tokens that are to be written.
    #[doc(hidden)]
    pub rejections: Rejections,
    /// New ends of sessions that are to be written.
    #[doc(hidden)]
    pub session_ends: SessionEnds,
    /// The values of the product's own types. Set before the server listens.
    pub(crate) own: OnceLock<OwnValues>,
    /// The links to the product's own pages.
    #[cfg(feature = "pages")]
    pub(crate) navigation: Vec<NavigationLink>,
    /// Cancelled when the server starts to drain: it still serves requests, and reports that it is not ready.
    pub draining: CancellationToken,
}

impl State {
    /// Returns whether this site has passkeys.
    #[cfg(feature = "pages")]
    pub(crate) fn has_passkeys(&self) -> bool {
        #[cfg(feature = "passkeys")]
        return self.passkeys.is_ok();
        #[cfg(not(feature = "passkeys"))]
        false
    }

    /// Returns the value of a type of the product's own, if it has one.
    pub(crate) fn own<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.own.get()?.get()
    }

    /// Returns the state of the application that handles a request.
    ///
    /// # Errors
    /// When the server was built without it: an internal error.
    pub fn of(request: &HttpRequest) -> Result<&Self, Error> {
        request.app_data::<Data<Self>>().map(Data::get_ref).ok_or_else(|| {
            tracing::error!("the server was built without its state");
            Code::Internal.into()
        })
    }
}
