//! The OpenAPI document: what the handlers say of themselves, and what their arguments say of who
//! may call. Nobody writes `security` or a shared error by hand.

use std::collections::BTreeMap;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, ComponentsBuilder, Content, HttpMethod, InfoBuilder, LicenseBuilder, OpenApi,
        Ref, RefOr, Response, ResponseBuilder, Schema, ServerBuilder,
        path::Operation,
        security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
        },
        tag::TagBuilder,
    },
};

use crate::{
    api::{health, tag},
    error::{Code, FieldError, MEDIA_TYPE, Problem},
    gate::{Access, Body},
    routes,
    scope::Scope,
};

const COOKIE: &str = "cookie";
const BEARER: &str = "bearer";

const DESCRIPTION: &str = "\
Your first call, in four steps on this page:

1. **Sign up**: `POST /api/auth/sign-up/email`, *Try it out*, *Execute*. The browser keeps the session cookie.
2. **Look**: `GET /api/me` shows who you are.
3. **Mint a token**: `POST /api/tokens`. Copy `token` from the answer; it is shown once.
4. **Authorize** with it (the button below, box *bearer*), and every call on this page is made by the token, until you log out there.

Two keys open the gate, and both resolve to the same session: the cookie for browsers, \
`Authorization: Bearer sk_live_…` for scripts. Where both are sent, the token decides; `Authorization` of another scheme, such as a proxy's Basic, is ignored. \
Errors are `application/problem+json` (RFC 9457); their `code` does not change.";

const TAGS: [(&str, &str); 6] = [
    (tag::AUTH, "An account's whole life, in the Better Auth protocol"),
    (tag::ACCOUNT, "Whoever asks"),
    (tag::PROJECTS, "A resource that belongs to a user: the example to copy"),
    (tag::TOKENS, "API tokens for scripts"),
    (tag::ADMIN, "For site admins"),
    (tag::HEALTH, "For load balancers"),
];

/// The document, for a server whose cookie has this name.
#[must_use]
pub fn document(cookie_name: &str) -> OpenApi {
    let access: BTreeMap<&str, Access> =
        routes::operations().into_iter().map(|row| (row.id, row.access)).collect();
    let mut document = routes::documented();
    document.info = InfoBuilder::new()
        .title("Portcullis")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(
            LicenseBuilder::new()
                .name("MIT OR Apache-2.0")
                .identifier(Some("MIT OR Apache-2.0"))
                .build(),
        ))
        .build();
    document.servers =
        Some(vec![ServerBuilder::new().url("/").description(Some("This server")).build()]);
    document.tags = Some(
        TAGS.iter()
            .map(|(name, text)| TagBuilder::new().name(*name).description(Some(*text)).build())
            .collect(),
    );
    let mut components = ComponentsBuilder::from(document.components.take().unwrap_or_default())
        .schema(Problem::name(), Problem::schema())
        .schema(FieldError::name(), FieldError::schema())
        .schema("Code", Code::schema())
        .security_scheme(COOKIE, cookie_scheme(cookie_name))
        .security_scheme(BEARER, bearer_scheme());
    for (name, response) in Shared::ALL.map(|shared| (shared.name, shared.response())) {
        components = components.response(name, response);
    }
    let components = components.build();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in routes::methods(item) {
            show_example(operation, &components);
            let id = operation.operation_id.as_deref().unwrap_or_default();
            if let Some(access) = access.get(id) {
                describe(operation, &method, path, *access);
            }
        }
    }
    document.components = Some(components);
    document
}

/// A body's example stands with its type; where it is sent, a client's tools look for it too.
fn show_example(operation: &mut Operation, components: &Components) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::Ref(reference)) = &content.schema else { continue };
        let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
        if let Some(RefOr::T(Schema::Object(schema))) = components.schemas.get(name) {
            content.example.clone_from(&schema.example);
        }
    }
}

/// The document as text, as it is committed.
///
/// # Errors
/// When it cannot be written as JSON, which does not happen.
pub fn text(cookie_name: &str) -> Result<String, serde_json::Error> {
    document(cookie_name).to_pretty_json().map(|text| text + "\n")
}

fn cookie_scheme(name: &str) -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
        name,
        "The session cookie. Sign-up and sign-in set it and your browser sends it by itself: leave this box empty.",
    )))
}

fn bearer_scheme() -> SecurityScheme {
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("sk_live_…")
            .description(Some("An API token, as `POST /api/tokens` shows it once."))
            .build(),
    )
}

