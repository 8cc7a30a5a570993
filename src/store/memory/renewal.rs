//! Keeps the lease alive, with one small read at a time however many requests there are.

use std::{sync::atomic::Ordering, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    super::{Error, Store, epoch},
    Memory,
};
use crate::time::Uptime;

/// How often it is looked whether leases have been turned on, and how soon again after a fault.
const PAUSE: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(100);

/// How many times a lease is read anew while it lasts: two reads may be late or lost before it ends.
const READS_IN_A_LEASE: u32 = 3;

impl Store {
    /// Renews the lease until it is told to stop. A fault brings none, and then every key is looked up.
    pub async fn keep_lease(&self, stop: &CancellationToken) {
        if !self.memory.has_room() {
            return;
        }
        let mut failing = false;
        let renewing = async {
            loop {
                let renewed = self.memory.renew(self).await;
                let pause = match &renewed {
                    Ok(Duration::ZERO) => PAUSE,
                    Ok(lease) => *lease / READS_IN_A_LEASE,
                    Err(_) => RETRY,
                };
                match &renewed {
                    Err(fault) if !failing => {
                        tracing::warn!(%fault, "the lease cannot be renewed: every key is looked up");
                    }
                    Ok(_) if failing => tracing::info!("the lease can be renewed again"),
                    _ => {}
                }
                failing = renewed.is_err();
                let _ = tokio::time::timeout(pause, self.memory.given_up.notified()).await;
            }
        };
        stop.run_until_cancelled(renewing).await;
        self.memory.give_up();
    }
}

impl Memory {
    /// Reads the epoch, forgets what has changed since the last one, and begins the lease; says how long
    /// leases are. The lease runs from before the statement began, by a clock that never stands still.
    async fn renew(&self, store: &Store) -> Result<Duration, Error> {
        let (before, times_given_up) = {
            let held = self.lock();
            (held.epoch.clone(), held.times_given_up)
        };
        let began = Uptime::now();
        let seen = epoch::read(store).await?;
        self.epochs_read.fetch_add(1, Ordering::Relaxed);
        let Some(seen) = seen.filter(|seen| !seen.lease.is_zero()) else {
            self.end_lease();
            return Ok(Duration::ZERO);
        };
        let concerned = match before {
            Some(before) if before == seen.epoch => Some(Vec::new()),
            Some(before) => epoch::concerned(store, &before, &seen.epoch).await?,
            None => None,
        };
        let mut held = self.lock();
        // Given up meanwhile: what this read saw may be what was to be forgotten.
        if held.times_given_up != times_given_up {
            return Ok(seen.lease);
        }
        match concerned {
            Some(users) => users.iter().for_each(|user| held.users.forget(user)),
            None => {
                held.users.forget_all();
                self.sessions.clear();
                self.tokens.clear();
            }
        }
        held.epoch = Some(seen.epoch);
        self.end.store((began + seen.lease).nanos(), Ordering::Release);
        Ok(seen.lease)
    }

    /// Leases are off: nothing is kept.
    fn end_lease(&self) {
        let mut held = self.lock();
        self.end.store(0, Ordering::Release);
        if held.epoch.take().is_some() {
            held.users.forget_all();
            self.sessions.clear();
            self.tokens.clear();
        }
    }
}
