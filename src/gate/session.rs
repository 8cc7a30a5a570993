use std::sync::Arc;

use strum::IntoStaticStr;

use crate::{
    scope::{Scope, Scopes},
    store::{
        Resolved,
        sessions::SessionRow,
        tokens::ApiToken,
        users::{Role, User},
    },
    time::{Span, Timestamp, days},
};

use super::Access;

/// How long a password that was entered counts as entered just now.
pub const FRESH: Span = days(1);

/// Somebody: who they are, and, where they came with a cookie, in which session.
///
/// As an argument of a handler, `Session` refuses the anonymous (302 to the login page for a
/// browser's navigation, 401 for anybody else), and `Option<Session>` leaves that to the handler.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whoever asks; never somebody who is deactivated.
    pub user: Arc<User>,
    /// The session's row for a cookie, nothing for a token: the only tell.
    pub session: Option<Arc<SessionRow>>,
    scopes: Scopes,
}

impl Session {
    /// Whether the key that was presented allows this. A cookie allows all that its user may.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        let role = scope != Scope::Admin || self.user.role == Role::Admin;
        role && self.scopes.contains(scope)
    }
}

/// What the gate found, kept in the request for the extractors.
#[derive(Debug, Clone)]
pub(super) enum Finding {
    /// A live key. The token is for the one operation that ends the very token.
    Known { session: Session, token: Option<Arc<ApiToken>> },
    /// Nobody, and why.
    Anonymous(Anonymous),
}

/// Why a request is nobody's.
#[derive(Debug, Clone, Copy, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub(super) enum Anonymous {
    /// Nothing was presented that deserves an answer of its own.
    #[strum(serialize = "anonymous")]
    Unknown,
    /// A cookie whose session is over, or goes on under another cookie.
    StaleCookie,
    /// Not a token at all.
    TokenMalformed,
    /// A token whose time was over at this moment.
    TokenExpired(Timestamp),
    /// Any other token, or a token in a wrong place.
    TokenInvalid,
}

impl From<Anonymous> for Finding {
    fn from(why: Anonymous) -> Self {
        Self::Anonymous(why)
    }
}

impl Finding {
    pub(super) fn cookie(user: Arc<User>, row: Arc<SessionRow>) -> Self {
        Self::Known {
            session: Session { user, session: Some(row), scopes: Scopes::all() },
            token: None,
        }
    }

    pub(super) fn token(found: &Resolved<ApiToken>) -> Self {
        let (user, token) = (found.user.clone(), found.key.clone());
        let session = Session { user, session: None, scopes: token.scopes.known };
        Self::Known { session, token: Some(token) }
    }

    pub(super) fn session(&self) -> Option<&Session> {
        match self {
            Self::Known { session, .. } => Some(session),
            Self::Anonymous(_) => None,
        }
    }

    pub(super) fn is_known(&self) -> bool {
        matches!(self, Self::Known { .. })
    }

    /// The scopes that are needed here, if a token has not all of them. Where no token is taken at all, the
    /// handler's own arguments say so, which helps more than a missing scope.
    pub(super) fn lacks(&self, access: Access, method: Scope) -> Option<Scopes> {
        let Self::Known { session, token: Some(_) } = self else { return None };
        let needed = access.needs(method);
        (!session.scopes.contain(needed)).then_some(needed)
    }
}
