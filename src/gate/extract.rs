//! What a handler asks for: each type in its signature says who may call.
//!
//! All of them are ready at once, since the gate has done the work. As a handler's first arguments
//! they answer before its body is read: 401 where 401 is due, and not 400.

use std::{
    future::{Ready, ready},
    ops::Deref,
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use super::{
    Access, Declares, Session,
    rejection::{self, Rejection},
    session::{FRESH, Finding},
};
use crate::{
    error::Code,
    scope::{Scope, Scopes},
    state::State,
    store::{sessions::SessionRow, tokens::ApiToken, users::Role},
    time::{CLOCK_TOLERANCE, Timestamp},
};

/// An extractor that only looks at what the gate found.
macro_rules! extractor {
    ($type:ty, $access:expr, |$request:ident| $body:expr) => {
        impl FromRequest for $type {
            type Error = Rejection;
            type Future = Ready<Result<Self, Rejection>>;

            fn from_request($request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let found = || $body;
                ready(found())
            }
        }

        impl Declares for $type {
            const ACCESS: Access = $access;
        }
    };
}

extractor!(Session, Access::REQUIRES_AUTH, |request| known(request).map(|(session, _)| session));

impl Declares for Option<Session> {
    const ACCESS: Access = Access::OPTIONAL_AUTH;
}

/// A site admin, with whichever key.
#[derive(Debug, Clone)]
pub struct SiteAdmin(Session);

impl Deref for SiteAdmin {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.0
    }
}

const ADMINS: Access =
    Access { admin: true, scopes: Scopes::one(Scope::Admin), ..Access::REQUIRES_AUTH };

extractor!(SiteAdmin, ADMINS, |request| {
    let (session, _) = known(request)?;
    if session.user.role != Role::Admin {
        return Err(Code::AdminRequired.into());
    }
    Ok(SiteAdmin(session))
});

/// A token with a scope of its own, besides the `read` or `write` that its method needs; a cookie has every scope. To
/// give an operation one, add it to [`Scope`] and this to the handler's arguments: `_: Needs<{ Scope::Billing as u8 }>`.
#[derive(Debug, Clone, Copy)]
pub struct Needs<const SCOPE: u8>;

impl<const SCOPE: u8> FromRequest for Needs<SCOPE> {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Of a token the gate has compared the scopes.
        ready(known(request).map(|_| Self))
    }
}

impl<const SCOPE: u8> Declares for Needs<SCOPE> {
    const ACCESS: Access = Access { scopes: Scopes::numbered(SCOPE), ..Access::REQUIRES_AUTH };
}

/// The session's row, where the cookie is demanded: what a token may not do, whatever its scopes.
#[derive(Debug, Clone)]
pub struct ByCookie(pub Arc<SessionRow>);

extractor!(ByCookie, Access { token: false, ..Access::REQUIRES_AUTH }, |request| {
    let (session, _) = known(request)?;
    session.session.map(ByCookie).ok_or_else(|| Code::CookieRequired.into())
});

/// The presented token's id, where the very token is what it is about.
#[derive(Debug, Clone)]
pub struct ByToken(pub String);

extractor!(
    ByToken,
    Access { cookie: false, any_scope: true, ..Access::REQUIRES_AUTH },
    |request| {
        let (_, token) = known(request)?;
        token.map(|token| ByToken(token.id.clone())).ok_or_else(|| Code::TokenRequired.into())
    }
);

/// Anybody but the holder of a token: what makes or ends a browser's session.
#[derive(Debug, Clone, Copy)]
pub struct NotByToken;

extractor!(NotByToken, Access { token: false, ..Access::OPTIONAL_AUTH }, |request| {
    match rejection::finding(request)? {
        Finding::Known { token: Some(_), .. } => Err(Code::CookieRequired.into()),
        _ => Ok(NotByToken),
    }
});

/// If it is by cookie, then in a session whose password was entered within a day. A token has no
/// session to grow old; what it may do, its scopes say.
#[derive(Debug, Clone, Copy)]
pub struct Fresh;

extractor!(Fresh, Access { fresh: true, ..Access::REQUIRES_AUTH }, |request| {
    let (session, _) = known(request)?;
    let now = State::of(request).map_err(Rejection::Error)?.clock.now();
    match session.session {
        Some(row) if !is_fresh(&row, now) => Err(Code::SessionNotFresh.into()),
        _ => Ok(Fresh),
    }
});

/// Whether a password was entered in this session within a day. A time that lies ahead was set by a clock that was
/// wrong, and proves nothing.
#[must_use]
pub fn is_fresh(row: &SessionRow, now: Timestamp) -> bool {
    let entered = row.authenticated_at;
    entered <= now + CLOCK_TOLERANCE && now < entered + FRESH
}

fn known(request: &HttpRequest) -> Result<(Session, Option<Arc<ApiToken>>), Rejection> {
    match rejection::finding(request)? {
        Finding::Known { session, token } => Ok((session, token)),
        Finding::Anonymous(why) => Err(rejection::of_anonymous(request, why)),
    }
}
