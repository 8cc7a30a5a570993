use actix_web::web::{self, Bytes, Data, Json, Path};
use uuid::Uuid;

use crate::{
    limits::Limit,
    scope::{Scope, Scopes},
};

/// The access rules of an operation, derived from the types of its handler's arguments.
///
/// The gate enforces this value and the OpenAPI document is generated from it, so the two cannot differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of its own")]
pub struct Access {
    /// Whether the gate resolves the caller.
    pub gated: bool,
    /// Whether the caller must be authenticated.
    pub required: bool,
    /// Whether the session cookie is accepted.
    pub cookie: bool,
    /// Whether an API token is accepted.
    pub token: bool,
    /// Whether the caller must be a site admin.
    pub admin: bool,
    /// The scopes that a token needs in addition to `read` or `write`: `admin`, and one of the product's own.
    pub scopes: Scopes,
    /// Whether a token is accepted regardless of its scopes.
    pub any_scope: bool,
    /// Whether a cookie's session must have had its password entered recently (re-authentication).
    pub fresh: bool,
    /// The format of the body.
    pub body: Body,
    /// The format of the query string.
    pub query: Query,
    /// Whether the path identifies a resource by its id.
    pub id: bool,
    /// Whether following the URL as a link has a one-time effect: HEAD, which must be safe, is not accepted.
    pub once: bool,
    /// The rate limit of its own, in addition to the one for all requests.
    pub limit: Option<Limit>,
    /// Whether the response may set the session cookie.
    pub sets_cookie: bool,
    /// Whether the cookie of a sign-in that waits for the second factor is accepted instead of a session's.
    pub challenge: bool,
    /// Whether it is open to a user who must set up two-factor authentication before anything else.
    pub before_enrolment: bool,
    /// Whether an argument is an extractor of actix-web, whose errors the OpenAPI document does not declare: an operation
    /// has none.
    pub undocumented: bool,
}

/// The format of an operation's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// No body is read.
    None,
    /// JSON by this API's own rules.
    Own,
    /// JSON by the rules of the Better Auth protocol.
    Protocol,
}

/// The format of an operation's query string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// No query string is read.
    None,
    /// Fields by this API's own rules.
    Own,
    /// Fields by the rules of the Better Auth protocol.
    Protocol,
}

impl Access {
    /// An argument that is unrelated to access.
    pub const UNGATED: Self = Self {
        gated: false,
        required: false,
        cookie: true,
        token: true,
        admin: false,
        scopes: Scopes::NONE,
        any_scope: false,
        fresh: false,
        body: Body::None,
        query: Query::None,
        id: false,
        once: false,
        limit: None,
        sets_cookie: false,
        challenge: false,
        before_enrolment: false,
        undocumented: false,
    };

    /// An extractor of actix-web, which is unrelated to access.
    const UNDOCUMENTED: Self = Self { undocumented: true, ..Self::UNGATED };

    /// Authentication is optional: anonymous callers are allowed, and the gate resolves the caller.
    pub const OPTIONAL_AUTH: Self = Self { gated: true, ..Self::UNGATED };

    /// Authentication is required.
    pub const REQUIRES_AUTH: Self = Self { required: true, ..Self::OPTIONAL_AUTH };

    /// Combines the requirements of two arguments. Two values of what there can be only one of do not compile,
    /// because routes evaluate this at compile time:
    ///
    /// ```compile_fail,E0080
    /// use portcullis::{gate::Access, limits::Limit};
    /// const SIGN_IN: Access = Access { limit: Some(Limit::SignIn), ..Access::UNGATED };
    /// const MAIL: Access = Access { limit: Some(Limit::Mail), ..Access::UNGATED };
    /// const BOTH: Access = SIGN_IN.and(MAIL);
    /// ```
    ///
    /// # Panics
    /// When both read a body, or both have a rate limit or a scope of their own.
    #[must_use]
    #[expect(clippy::panic, reason = "it is evaluated where it is compiled")]
    pub const fn and(self, other: Self) -> Self {
        Self {
            gated: self.gated || other.gated,
            required: self.required || other.required,
            cookie: self.cookie && other.cookie,
            token: self.token && other.token,
            admin: self.admin || other.admin,
            scopes: self.scopes.and(other.scopes),
            any_scope: self.any_scope || other.any_scope,
            fresh: self.fresh || other.fresh,
            body: match (self.body, other.body) {
                (Body::None, body) | (body, Body::None) => body,
                _ => panic!("a handler has one body: these arguments read two"),
            },
            query: match self.query {
                Query::None => other.query,
                own => own,
            },
            id: self.id || other.id,
            once: self.once || other.once,
            limit: match (self.limit, other.limit) {
                (None, limit) | (limit, None) => limit,
                _ => panic!("an operation has one limit of its own: these arguments say two"),
            },
            sets_cookie: self.sets_cookie || other.sets_cookie,
            challenge: self.challenge || other.challenge,
            before_enrolment: self.before_enrolment || other.before_enrolment,
            undocumented: self.undocumented || other.undocumented,
        }
    }

