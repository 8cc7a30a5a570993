use std::sync::Arc;

use strum::IntoStaticStr;

use crate::{
    config::TwoFactor,
    scope::{GrantableScope, Scope, Scopes},
    store::{
        Resolved,
        api_tokens::ApiToken,
        sessions::SessionRow,
        users::{Role, User},
    },
    time::{Span, Timestamp, days, seconds},
};

use super::Access;

/// How long after its user has authenticated a session counts as fresh (re-authentication).
pub const FRESH: Span = days(1);

/// How long a proof of the second factor in a session suffices for changes to it.
pub const PROVED: Span = seconds(15 * 60);

/// An authenticated caller (the principal): the user and, for a cookie, the session.
///
/// As a handler's argument, `Session` rejects anonymous callers (302 to the login page for a browser's
/// navigation, 401 otherwise), and `Option<Session>` leaves that to the handler.
#[derive(Debug, Clone)]
pub struct Session {
    /// The caller; never a deactivated user.
    pub user: Arc<User>,
    /// The session's row for a cookie, `None` for a token: the only way to tell them apart.
    pub session: Option<Arc<SessionRow>>,
    /// The token's row, which has its scopes.
    pub(super) token: Option<Arc<ApiToken>>,
}

impl Session {
    /// Returns whether the presented credential allows this. A cookie allows whatever its user may do.
    #[must_use]
    pub fn allows(&self, scope: impl Into<GrantableScope>) -> bool {
        let scope = scope.into();
        let role = scope != Scope::Admin.into() || self.user.role == Role::Admin;
        role && self.token.as_ref().is_none_or(|token| token.scopes.contains(scope))
    }

    /// Returns everything that the presented credential allows.
    #[must_use]
    pub fn scopes(&self) -> Vec<GrantableScope> {
        GrantableScope::all().filter(|scope| self.allows(*scope)).collect()
    }
}

/// The gate's result, stored in the request for the extractors.
#[derive(Debug, Clone)]
pub(super) enum Finding {
    /// A valid credential.
    Known(Session),
    /// No valid credential, and the reason.
    Anonymous(Anonymous),
}

/// Why a request is anonymous.
#[derive(Debug, Clone, Copy, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub(super) enum Anonymous {
    /// No credential that needs a response of its own.
    #[strum(serialize = "anonymous")]
    Unauthenticated,
    /// A cookie whose session has ended, or continues with another cookie.
    StaleCookie,
    /// A credential of a user whose access is suspended.
    Suspended,
    /// Not a well-formed token.
    TokenMalformed,
    /// A token that expired at this time.
    TokenExpired(Timestamp),
    /// Any other invalid token, or a misplaced one.
    TokenInvalid,
}

impl Anonymous {
    /// Why a user who is not active is anonymous.
    pub(super) fn inactive(user: &User) -> Self {
        if user.is_deactivated() { Self::Unauthenticated } else { Self::Suspended }
    }
}

impl From<Anonymous> for Finding {
    fn from(why: Anonymous) -> Self {
        Self::Anonymous(why)
    }
}

impl Finding {
    pub(super) fn cookie(user: Arc<User>, row: Arc<SessionRow>) -> Self {
        Self::Known(Session { user, session: Some(row), token: None })
    }

    pub(super) fn token(found: &Resolved<ApiToken>) -> Self {
        let (user, token) = (found.user.clone(), Some(found.key.clone()));
        Self::Known(Session { user, session: None, token })
    }

    pub(super) fn session(&self) -> Option<&Session> {
        match self {
            Self::Known(session) => Some(session),
            Self::Anonymous(_) => None,
        }
    }

    pub(super) fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// Returns whether the user must set up two-factor authentication before this. Where authentication is optional, an
    /// anonymous caller could do the same.
    pub(super) fn must_enrol(&self, access: Access, policy: TwoFactor) -> bool {
        access.required
            && !access.before_enrolment
            && self.session().is_some_and(|session| {
                !session.user.two_factor_enabled
                    && policy.requires(session.user.role == Role::Admin)
            })
    }

    /// Returns the scopes that are required here, if a token lacks one of them. Where tokens are not accepted
    /// at all, the handler's own extractors say so, which is more helpful than a missing scope.
    pub(super) fn lacks(&self, access: Access, method: Scope) -> Option<Scopes> {
        let token = self.session()?.token.as_ref()?;
        let needed = access.needs(method);
        (!token.scopes.contain(needed)).then_some(needed)
    }
}
