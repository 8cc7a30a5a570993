use actix_web::web::{Data, Path};
use uuid::Uuid;

use crate::{
    limits::Limit,
    scope::{Scope, Scopes},
};

/// Who may call an operation, read off the arguments of its handler.
///
/// The gate enforces it and the OpenAPI document declares it, both from this one value, so that the
/// two cannot differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of its own")]
pub struct Access {
    /// Whether the gate is asked at all.
    pub gated: bool,
    /// Whether only somebody may call, or anybody.
    pub required: bool,
    /// Whether the session cookie opens it.
    pub cookie: bool,
    /// Whether a token opens it.
    pub token: bool,
    /// Whether only site admins may call.
    pub admin: bool,
    /// The scopes that a token needs besides `read` or `write`.
    pub scopes: Scopes,
    /// Whether a token opens it whatever its scopes.
    pub any_scope: bool,
    /// Whether a cookie must belong to a session whose password was entered lately.
    pub fresh: bool,
    /// What is taken as a body.
    pub body: Body,
    /// What is taken as a query string.
    pub query: Query,
    /// Whether the path names a thing by its id.
    pub id: bool,
    /// Whether following it as a link does something, once: HEAD, which must not, is not taken.
    pub once: bool,
    /// What is counted of it, besides that it is a request.
    pub limit: Option<Limit>,
    /// Whether its answer may set the session cookie.
    pub sets_cookie: bool,
}

/// What an operation takes as a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing is read.
    None,
    /// JSON by our own rules.
    Own,
    /// JSON by the rules of the Better Auth protocol.
    Protocol,
}

/// What an operation takes as a query string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// Nothing is read.
    None,
    /// Fields by our own rules.
    Own,
    /// Fields by the rules of the Better Auth protocol.
    Protocol,
}

impl Access {
    /// An argument that says nothing about who may call.
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
    };

    /// Anybody, but the gate is asked who it is.
    pub const OPTIONAL_AUTH: Self = Self { gated: true, ..Self::UNGATED };

    /// Somebody.
    pub const REQUIRES_AUTH: Self = Self { required: true, ..Self::OPTIONAL_AUTH };

    /// What two arguments demand together. Of what there can be only one of, two do not compile, since a route asks
    /// for this where it is compiled:
    ///
    /// ```compile_fail,E0080
    /// use portcullis::{gate::Access, limits::Limit};
    /// const SIGN_IN: Access = Access { limit: Some(Limit::SignIn), ..Access::UNGATED };
    /// const MAIL: Access = Access { limit: Some(Limit::Mail), ..Access::UNGATED };
    /// const BOTH: Access = SIGN_IN.and(MAIL);
    /// ```
    ///
    /// # Panics
    /// When both read a body, or both have a limit of their own.
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
        }
    }

    /// The scopes that a token needs here; none where it is not taken, or whatever it has will do.
    #[must_use]
    pub fn needs(self, method: Scope) -> Scopes {
        match self {
            Self { token: false, .. } | Self { any_scope: true, .. } => Scopes::NONE,
            _ => self.scopes.and(Scopes::one(method)),
        }
    }
}

/// An argument of a handler, saying what it means for who may call. There is no default: a new kind
/// of argument does not compile until somebody has thought about it.
pub trait Declares {
    /// What this argument demands.
    const ACCESS: Access;
}

impl<T> Declares for Data<T> {
    const ACCESS: Access = Access::UNGATED;
}

/// An id that names nothing is 404.
impl Declares for Path<Uuid> {
    const ACCESS: Access = Access { id: true, ..Access::UNGATED };
}

impl Declares for Path<String> {
    const ACCESS: Access = Access::UNGATED;
}

impl Declares for actix_web::HttpRequest {
    const ACCESS: Access = Access::UNGATED;
}

impl Declares for () {
    const ACCESS: Access = Access::UNGATED;
}

macro_rules! arguments {
    ($($argument:ident)+) => {
        impl<$($argument: Declares),+> Declares for ($($argument,)+) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{ByCookie, Needs, Session};

    #[test]
    fn arguments_demand_together_what_any_demands_and_take_what_all_take() {
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
        };
        assert_eq!(Access::UNGATED.and(all), all);
        assert_eq!(all.and(Access::UNGATED), all);
        assert_eq!(Access::UNGATED.and(Access::UNGATED), Access::UNGATED);
    }

    #[test]
    #[should_panic(expected = "one limit of its own")]
    fn two_limits_in_one_signature_do_not_compile() {
        let limited = |limit| Access { limit: Some(limit), ..Access::UNGATED };
        let _ = limited(Limit::SignIn).and(limited(Limit::Mail));
    }

    #[test]
    #[should_panic(expected = "one body")]
    fn two_bodies_in_one_signature_do_not_compile() {
        let own = Access { body: Body::Own, ..Access::UNGATED };
        let _ = own.and(Access { body: Body::Protocol, ..Access::UNGATED });
    }

    #[test]
    fn an_operation_needs_the_scope_of_its_method_and_those_of_its_own() {
        let access = <(Session, Needs<{ Scope::Admin as u8 }>)>::ACCESS;
        assert_eq!(access.needs(Scope::Write).to_text(), "write admin");
        assert_eq!(Session::ACCESS.needs(Scope::Write).to_text(), "write");
        assert_eq!(access.and(ByCookie::ACCESS).needs(Scope::Write), Scopes::NONE);
    }

    #[test]
    fn somebody_is_found_by_the_gate_and_so_is_anybody() {
        assert_eq!(Access::OPTIONAL_AUTH, Access { gated: true, ..Access::UNGATED });
        assert_eq!(
            Access::REQUIRES_AUTH,
            Access { gated: true, required: true, ..Access::UNGATED }
        );
    }
}
