//! The one way out for whatever takes rights away.

use tokio::time::{Instant, sleep_until};

use super::{Error, Store, epoch};

impl Store {
    /// Returns what a transaction has brought when no instance remembers how it was before.
    ///
    /// Whoever is alone forgets; others may hold a lease, and it has run out when as long has passed as
    /// the database says. That is read after the commit, since leases could have become longer until
    /// then. Tokio's clock stands still while the machine sleeps, which makes the wait only longer.
    pub(super) async fn wait_for_invalidation<T>(
        &self,
        done: Result<T, Error>,
    ) -> Result<T, Error> {
        let committed = Instant::now();
        let done = done?;
        if self.exclusive {
            self.cache.drop_lease();
        } else {
            sleep_until(committed + epoch::wait(self).await?).await;
        }
        Ok(done)
    }
}
