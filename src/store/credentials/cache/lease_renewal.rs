//! Renews the lease in the background: one small read of the epoch at a time, whatever the number of requests.

use std::{sync::atomic::Ordering, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{CredentialCache, LeaseState};
use crate::{
    store::{
        Error, Store,
        credentials::epoch::{self, Epoch, Seen},
    },
    time::Uptime,
};

/// How often to check whether leases have been enabled, and how soon to retry after an error.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// How often the epoch is read within one lease: two reads may be late or lost before the lease ends.
const READS_PER_LEASE: u32 = 3;

impl Store {
    /// Renews the lease until `stop` is cancelled. While renewal fails there is no lease, and every credential is
    /// looked up in the database.
    pub async fn renew_lease(&self, stop: &CancellationToken) {
        if !self.lookups.cache.is_enabled() {
            return;
        }
        let mut failing = false;
        let renewing = async {
            loop {
                let renewed = self.renew().await;
                match &renewed {
                    Err(fault) if !failing => {
                        tracing::warn!(%fault, "the lease cannot be renewed: every credential is looked up in the database");
                    }
                    Ok(_) if failing => tracing::info!("the lease can be renewed again"),
                    _ => {}
                }
                failing = renewed.is_err();
                let lease_dropped = self.lookups.cache.lease_dropped.notified();
                let _ = tokio::time::timeout(delay_after(&renewed), lease_dropped).await;
            }
        };
        stop.run_until_cancelled(renewing).await;
        self.lookups.cache.drop_lease();
    }

    /// Reads the epoch and begins the lease. Returns the duration of a lease; zero while leases are disabled.
    async fn renew(&self) -> Result<Duration, Error> {
        let cache = &self.lookups.cache;
        let renewal = cache.begin_renewal();
        let seen = epoch::read(self).await?;
        cache.epoch_reads.fetch_add(1, Ordering::Relaxed);
        let Some(seen) = seen.filter(|seen| !seen.lease.is_zero()) else {
            cache.end_lease(|| self.lookups.clear());
            return Ok(Duration::ZERO);
        };
        let affected_users = match &renewal.before {
            Some(before) => epoch::affected_users(self, before, &seen.epoch).await?,
            None => None,
        };
        let lease = seen.lease;
        cache.begin_lease(&renewal, seen, affected_users, || self.lookups.clear());
        Ok(lease)
    }
}

/// How long to wait after a read with this result.
fn delay_after(renewed: &Result<Duration, Error>) -> Duration {
    match renewed {
        Ok(Duration::ZERO) => POLL_INTERVAL,
        Ok(lease) => *lease / READS_PER_LEASE,
        Err(_) => RETRY_DELAY,
    }
}

/// A read of the epoch that is in flight.
pub(super) struct Renewal {
    /// The epoch for which the cache was true when the read began.
    before: Option<Epoch>,
    /// When the read began, by a clock that also counts suspend. The lease runs from here.
    began: Uptime,
    times_dropped: u64,
}

impl CredentialCache {
    pub(super) fn begin_renewal(&self) -> Renewal {
        let state = self.lock();
        let (before, times_dropped) = (state.epoch.clone(), state.times_dropped);
        Renewal { before, began: Uptime::now(), times_dropped }
    }

    /// Invalidates the users that the changes since the last epoch affect, or all users where these are unknown, and
    /// only then begins the lease. `clear` empties the maps, under the lock, if all are invalidated.
    pub(super) fn begin_lease(
        &self,
        renewal: &Renewal,
        seen: Seen,
        affected_users: Option<Vec<String>>,
        clear: impl FnOnce(),
    ) {
        let mut state = self.lock();
        // The lease was dropped during the read: what the read saw may be what had to be invalidated.
        if state.times_dropped != renewal.times_dropped {
            return;
        }
        match affected_users {
            Some(users) => users.iter().for_each(|user| state.users.invalidate_user(user)),
            None => state.invalidate_all(clear),
        }
        state.epoch = Some(seen.epoch);
        self.end.store((renewal.began + seen.lease).nanos(), Ordering::Release);
    }

    /// Ends the lease and empties the maps, because leases are disabled.
    pub(super) fn end_lease(&self, clear: impl FnOnce()) {
        let mut state = self.lock();
        self.end.store(0, Ordering::Release);
        if state.epoch.take().is_some() {
            state.invalidate_all(clear);
        }
    }
}

impl LeaseState {
    fn invalidate_all(&mut self, clear: impl FnOnce()) {
        self.users.invalidate_all();
        clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_failed_renewals_fit_into_a_lease() {
        let lease = Duration::from_millis(300);
        let delay = delay_after(&Ok(lease));
        assert!(delay > Duration::ZERO && delay * 3 <= lease, "{delay:?}");
    }
}
