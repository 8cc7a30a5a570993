//! Passes the gate's result to the log and the metrics (outcomes and ids, no name and no credential), and the
//! session to the error pages.

use actix_web::{HttpMessage, HttpRequest};

use super::{Session, session::Finding};

/// The user whom a request authenticated by signing in, stored with their new cookie.
pub(super) struct Actor(pub(super) String);

/// The identity that the request log records.
#[derive(Debug, Default)]
pub struct LogIdentity {
    /// The outcome at the gate; `None` where the gate does not run, or has rejected the request before the
    /// lookup.
    pub outcome: Option<&'static str>,
    /// The caller's user id.
    pub user: Option<String>,
}

/// Returns the session of a request that has been answered, if the gate found one.
#[must_use]
pub fn session_of(request: &HttpRequest) -> Option<Session> {
    request.extensions().get::<Finding>()?.session().cloned()
}

/// Returns the identity to log for a request that has been answered.
#[must_use]
pub fn log_identity(request: &HttpRequest) -> LogIdentity {
    let extensions = request.extensions();
    let actor = extensions.get::<Actor>().map(|actor| actor.0.clone());
    match extensions.get::<Finding>() {
        Some(Finding::Known(session)) => LogIdentity {
            outcome: Some(if session.token.is_some() { "token" } else { "cookie" }),
            user: actor.or_else(|| Some(session.user.id.clone())),
        },
        Some(Finding::Anonymous(why)) => LogIdentity { outcome: Some(why.into()), user: actor },
        None => LogIdentity { outcome: None, user: actor },
    }
}
