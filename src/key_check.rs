//! Checks that the instances on one database accept each other's cookies. If their secrets differ, clients
//! behind a load balancer are signed in with one request and not with the next.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    secrets::{SigningKey, SigningKeys},
    store::{
        Error, Store,
        page::new_id,
        shared_clock,
        signing_keys::{self, Instance, KeyStatus},
    },
    time::Clock,
};

/// How often an instance records that it is running (heartbeat): often enough not to count as stopped.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// Whether the keys of all instances match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Each instance accepts the cookies that the others sign.
    Agreed,
    /// The keys of an instance that started later do not match, and it is not ready.
    OtherRejected,
    /// The keys of this instance do not match, and it is not ready.
    Rejected,
}

impl Agreement {
    /// Returns a warning for the operator.
    #[must_use]
    pub const fn warning(self) -> Option<&'static str> {
        match self {
            Self::Agreed => None,
            Self::OtherRejected => Some(
                "another instance on this database has a PORTCULLIS_SECRET that differs from the one here: \
                 that instance is not ready",
            ),
            Self::Rejected => Some(
                "PORTCULLIS_SECRET differs from that of an instance that already runs on this database: \
                 this one is not ready until both accept each other's cookies, or the other one has stopped",
            ),
        }
    }

    fn log(self) {
        match self {
            Self::Agreed => {
                tracing::info!("the signing secrets of all instances match again");
            }
            Self::OtherRejected => {
                tracing::warn!("another instance has a different signing secret and is not ready");
            }
            Self::Rejected => {
                tracing::warn!(
                    "the signing secret differs from that of another instance: this instance is not ready"
                );
            }
        }
    }
}

impl From<KeyStatus> for Agreement {
    fn from(status: KeyStatus) -> Self {
        match status {
            KeyStatus { accepted_at: None, .. } => Self::Rejected,
            KeyStatus { mismatch: true, .. } => Self::OtherRejected,
            KeyStatus { mismatch: false, .. } => Self::Agreed,
        }
    }
}

/// The keys of this instance, compared with those of the others.
pub struct KeyCheck(Mutex<Known>);

struct Known {
    own: Instance,
    agreement: Agreement,
    /// Whether the store was unavailable at the last comparison.
    failing: bool,
}

impl KeyCheck {
    /// Compares the keys of an instance that is starting.
    pub async fn start(store: &Store, clock: &Clock, keys: &SigningKeys) -> Self {
        let signing = keys.signing().fingerprint();
        let mut verifying = vec![signing];
        for fingerprint in keys.others().iter().map(SigningKey::fingerprint) {
            if !verifying.contains(&fingerprint) {
                verifying.push(fingerprint);
            }
        }
        let own = Instance { id: new_id(), signing, verifying, accepted_at: None };
        let known = Known { own, agreement: Agreement::Agreed, failing: false };
        let check = Self(Mutex::new(known));
        check.repeat(store, clock).await;
        check
    }

    /// Records that this instance is still running, and compares again. If that fails, the last result remains:
    /// a read-only database is no reason not to serve.
    pub async fn repeat(&self, store: &Store, clock: &Clock) {
        if store.is_exclusive() {
            return;
        }
        let own = self.lock().own.clone();
        let compared = async {
            let now = shared_clock::now(store, clock).await?;
            signing_keys::record(store, own, now).await
        };
        match compared.await {
            Ok(status) => self.record_status(status),
            Err(fault) => {
                if !std::mem::replace(&mut self.lock().failing, true) {
                    tracing::warn!(%fault, "the signing keys of the instances cannot be compared");
                }
            }
        }
    }

    fn record_status(&self, status: KeyStatus) {
        let agreement = Agreement::from(status);
        let mut known = self.lock();
        known.own.accepted_at = status.accepted_at;
        known.failing = false;
        let before = std::mem::replace(&mut known.agreement, agreement);
        drop(known);
        if before != agreement {
            agreement.log();
        }
    }

    /// Removes this instance, which is stopping.
    ///
    /// # Errors
    /// As every query: see [`Error`]. The other instances then notice after a while.
    pub async fn stop(&self, store: &Store) -> Result<(), Error> {
        if store.is_exclusive() {
            return Ok(());
        }
        let id = self.lock().own.id.clone();
        signing_keys::remove(store, id).await
    }

    /// Returns the result of the last comparison.
    #[must_use]
    pub fn agreement(&self) -> Agreement {
        self.lock().agreement
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
