//! The OpenAPI document: generated from the handlers' documentation, from the access rules of their arguments,
//! and from the errors that follow from both. `security` and errors are never written by hand.

mod errors;
mod example;
mod references;

use std::collections::BTreeMap;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ComponentsBuilder, HeaderBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApi, Ref,
        RefOr, Response, ResponseBuilder, ServerBuilder,
        path::Operation,
        security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
        },
        tag::TagBuilder,
    },
};

use crate::{
    api::{tag, tokens},
    error::{Code, FieldError, Problem},
    gate::Access,
    operations::Operation as Row,
    product::Product,
    routes,
    scope::{GrantableScope, Scope},
};
use errors::{Call, Errors};
use example::Examples;

const COOKIE: &str = "cookie";
const BEARER: &str = "bearer";
const CHALLENGE: &str = "challenge";

/// The name of the response that redirects a browser to the login page.
const SIGN_IN: &str = "SIGN_IN";

const DESCRIPTION: &str = "\
Your first calls, in four steps on this page:

1. **Sign up**: open `POST /api/auth/sign-up/email` (in the group *auth*) and press *Execute*. The browser keeps the session cookie.
2. **Look**: `GET /api/me` shows who you are.
3. **Create a token**: `POST /api/tokens`. Copy `token` from the response; it is shown once.
4. **Authorize** with it (the button below), and every call on this page is made with the token until you log out there.

Two kinds of credential are accepted, and both resolve to the same session: the cookie for browsers, \
`Authorization: Bearer sk_live_…` for scripts. Where both are sent, the token decides; `Authorization` of another scheme, such as a proxy's Basic, is ignored. \
Errors are `application/problem+json` (RFC 9457); their `code` does not change, and their `type` leads to [its explanation](/docs/errors).";

/// The tags of this library, in the order of a first session; those of a product follow the first.
const TAGS: [(&str, &str); 5] = [
    (tag::ACCOUNT, "Who you are"),
    (tag::TOKENS, "API tokens for scripts"),
    (tag::AUTH, "Sign-up, sign-in and accounts, in the Better Auth protocol"),
    (tag::ADMIN, "For site admins"),
    (tag::HEALTH, "For load balancers"),
];

/// Returns the document of a product, for a server whose cookie has this name.
#[must_use]
pub fn document(product: &Product, cookie_name: &str) -> OpenApi {
    let rows: BTreeMap<&str, Row> = product.rows().into_iter().map(|row| (row.id, row)).collect();
    let mut document = product.documented();
    references::restore(&mut document);
    document.info =
        InfoBuilder::new()
            .title(product.title)
            .version(product.version)
            .description(Some(DESCRIPTION))
            .license(product.license.map(|license| {
                LicenseBuilder::new().name(license).identifier(Some(license)).build()
            }))
            .build();
    document.servers =
        Some(vec![ServerBuilder::new().url("/").description(Some("This server")).build()]);
    document.tags = Some(
        tags(product)
            .map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build())
            .collect(),
    );
    let mut components = ComponentsBuilder::from(document.components.take().unwrap_or_default())
        .schema(Problem::name(), Problem::schema())
        .schema(FieldError::name(), FieldError::schema())
        .schema(<Code as ToSchema>::name(), Code::schema_of(product.codes()))
        .schema(<GrantableScope as ToSchema>::name(), GrantableScope::schema_of(product.scopes()))
        .response(SIGN_IN, sign_in())
        .security_scheme(COOKIE, cookie_scheme(cookie_name))
        .security_scheme(BEARER, bearer_scheme())
        .security_scheme(CHALLENGE, challenge_scheme(cookie_name))
        .build();
    tokens::allow_scopes(&mut components, product.scopes().count());
    let examples = Examples::of(&components);
    let mut errors = Errors::default();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in routes::methods(item) {
            examples.show(operation);
            let id = operation.operation_id.as_deref().unwrap_or_default();
            if let Some(row) = rows.get(id) {
                describe(operation, &method, path, row, &mut errors);
            }
        }
    }
    errors.describe(&mut components);
    document.components = Some(components);
    document
}

/// Returns the document as text, as it is committed.
///
/// # Errors
/// When it cannot be serialized as JSON, which does not happen.
pub fn text(product: &Product, cookie_name: &str) -> Result<String, serde_json::Error> {
    document(product, cookie_name).to_pretty_json().map(|text| text + "\n")
}

