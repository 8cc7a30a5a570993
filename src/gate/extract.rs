//! Extractors: each type in a handler's signature declares who may call it.
//!
//! They are ready immediately, because the gate has done the work. As a handler's first arguments they run
//! before its body is read, so that an anonymous caller with an invalid body receives 401, not 400.

use std::{
    future::{Ready, ready},
    ops::Deref,
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::{Deserialize, Serialize};

use super::{
    Access, DeclaresAccess, Session,
    rejection::{self, Rejection},
    second_factor_cookies,
    session::{FRESH, Finding, PROVED},
};
use crate::{
    error::Code,
    scope::{Scope, Scopes},
    secrets::ChallengeHash,
    state::State,
    store::{
        sessions::SessionRow,
        users::{Role, User},
    },
    time::{CLOCK_TOLERANCE, Timestamp},
};

/// Implements an extractor that only examines the gate's result.
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

        impl DeclaresAccess for $type {
            const ACCESS: Access = $access;
        }
    };
}

extractor!(Session, Access::REQUIRES_AUTH, |request| known(request));

impl DeclaresAccess for Option<Session> {
    const ACCESS: Access = Access::OPTIONAL_AUTH;
}

/// Whose rows the caller works with: those of the user, with a cookie or a token. The operations of a resource take it in
/// place of [`Session`], so that they need not change if organisations can own rows one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Owner {
    /// The id in the owner's column of the resource.
    pub id: String,
}

impl Owner {
    /// Returns a user as an owner: for pages, jobs and commands. An operation takes it as an argument.
    #[must_use]
    pub fn user(id: impl Into<String>) -> Self {
        Self { id: id.into() }
    }
}

extractor!(Owner, Access::REQUIRES_AUTH, |request| {
    known(request).map(|session| Owner::user(&session.user.id))
});

/// A site admin, with a cookie or a token.
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
    let session = known(request)?;
    if session.user.role != Role::Admin {
        return Err(Code::AdminRequired.into());
    }
    Ok(SiteAdmin(session))
});

/// The session's row, where only the cookie is accepted: for operations that no token may call, whatever its
/// scopes.
#[derive(Debug, Clone)]
pub struct ByCookie(pub Arc<SessionRow>);

extractor!(ByCookie, Access { token: false, ..Access::REQUIRES_AUTH }, |request| {
    let session = known(request)?;
    session.session.map(ByCookie).ok_or_else(|| Code::CookieRequired.into())
});

/// The presented token's id, for operations on that same token.
#[derive(Debug, Clone)]
pub struct ByToken(pub String);

extractor!(
    ByToken,
    Access { cookie: false, any_scope: true, ..Access::REQUIRES_AUTH },
    |request| {
        let token = known(request)?.token;
        token.map(|token| ByToken(token.id.clone())).ok_or_else(|| Code::TokenRequired.into())
    }
);

/// Any caller without a token, even an anonymous one: for operations that start or end a browser's session.
#[derive(Debug, Clone, Copy)]
pub struct NotByToken;

extractor!(NotByToken, Access { token: false, ..Access::OPTIONAL_AUTH }, |request| {
    match rejection::finding(request)? {
        Finding::Known(Session { token: Some(_), .. }) => Err(Code::CookieRequired.into()),
        _ => Ok(NotByToken),
    }
});

/// Who proves the second factor: a user with a session, or one whose sign-in waits for it.
#[derive(Debug, Clone)]
pub enum Prover {
    /// The session, by its cookie.
    Session(Arc<User>, Arc<SessionRow>),
    /// The secret of the sign-in.
    SignIn(ChallengeHash),
}

extractor!(Prover, Access { token: false, challenge: true, ..Access::OPTIONAL_AUTH }, |request| {
    match rejection::finding(request)? {
        Finding::Known(Session { token: Some(_), .. }) => Err(Code::CookieRequired.into()),
        Finding::Known(Session { user, session: Some(row), .. }) => Ok(Prover::Session(user, row)),
        _ => {
            let state = State::of(request).map_err(Rejection::Error)?;
            let secret = second_factor_cookies::challenge(&state.site, request);
            let secret = secret.ok_or(Code::InvalidTwoFactorCookie)?;
            Ok(Prover::SignIn(secret.hash()))
        }
    }
});

/// Opens an operation to users who must set up two-factor authentication before anything else: for what they need to do
/// that, and to see who they are.
#[derive(Debug, Clone, Copy)]
pub struct BeforeEnrolment;

impl FromRequest for BeforeEnrolment {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self))
    }
}

impl DeclaresAccess for BeforeEnrolment {
    const ACCESS: Access = Access { before_enrolment: true, ..Access::UNGATED };
}

/// Requires re-authentication: in a cookie's session the user must have authenticated within a day. A token has no
/// session that could age; its scopes say what it may do.
#[derive(Debug, Clone, Copy)]
pub struct Fresh;

extractor!(Fresh, Access { fresh: true, ..Access::REQUIRES_AUTH }, |request| {
    let session = known(request)?;
    let now = State::of(request).map_err(Rejection::Error)?.clock.now();
    match session.session {
        Some(row) if !is_fresh(&row, now) => Err(Code::SessionNotFresh.into()),
        _ => Ok(Fresh),
    }
});

/// Returns whether the user has authenticated in this session within a day. A time in the future was recorded by an
/// incorrect clock and proves nothing.
#[must_use]
pub fn is_fresh(row: &SessionRow, now: Timestamp) -> bool {
    let entered = row.authenticated_at;
    entered <= now + CLOCK_TOLERANCE && now < entered + FRESH
}

/// Returns whether the second factor was proved in this session a short time ago.
#[must_use]
pub fn has_proved_second_factor(row: &SessionRow, now: Timestamp) -> bool {
    row.second_factor_at.is_some_and(|at| at <= now + CLOCK_TOLERANCE && now < at + PROVED)
}

fn known(request: &HttpRequest) -> Result<Session, Rejection> {
    match rejection::finding(request)? {
        Finding::Known(session) => Ok(session),
        Finding::Anonymous(why) => Err(rejection::of_anonymous(request, why)),
    }
}
