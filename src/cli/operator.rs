use std::env;

use serde_json::Value;

use super::now;
use crate::store::audit_events::{Action, Event, Operator};

/// What is done at the command line, as the audit log has it: with the account that it was done under.
pub(super) fn event(action: Action, subject_id: &str, detail: Value) -> Event {
    Event::by_operator(&operator(), action, subject_id, detail, now())
}

/// Who runs this program. By the process, as `USER` is whatever the shell says; sudo leaves no other trace of who
/// called it than its variable, which only tells anything where sudo has made the process root's.
fn operator() -> Operator {
    let uid = rustix::process::getuid();
    // In a container the number often has no name.
    let os_user = whoami::username().ok().filter(|name| !name.is_empty());
    let sudo_user = env::var("SUDO_USER").ok().filter(|name| uid.is_root() && !name.is_empty());
    Operator { os_user: os_user.unwrap_or_else(|| format!("uid {uid}")), sudo_user }
}
