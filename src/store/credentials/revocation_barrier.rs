//! The barrier that every invalidating write passes before it returns.

use tokio::time::{Instant, sleep_until};

use crate::store::{Error, Store, credentials::epoch};

impl Store {
    /// Returns the result of a transaction once no instance can use a cached credential from before it.
    ///
    /// The only instance on a database drops its lease. Other instances may hold leases; all of these have ended after
    /// the wait that the database states. The wait is read after the commit, because leases could be made longer until
    /// then. Tokio's clock stands still while the machine is suspended, which only makes the wait longer.
    pub(in crate::store) async fn wait_for_invalidation<T>(
        &self,
        done: Result<T, Error>,
    ) -> Result<T, Error> {
        let committed = Instant::now();
        let done = done?;
        if self.exclusive {
            self.lookups.cache.drop_lease();
        } else {
            sleep_until(committed + epoch::wait(self).await?).await;
        }
        Ok(done)
    }
}
