//! The errors of an operation: the codes that it can return, and an example of each.
//!
//! Most codes follow from the operation's [`Access`]; the others are listed in the route table. The tests
//! compare this with the responses of a running server.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::StatusCode;
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{
        Components, ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder,
        example::{Example, ExampleBuilder},
    },
};

use crate::{
    api::health,
    error::{Code, Error, FieldError, MEDIA_TYPE, Problem},
    gate::{Access, Body, Query},
    scope::{Scope, Scopes},
};

/// The properties from which an operation's codes follow.
pub(super) struct Call<'a> {
    pub access: Access,
    pub path: &'a str,
    pub is_safe: bool,
}

impl Call<'_> {
    /// Returns the scopes that a token needs for it.
    fn scopes(&self) -> Scopes {
        self.access.needs(Scope::of_method(self.is_safe))
    }
}

/// A condition on calls, and the codes that such calls can return.
type Rule = (fn(&Call<'_>) -> bool, &'static [Code]);

/// The codes that calls can return regardless of their handlers.
#[rustfmt::skip]
const RULES: [Rule; 17] = [
    (|_| true, &[Code::Internal]),
    (|call| call.access.gated, &[Code::StoreUnavailable]),
    (|call| !health::PATHS.contains(&call.path), &[Code::TooManyRequests]),
    (|call| call.access.required, &[Code::Unauthorized, Code::AccessSuspended, Code::TokenMalformed, Code::TokenExpired, Code::TokenInvalid]),
    (|call| call.access.gated && !call.is_safe, &[Code::InvalidOrigin, Code::MissingOrNullOrigin, Code::CrossSiteNavigation]),
    (|call| call.access.gated && call.scopes() != Scopes::default(), &[Code::InsufficientScope]),
    (|call| !call.access.token, &[Code::CookieRequired]),
    (|call| !call.access.cookie, &[Code::TokenRequired]),
    (|call| call.access.admin, &[Code::AdminRequired]),
    (|call| call.access.fresh, &[Code::SessionNotFresh]),
    (|call| call.access.required && !call.access.before_enrolment, &[Code::TwoFactorEnrolmentRequired]),
    (|call| call.access.id, &[Code::NotFound]),
    (|call| call.access.body != Body::None, &[Code::BadRequest, Code::RequestTimeout, Code::PayloadTooLarge, Code::UnsupportedMediaType]),
    (|call| call.access.body == Body::Own, &[Code::ValidationFailed]),
    (|call| call.access.body == Body::Protocol, &[Code::ProtocolValidation]),
    (|call| call.access.query == Query::Own, &[Code::InvalidQuery]),
    (|call| call.access.query == Query::Protocol, &[Code::ProtocolValidation]),
];

/// The errors of all operations, each described once.
#[derive(Default)]
pub(super) struct Errors {
    single: BTreeSet<Code>,
    all: BTreeSet<Code>,
}

impl Errors {
    /// Returns the error responses of an operation by status; `own` are the codes of its handler.
    pub(super) fn responses(
        &mut self,
        call: &Call<'_>,
        own: &[Code],
    ) -> BTreeMap<String, RefOr<Response>> {
        let implied =
            RULES.iter().filter(|(applies, _)| applies(call)).flat_map(|(_, codes)| *codes);
        let codes: BTreeSet<Code> = implied.chain(own).copied().collect();
        let mut by_status: BTreeMap<StatusCode, Vec<Code>> = BTreeMap::new();
        for code in &codes {
            by_status.entry(code.status()).or_default().push(*code);
        }
        self.all.extend(codes);
        let documented = |(status, codes): (StatusCode, Vec<Code>)| {
            let response = match *codes {
                [code] => {
                    self.single.insert(code);
                    RefOr::Ref(Ref::from_response_name(code.constant()))
                }
                _ => RefOr::T(response(&codes)),
            };
            (status.as_str().to_owned(), response)
        };
        by_status.into_iter().map(documented).collect()
    }

    /// Adds the components to which the responses refer: responses with a single code, and an example of each
    /// code.
    pub(super) fn describe(self, components: &mut Components) {
        for code in self.single {
            components.responses.insert(code.constant().to_owned(), response(&[code]).into());
        }
        for code in self.all {
            let example = ExampleBuilder::new().summary(code.message()).value(Some(example(code)));
            components.examples.insert(code.constant().to_owned(), example.into());
        }
    }
}

/// Returns a response with one of these codes, which have the same status.
fn response(codes: &[Code]) -> Response {
    let lines = codes.iter().map(|code| format!("- `{}`: {}", code.name(), code.message()));
    let example = |code: &Code| {
        let name = code.constant();
        (name, RefOr::Ref::<Example>(Ref::new(format!("#/components/examples/{name}"))))
    };
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(Problem::name())))
        .examples_from_iter(codes.iter().map(example));
    let response = ResponseBuilder::new()
        .description(lines.collect::<Vec<_>>().join("\n"))
        .content(MEDIA_TYPE, content.build());
    match codes.first().and_then(|code| header(code.status())) {
        Some((name, text)) => {
            response.header(name, HeaderBuilder::new().description(Some(text)).build()).build()
        }
        None => response.build(),
    }
}

/// Returns the header that accompanies errors with this status.
fn header(status: StatusCode) -> Option<(&'static str, &'static str)> {
    match status {
        StatusCode::UNAUTHORIZED => Some(("WWW-Authenticate", "RFC 6750, 3")),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Some(("Retry-After", "After how many seconds to try again"))
        }
        _ => None,
    }
}

/// Returns a sample response body with this code.
fn example(code: Code) -> Value {
    let field = |name: &str, message: &'static str| {
        vec![FieldError { field: name.to_owned(), code: "invalid".into(), message: message.into() }]
    };
    let error: Error = match code {
        Code::ValidationFailed => code.on(field("name", "is required")),
        Code::ProtocolValidation => {
            code.on(field("email", "is required")).saying("[body.email] is required".to_owned())
        }
        Code::InvalidQuery => code.on(field("limit", "must be 1 to 100")),
        Code::InsufficientScope => Error::lacks([Scope::Write].into_iter().collect()),
        Code::TooManyRequests => Error::too_many(30),
        _ => code.into(),
    };
    let mut body = json!(error.problem());
    body["requestId"] = json!("019ab000-0000-7000-8000-000000000000");
    body
}
