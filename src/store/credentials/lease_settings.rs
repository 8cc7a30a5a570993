//! The duration of the credential cache's leases, for all instances: an operator sets it.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use tokio::time::sleep;

use crate::store::{
    Error, Store, credentials::epoch::milliseconds, query, schema::epoch, transaction,
};

/// The duration of leases, and how long an invalidating write waits for them to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = epoch)]
pub struct Lease {
    /// How many epochs have begun.
    pub number: i64,
    /// The duration of a lease in milliseconds; 0 disables leases.
    pub lease_ms: i32,
    /// How long an invalidating write waits, in milliseconds.
    pub wait_ms: i32,
}

impl Lease {
    /// Returns these settings with leases of `lease_ms` milliseconds, and a wait that is a tenth longer, because the
    /// clocks of two machines may run at different speeds.
    #[must_use]
    pub fn lasting(self, lease_ms: i32) -> Self {
        let wait_ms = lease_ms.saturating_add(lease_ms / 10 + i32::from(lease_ms % 10 != 0));
        Self { lease_ms, wait_ms, ..self }
    }
}

/// Returns the current settings.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn show(store: &Store) -> Result<Lease, Error> {
    query!(store, |conn| epoch::table.select(Lease::as_select()).get_result(conn).await)
}

/// Changes the duration of leases so that the wait is at no moment shorter than a lease. To make leases longer, one
/// statement changes both; to make them shorter, the wait is shortened last, when the longer leases have ended.
///
/// # Errors
/// As every query: see [`Error`]. The wait is then still long enough.
pub async fn set(store: &Store, lease_ms: i32) -> Result<Lease, Error> {
    let before = show(store).await?;
    let after = before.lasting(lease_ms);
    let longer = before.wait_ms.max(after.wait_ms);
    update(store, Lease { wait_ms: longer, ..after }).await?;
    if longer != after.wait_ms {
        sleep(milliseconds(longer)).await;
        update(store, after).await?;
    }
    Ok(after)
}

async fn update(store: &Store, lease: Lease) -> Result<(), Error> {
    transaction!(store, |conn| diesel::update(epoch::table)
        .set((epoch::lease_ms.eq(lease.lease_ms), epoch::wait_ms.eq(lease.wait_ms)))
        .execute(conn)
        .await)?;
    Ok(())
}