fn tags(product: &Product) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (first, others) = TAGS.split_at(1);
    first.iter().copied().chain(product.tags()).chain(others.iter().copied())
}

fn cookie_scheme(name: &str) -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
        name,
        "The session cookie. Sign-up and sign-in set it, and the browser sends it by itself.",
    )))
}

fn challenge_scheme(session_cookie: &str) -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
        format!("{session_cookie}-challenge"),
        "A sign-in that waits for the second factor. Sign-in sets it for a user with two-factor authentication.".to_owned(),
    )))
}

fn bearer_scheme() -> SecurityScheme {
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("sk_live_…")
            .description(Some("An API token, as `POST /api/tokens` shows it once. Without one, the browser's session cookie is sent."))
            .build(),
    )
}

/// Adds to an operation who may call it, and which errors it can return.
fn describe(
    operation: &mut Operation,
    method: &HttpMethod,
    path: &str,
    row: &Row,
    errors: &mut Errors,
) {
    let (access, is_safe) = (row.access, is_safe(method));
    operation.security = Some(security(access, is_safe));
    let said =
        operation.description.take().into_iter().chain(requirements(access).map(str::to_owned));
    operation.description =
        Some(said.collect::<Vec<_>>().join("\n\n")).filter(|text| !text.is_empty());
    let responses = &mut operation.responses.responses;
    if access.required && is_safe {
        let sign_in = || RefOr::Ref(Ref::from_response_name(SIGN_IN));
        responses.entry("302".to_owned()).or_insert_with(sign_in);
    }
    responses.extend(errors.responses(&Call { access, path, is_safe }, &row.codes));
}

fn sign_in() -> Response {
    let header = HeaderBuilder::new().description(Some("The login page, with `next`")).build();
    ResponseBuilder::new()
        .description("Browser navigation without a session: a redirect to sign in")
        .header("Location", header)
        .build()
}

/// Returns the credentials that an operation accepts, with the scopes that each needs (OpenAPI 3.1 allows role
/// names for schemes other than OAuth). `{}` means that none is required, an empty list that none is read.
fn security(access: Access, safe: bool) -> Vec<SecurityRequirement> {
    let mut keys = Vec::new();
    if !access.gated {
        return keys;
    }
    if access.challenge {
        keys.push(SecurityRequirement::new(CHALLENGE, [""; 0]));
    } else if !access.required {
        keys.push(SecurityRequirement::default());
    }
    if access.cookie {
        let roles = access.admin.then_some(Scope::Admin.name());
        keys.push(SecurityRequirement::new(COOKIE, roles));
    }
    if access.token {
        let scopes = access.needs(Scope::of_method(safe));
        keys.push(SecurityRequirement::new(BEARER, scopes.names()));
    }
    keys
}

/// Returns the requirements that `security` cannot express.
fn requirements(access: Access) -> impl Iterator<Item = &'static str> {
    [
        (!access.token && access.required).then_some("Takes the session cookie, not a token."),
        access.challenge.then_some("A sign-in that waits for the second factor has a cookie of its own, which is accepted only here."),
        (!access.token && !access.required && !access.challenge).then_some("Call it without an API token."),
        (!access.cookie).then_some("Takes a token, not the session cookie."),
        access
            .fresh
            .then_some("By cookie, it needs a session in which the user has authenticated within a day."),
        (access.before_enrolment)
            .then_some("Open to a user who must set up two-factor authentication first."),
    ]
    .into_iter()
    .flatten()
}

pub(crate) fn is_safe(method: &HttpMethod) -> bool {
    matches!(method, HttpMethod::Get | HttpMethod::Head | HttpMethod::Options)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        gate::{DeclaresAccess, Session},
        scope,
    };

    scope!(Reports = "reports", "see reports");

    #[test]
    fn openapi_security_includes_the_own_scope_of_an_operation() {
        let access = <(Session, Reports)>::ACCESS;
        for (is_safe, scopes) in [(true, ["read", "reports"]), (false, ["write", "reports"])] {
            let declared = json!(security(access, is_safe));
            assert_eq!(declared, json!([{ "cookie": [] }, { "bearer": scopes }]));
        }
    }
}
