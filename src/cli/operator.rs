use std::env;

use serde_json::Value;

use super::now;
use crate::store::activity::{Action, Event, Operator};

/// Creates the event of a command, with the operating system's account that ran it.
pub(super) fn event(action: Action, subject_id: &str, detail: Value) -> Event {
    Event::by_operator(&operator(), action, subject_id, detail, now())
}

/// Returns the account that runs this program. It comes from the process, because `USER` is whatever the shell
/// sets. The only trace that sudo leaves of its caller is its variable, which is trustworthy only in a process
/// that runs as root.
fn operator() -> Operator {
    let uid = rustix::process::getuid();
    // In a container the uid often has no name.
    let os_user = whoami::username().ok().filter(|name| !name.is_empty());
    let sudo_user = env::var("SUDO_USER").ok().filter(|name| uid.is_root() && !name.is_empty());
    Operator { os_user: os_user.unwrap_or_else(|| format!("uid {uid}")), sudo_user }
}
