//! Keeps the lease alive, with one small read at a time however many requests there are.

use std::{sync::atomic::Ordering, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Error, Store,
        epoch::{self, Epoch, Seen},
    },
    CredentialCache, LeaseState,
};
use crate::time::Uptime;

/// How often it is looked whether leases have been turned on, and how soon again after a fault.
const PAUSE: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(100);

/// How many times a lease is read anew while it lasts: two reads may be late or lost before it ends.
const READS_IN_A_LEASE: u32 = 3;

impl Store {
    /// Renews the lease until it is told to stop. A fault brings none, and then every key is looked up.
    pub async fn renew_lease(&self, stop: &CancellationToken) {
        if !self.cache.is_enabled() {
            return;
        }
        let mut failing = false;
        let renewing = async {
            loop {
                let renewed = self.cache.renew(self).await;
                match &renewed {
                    Err(fault) if !failing => {
                        tracing::warn!(%fault, "the lease cannot be renewed: every key is looked up");
                    }
                    Ok(_) if failing => tracing::info!("the lease can be renewed again"),
                    _ => {}
                }
                failing = renewed.is_err();
                let lease_dropped = self.cache.lease_dropped.notified();
                let _ = tokio::time::timeout(until_the_next(&renewed), lease_dropped).await;
            }
        };
        stop.run_until_cancelled(renewing).await;
        self.cache.drop_lease();
    }
}

/// How long to wait after a read that brought this.
fn until_the_next(renewed: &Result<Duration, Error>) -> Duration {
    match renewed {
        Ok(Duration::ZERO) => PAUSE,
        Ok(lease) => *lease / READS_IN_A_LEASE,
        Err(_) => RETRY,
    }
}

/// A read of the epoch that is on its way.
pub(super) struct Renewal {
    /// The epoch of all that is kept.
    before: Option<Epoch>,
    /// When it began, by a clock that never stands still: so long the lease runs.
    began: Uptime,
    times_dropped: u64,
}

impl CredentialCache {
    /// Reads the epoch and begins the lease; says how long leases are.
    async fn renew(&self, store: &Store) -> Result<Duration, Error> {
        let renewal = self.begin_renewal();
        let seen = epoch::read(store).await?;
        self.epoch_reads.fetch_add(1, Ordering::Relaxed);
        let Some(seen) = seen.filter(|seen| !seen.lease.is_zero()) else {
            self.end_lease();
            return Ok(Duration::ZERO);
        };
        let concerned = match &renewal.before {
            Some(before) => epoch::concerned(store, before, &seen.epoch).await?,
            None => None,
        };
        let lease = seen.lease;
        self.begin_lease(&renewal, seen, concerned);
        Ok(lease)
    }

    pub(super) fn begin_renewal(&self) -> Renewal {
        let held = self.lock();
        let (before, times_dropped) = (held.epoch.clone(), held.times_dropped);
        Renewal { before, began: Uptime::now(), times_dropped }
    }

    /// Forgets whom the changes concern since the last epoch, everybody where that is not known, and only
    /// then begins the lease.
    pub(super) fn begin_lease(
        &self,
        renewal: &Renewal,
        seen: Seen,
        concerned: Option<Vec<String>>,
    ) {
        let mut held = self.lock();
        // Given up meanwhile: what this read saw may be what was to be forgotten.
        if held.times_dropped != renewal.times_dropped {
            return;
        }
        match concerned {
            Some(users) => users.iter().for_each(|user| held.users.invalidate_user(user)),
            None => self.invalidate_all(&mut held),
        }
        held.epoch = Some(seen.epoch);
        self.end.store((renewal.began + seen.lease).nanos(), Ordering::Release);
    }

    /// Leases are off: nothing is kept.
    pub(super) fn end_lease(&self) {
        let mut held = self.lock();
        self.end.store(0, Ordering::Release);
        if held.epoch.take().is_some() {
            self.invalidate_all(&mut held);
        }
    }

    fn invalidate_all(&self, lease: &mut LeaseState) {
        lease.users.invalidate_all();
        self.sessions.clear();
        self.tokens.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reads_may_be_lost_before_a_lease_ends() {
        let lease = Duration::from_millis(300);
        let pause = until_the_next(&Ok(lease));
        assert!(pause > Duration::ZERO && pause * 3 <= lease, "{pause:?}");
    }
}
