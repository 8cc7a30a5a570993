//! For how long instances may answer from memory, for all of them: an operator's business.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use tokio::time::sleep;

use super::{Error, Store, epoch::milliseconds, query, schema::epoch, transaction};

/// How long leases last, and how long whoever takes rights away waits for them to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = epoch)]
pub struct Lease {
    /// How many epochs have begun.
    pub number: i64,
    /// In milliseconds; with 0 there are none.
    pub lease_ms: i32,
    /// In milliseconds.
    pub wait_ms: i32,
}

impl Lease {
    /// With leases of so many milliseconds, and a wait that is longer by a tenth: the clocks of two
    /// machines do not run alike.
    #[must_use]
    pub fn lasting(self, lease_ms: i32) -> Self {
        let wait_ms = lease_ms.saturating_add(lease_ms / 10 + i32::from(lease_ms % 10 != 0));
        Self { lease_ms, wait_ms, ..self }
    }
}

/// As it stands.
///
/// # Errors
/// When the store is unavailable.
pub async fn show(store: &Store) -> Result<Lease, Error> {
    query!(store, |conn| epoch::table.select(Lease::as_select()).get_result(conn).await)
}

/// Changes it, so that at each moment as long is waited as any lease lasts: to make leases longer both change
/// in one statement; to make them shorter the wait goes last, when the longer ones are over.
///
/// # Errors
/// When the store is unavailable. What has been done until then leaves a wait that is long enough.
pub async fn set(store: &Store, lease_ms: i32) -> Result<Lease, Error> {
    let before = show(store).await?;
    let after = before.lasting(lease_ms);
    let longer = before.wait_ms.max(after.wait_ms);
    put(store, Lease { wait_ms: longer, ..after }).await?;
    if longer != after.wait_ms {
        sleep(milliseconds(longer)).await;
        put(store, after).await?;
    }
    Ok(after)
}

async fn put(store: &Store, lease: Lease) -> Result<(), Error> {
    transaction!(store, |conn| diesel::update(epoch::table)
        .set((epoch::lease_ms.eq(lease.lease_ms), epoch::wait_ms.eq(lease.wait_ms)))
        .execute(conn)
        .await)?;
    Ok(())
}