    /// Returns the scopes that a token needs here: none where tokens are not accepted, or where any scope will
    /// do.
    #[must_use]
    pub fn needs(self, method: Scope) -> Scopes {
        match self {
            Self { token: false, .. } | Self { any_scope: true, .. } => Scopes::NONE,
            _ => self.scopes.and(Scopes::one(method)),
        }
    }
}

/// A type of handler argument that declares its access requirements. There is no default: a new type does not
/// compile until its author has decided.
pub trait DeclaresAccess {
    /// The access requirements of this argument.
    const ACCESS: Access;
}

impl<T> DeclaresAccess for Data<T> {
    const ACCESS: Access = Access::UNGATED;
}

/// An unparsable id results in 404.
impl DeclaresAccess for Path<Uuid> {
    const ACCESS: Access = Access { id: true, ..Access::UNGATED };
}

impl DeclaresAccess for Path<String> {
    const ACCESS: Access = Access::UNGATED;
}

impl DeclaresAccess for actix_web::HttpRequest {
    const ACCESS: Access = Access::UNGATED;
}

impl DeclaresAccess for () {
    const ACCESS: Access = Access::UNGATED;
}

impl<T> DeclaresAccess for Json<T> {
    const ACCESS: Access = Access::UNDOCUMENTED;
}

impl<T> DeclaresAccess for web::Query<T> {
    const ACCESS: Access = Access::UNDOCUMENTED;
}

impl<A, B> DeclaresAccess for Path<(A, B)> {
    const ACCESS: Access = Access::UNDOCUMENTED;
}

macro_rules! undocumented {
    ($($argument:ty),+) => {
        $(impl DeclaresAccess for $argument {
            const ACCESS: Access = Access::UNDOCUMENTED;
        })+
    };
}

undocumented! { Path<i32>, Path<i64>, Path<u32>, Path<u64>, Bytes, String }

macro_rules! arguments {
    ($($argument:ident)+) => {
        impl<$($argument: DeclaresAccess),+> DeclaresAccess for ($($argument,)+) {
            const ACCESS: Access = Access::UNGATED$(.and($argument::ACCESS))+;
        }
    };
}

arguments! { A }
arguments! { A B }
arguments! { A B C }
arguments! { A B C D }
arguments! { A B C D E }
arguments! { A B C D E F }
arguments! { A B C D E F G }
arguments! { A B C D E F G H }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gate::{ByCookie, Session},
        scope,
    };

    scope!(Reports = "reports", "see reports");

    #[test]
    fn combined_access_keeps_all_requirements() {
        let all = Access {
            gated: true,
            required: true,
            cookie: false,
            token: false,
            admin: true,
            scopes: Scopes::one(Scope::Admin),
            any_scope: true,
            fresh: true,
            body: Body::Own,
            query: Query::Own,
            id: true,
            once: true,
            limit: Some(Limit::SignIn),
            sets_cookie: true,
            challenge: true,
            before_enrolment: true,
            undocumented: true,
        };
        assert_eq!(Access::UNGATED.and(all), all);
        assert_eq!(all.and(Access::UNGATED), all);
        assert_eq!(Access::UNGATED.and(Access::UNGATED), Access::UNGATED);
    }

    #[test]
    #[should_panic(expected = "one limit of its own")]
    fn two_rate_limits_in_one_signature_are_rejected() {
        let limited = |limit| Access { limit: Some(limit), ..Access::UNGATED };
        let _ = limited(Limit::SignIn).and(limited(Limit::Mail));
    }

    #[test]
    #[should_panic(expected = "one body")]
    fn two_bodies_in_one_signature_are_rejected() {
        let own = Access { body: Body::Own, ..Access::UNGATED };
        let _ = own.and(Access { body: Body::Protocol, ..Access::UNGATED });
    }

    #[test]
    fn operation_requires_the_scope_of_its_method_and_its_own() {
        let access = <(Session, Reports)>::ACCESS;
        assert_eq!(access.needs(Scope::Write).to_text(), "write reports");
        assert_eq!(Session::ACCESS.needs(Scope::Write).to_text(), "write");
        assert_eq!(access.and(ByCookie::ACCESS).needs(Scope::Write), Scopes::NONE);
    }

    #[test]
    fn optional_and_required_authentication_are_gated() {
        assert_eq!(Access::OPTIONAL_AUTH, Access { gated: true, ..Access::UNGATED });
        assert_eq!(
            Access::REQUIRES_AUTH,
            Access { gated: true, required: true, ..Access::UNGATED }
        );
    }
}
