//! What every request may need: one value, shared by all threads.

use actix_web::{HttpRequest, web::Data};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    error::{Code, Error},
    key_check::KeyCheck,
    limits::Limits,
    mail::Mailer,
    metrics::Metrics,
    secrets::{CheckedCookies, Hashing},
    site::Site,
    store::{Store, last_used::LastUsedBuffer, session_ends::SessionEnds},
    time::Clock,
};

/// The running server's parts.
pub struct State {
    /// The settings.
    pub config: Config,
    /// What this server is to the world.
    pub site: Site,
    /// The data.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// How often something may be asked.
    pub limits: Limits,
    /// What is measured.
    pub metrics: Metrics,
    /// Sign-ins that wait for others of the same account: this many places are left.
    pub waiting_sign_ins: Semaphore,
    /// Where passwords are hashed.
    pub hashing: Hashing,
    /// How mail leaves.
    pub mailer: Mailer,
    /// Told when a job was added, so that it need not wait to be found.
    pub job_added: Notify,
    /// Told when there are rows to delete that need not wait for the next hour.
    pub retention_due: Notify,
    /// Cookies that need no second check of their signature.
    pub checked_cookies: CheckedCookies,
    /// Whether the other instances have keys that fit ours.
    pub key_check: KeyCheck,
    /// When each key was last used.
    pub last_used: LastUsedBuffer,
    /// Ends of sessions that are to be written.
    pub session_ends: SessionEnds,
    /// Whether the server is on its way out: it still answers, and says that it is not ready.
    pub draining: CancellationToken,
}

impl State {
    /// The state that a request was given.
    ///
    /// # Errors
    /// When the server was built without it: a fault of ours.
    pub fn of(request: &HttpRequest) -> Result<&Self, Error> {
        request.app_data::<Data<Self>>().map(Data::get_ref).ok_or_else(|| {
            tracing::error!("the server was built without its state");
            Code::Internal.into()
        })
    }
}