/// Says of an operation who may call it, and which errors it shares with others.
fn describe(operation: &mut Operation, method: &HttpMethod, path: &str, access: Access) {
    operation.security = Some(security(access, is_safe(method)));
    let said = operation.description.take().into_iter().chain(demands(access).map(str::to_owned));
    operation.description =
        Some(said.collect::<Vec<_>>().join("\n\n")).filter(|text| !text.is_empty());
    for shared in
        Shared::ALL.iter().filter(|shared| (shared.applies)(access, path, is_safe(method)))
    {
        operation
            .responses
            .responses
            .entry(shared.status.to_owned())
            .or_insert_with(|| RefOr::Ref(Ref::from_response_name(shared.name)));
    }
}

/// The keys that open an operation, with the roles that each needs (OpenAPI 3.1 allows role names
/// for schemes other than OAuth). `{}` says that none is needed, an empty list that none is read.
fn security(access: Access, safe: bool) -> Vec<SecurityRequirement> {
    let mut keys = Vec::new();
    if !access.gated {
        return keys;
    }
    if !access.required {
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

/// What `security` has no words for.
fn demands(access: Access) -> impl Iterator<Item = &'static str> {
    [
        (!access.token).then_some("Takes the session cookie, not a token."),
        (!access.cookie).then_some("Takes a token, not the session cookie."),
        access
            .fresh
            .then_some("By cookie, it needs a session whose password was entered within a day."),
    ]
    .into_iter()
    .flatten()
}

fn is_safe(method: &HttpMethod) -> bool {
    matches!(method, HttpMethod::Get | HttpMethod::Head | HttpMethod::Options)
}

/// An error that many operations share: when, and in what words.
struct Shared {
    status: &'static str,
    name: &'static str,
    text: &'static str,
    header: Option<(&'static str, &'static str)>,
    applies: fn(Access, &str, bool) -> bool,
}

impl Shared {
    const ALL: [Self; 11] = [
        Self {
            status: "302",
            name: "SignIn",
            text: "A browser's navigation by nobody: sign in there first",
            header: Some(("Location", "The login page, with `next`")),
            applies: |access, _, safe| access.required && safe,
        },
        Self {
            status: "400",
            name: "BadRequest",
            text: "The body or the query string cannot be read",
            header: None,
            applies: |access, _, _| access.body != Body::None || access.query,
        },
        Self {
            status: "401",
            name: "Unauthorized",
            text: "No live key was presented; for a bad token, `code` says what is wrong with it",
            header: Some(("WWW-Authenticate", "RFC 6750, 3")),
            applies: |access, _, _| access.required,
        },
        Self {
            status: "403",
            name: "Forbidden",
            text: "This key, this user or this page may not: `code` says why",
            header: None,
            applies: |access, _, _| access.gated,
        },
        Self {
            status: "404",
            name: "NotFound",
            text: "It is not there, or not yours to know about",
            header: None,
            applies: |_, path, _| path.contains('{'),
        },
        Self {
            status: "429",
            name: "TooManyRequests",
            text: "This address, or this account, has asked too often",
            header: Some(("Retry-After", "After how many seconds to try again")),
            applies: |_, path, _| !health::PATHS.contains(&path),
        },
        Self {
            status: "408",
            name: "RequestTimeout",
            text: "The body took longer than ten seconds to come",
            header: None,
            applies: |access, _, _| access.body != Body::None,
        },
        Self {
            status: "413",
            name: "PayloadTooLarge",
            text: "The body is larger than 64 KiB",
            header: None,
            applies: |access, _, _| access.body != Body::None,
        },
        Self {
            status: "415",
            name: "UnsupportedMediaType",
            text: "The body is not application/json",
            header: None,
            applies: |access, _, _| access.body != Body::None,
        },
        Self {
            status: "422",
            name: "ValidationFailed",
            text: "Some fields are not valid: `errors` says which",
            header: None,
            applies: |access, _, _| access.body == Body::Own,
        },
        Self {
            status: "503",
            name: "Unavailable",
            text: "The database cannot answer just now. Nobody is signed out by it",
            header: Some(("Retry-After", "In how many seconds to try again")),
            applies: |access, _, _| access.gated,
        },
    ];

    fn response(&self) -> Response {
        let mut response = ResponseBuilder::new().description(self.text);
        if self.status != "302" {
            response = response
                .content(MEDIA_TYPE, Content::new(Some(Ref::from_schema_name(Problem::name()))));
        }
        if let Some((name, text)) = self.header {
            let header = utoipa::openapi::HeaderBuilder::new().description(Some(text)).build();
            response = response.header(name, header);
        }
        response.build()
    }
}
