//! A session as users recognize it: by the browser and the operating system.

use crate::{
    store::{page::Page, sessions::SessionRow},
    time::Timestamp,
    user_agent::browser,
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

/// Returns a client by its `User-Agent`: "Chrome on Linux", or the beginning of an unknown one.
pub(super) fn program(agent: &str) -> String {
    browser(agent).unwrap_or_else(|| match agent {
        "" => "An unknown program".to_owned(),
        _ => agent.chars().take(60).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn user_agent_is_shown_as_browser_and_system_or_as_sent() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(program(chrome), "Chrome on Linux");
        assert_eq!(program("backup-script/2"), "backup-script/2");
        assert_eq!(program(""), "An unknown program");
    }
}
