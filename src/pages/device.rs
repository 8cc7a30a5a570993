//! A session as users recognize it: by the browser and the operating system.

use crate::{
    api::client::program,
    store::{page::Page, sessions::SessionRow},
    time::Timestamp,
};

/// A session, as it is displayed.
pub(super) struct Device {
    pub id: String,
    /// "Chrome on Linux", or the beginning of an unknown User-Agent.
    pub program: String,
    pub address: String,
    pub last_seen_at: Timestamp,
    pub created_at: Timestamp,
    pub is_this: bool,
}

impl Device {
    fn of(row: SessionRow, this: &str) -> Self {
        Self {
            is_this: row.id == this,
            program: program(row.user_agent.as_deref().unwrap_or_default()),
            address: row.ip_address.unwrap_or_default(),
            last_seen_at: row.last_seen_at,
            created_at: row.created_at,
            id: row.id,
        }
    }
}

/// Converts a page of sessions; `this` is the id of the viewer's own session.
pub(super) fn devices(page: Page<SessionRow>, this: &str) -> Page<Device> {
    page.map(|row| Device::of(row, this))
}
