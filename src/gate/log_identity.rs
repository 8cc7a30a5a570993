//! What the log and the metrics are told of what the gate found: outcomes and ids, no name and no key. And for whom an
//! error page is.

use actix_web::{HttpMessage, HttpRequest};

use super::{Session, session::Finding};

/// Somebody who became known while a request was answered: left there with their new cookie.
pub(super) struct Actor(pub(super) String);

/// What is told of a request.
#[derive(Debug, Default)]
pub struct LogIdentity {
    /// What the gate found; nothing where it does not stand, or has refused before it looked.
    pub outcome: Option<&'static str>,
    /// The id of whoever asked.
    pub user: Option<String>,
}

/// The session of a request that has been answered, if the gate came to find one.
#[must_use]
pub fn session_of(request: &HttpRequest) -> Option<Session> {
    request.extensions().get::<Finding>()?.session().cloned()
}

/// What is told of a request that has been answered.
#[must_use]
pub fn told(request: &HttpRequest) -> LogIdentity {
    let extensions = request.extensions();
    let actor = extensions.get::<Actor>().map(|actor| actor.0.clone());
    match extensions.get::<Finding>() {
        Some(Finding::Known { session, token }) => LogIdentity {
            outcome: Some(if token.is_some() { "token" } else { "cookie" }),
            user: actor.or_else(|| Some(session.user.id.clone())),
        },
        Some(Finding::Anonymous(why)) => LogIdentity { outcome: Some(why.into()), user: actor },
        None => LogIdentity { outcome: None, user: actor },
    }
}
