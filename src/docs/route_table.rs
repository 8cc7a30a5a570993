//! The table of routes as Markdown: who may call each, from the [`Access`] that the gate enforces.

use std::fmt::Write;

use actix_web::http::Method;

use crate::{
    gate::Access, limits::Limit, name::in_text, openapi, operations::Operation, product::Product,
    routes, scope::Scope,
};

/// An operation with its method and path.
struct Route {
    method: Method,
    path: String,
    /// The scope that a token needs for this method.
    scope: Scope,
    operation: Operation,
}

/// Every operation of a product, in the order of its tables of routes.
fn routes(product: &Product) -> Vec<Route> {
    let mut paths = product.documented().paths.paths;
    let mut places = Vec::new();
    for (path, item) in &mut paths {
        for (method, documented) in routes::methods(item) {
            places.push((documented.operation_id.clone(), method, path.clone()));
        }
    }
    let place = |operation: Operation| {
        let (_, method, path) =
            places.iter().find(|(id, ..)| id.as_deref() == Some(operation.id))?;
        let scope = Scope::of_method(openapi::is_safe(method));
        Some(Route { method: routes::actix_method(method), path: path.clone(), scope, operation })
    };
    product.rows().into_iter().filter_map(place).collect()
}

const HEAD: &str = "\
# Routes

Every route of the server, and which credentials it accepts. The list is derived from the arguments of the handlers, the same values that the gate enforces and that `security` in the OpenAPI document declares. `portcullis routes` prints this file; `just reference` writes it.

- **Cookie**, **Token**: `yes` if the session cookie or an API token is accepted, `no` if it is rejected with 403, `optional` if the route also works without a credential.
- **Admin**: `yes` if the user must have the role `admin`; anyone else gets 403 `admin_required`.
- **Fresh**: `yes` if the user must have authenticated within a day in a cookie's session; otherwise 403 `SESSION_NOT_FRESH`. It does not apply to tokens.
- **Scope**: what a token needs; `any` means that its scopes do not matter.
- **Rate limit**: the setting of the route's own limit. `PORTCULLIS_LIMIT_REQUESTS` counts every request as well, except for the two health probes.
- **Handler**: the operation id in the OpenAPI document and the name of the function, with a link to its file.

A `GET` route also answers `HEAD`, except for the links that act when they are followed.
";

const COLUMNS: &str = "
| Method | Path | Cookie | Token | Admin | Fresh | Scope | Rate limit | Handler |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

type Part = (&'static str, fn(Access) -> bool);

const PARTS: [Part; 3] = [
    ("Routes that accept API tokens", |access| access.gated && access.token),
    ("Routes that reject API tokens", |access| access.gated && !access.token),
    ("Routes that read no credential", |access| !access.gated),
];

const PAGES: &str = "
## Pages

HTML pages, all `GET`, which `PORTCULLIS_PAGES=off` removes. A browser without a session is redirected to the sign-in page where the cookie is required.

| Path | Cookie | Token | Admin | Scope |
| --- | --- | --- | --- | --- |
";

const OTHERS: &str = "
## Documents and assets

`/openapi.json`, `/docs/` and the files below it, `/docs/errors`, `/assets/{name}`, `/assets/{component}/{name}` and the redirect at `/` read no credential. `PORTCULLIS_DOCS=off` removes the first two.
";

/// The table as Markdown, as it is committed.
#[must_use]
pub fn markdown(product: &Product) -> String {
    let mut text = HEAD.to_owned();
    let routes = routes(product);
    for (title, belongs) in PARTS {
        let _ = write!(text, "\n## {title}\n{COLUMNS}");
        for route in routes.iter().filter(|route| belongs(route.operation.access)) {
            let _ = writeln!(text, "{}", row(route));
        }
    }
    text.push_str(PAGES);
    #[cfg(feature = "pages")]
    for (path, access) in product.pages() {
        let [cookie, token, admin, scope] = [
            accepted(access, access.cookie).to_owned(),
            accepted(access, access.token).to_owned(),
            yes(access.admin).to_owned(),
            scopes(access, Scope::Read),
        ];
        let _ = writeln!(text, "| `{path}` | {cookie} | {token} | {admin} | {scope} |");
    }
    in_text(&(text + OTHERS)).into_owned()
}

fn row(route: &Route) -> String {
    let Route { method, path, scope, operation } = route;
    let access = operation.access;
    let handler = format!("[`{}`](../../{})", operation.id, operation.file());
    let cells = [
        accepted(access, access.cookie).to_owned(),
        accepted(access, access.token).to_owned(),
        yes(access.admin).to_owned(),
        yes(access.fresh).to_owned(),
        scopes(access, *scope),
        access.limit.map(setting).unwrap_or_default(),
        handler,
    ];
    format!("| {method} | `{path}` | {} |", cells.join(" | "))
}

/// Whether a credential is accepted.
fn accepted(access: Access, accepted: bool) -> &'static str {
    match (access.gated, accepted, access.required) {
        (false, ..) => "",
        (true, false, _) => "no",
        (true, true, true) => "yes",
        (true, true, false) => "optional",
    }
}

fn yes(demanded: bool) -> &'static str {
    if demanded { "yes" } else { "" }
}

/// The scopes that a token needs.
fn scopes(access: Access, method: Scope) -> String {
    match access {
        Access { gated: false, .. } | Access { token: false, .. } => String::new(),
        Access { any_scope: true, .. } => "any".to_owned(),
        _ => access
            .needs(method)
            .names()
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// The setting of a limit.
fn setting(limit: Limit) -> String {
    format!("`PORTCULLIS_LIMIT_{}`", limit.name().replace('-', "_").to_uppercase())
}
