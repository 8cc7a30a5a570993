//! The document as a contract: it must declare the status and the code of every response of an operation that
//! any test receives.

use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;

/// The document, as the program writes it.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = portcullis::openapi::text(&super::product(), "portcullis").unwrap();
    serde_json::from_str(&text).unwrap()
});

/// Returns the operation that serves a request: its id, and its responses.
fn operation(method: &Method, path: &str) -> Option<(&'static str, &'static Value)> {
    // An operation with GET also responds to HEAD.
    let method = if *method == Method::HEAD { "get" } else { &method.as_str().to_lowercase() };
    let segments: Vec<&str> = path.split('/').collect();
    let serves = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        let fits = |(part, segment): (&&str, &&str)| {
            if part.starts_with('{') { !segment.is_empty() } else { part == segment }
        };
        parts.len() == segments.len() && parts.iter().zip(&segments).all(fits)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let found = paths.filter(|(template, item)| serves(template) && item.get(method).is_some());
    // /tokens/current takes precedence over /tokens/{id}.
    let (_, item) = found.min_by_key(|(template, _)| template.matches('{').count())?;
    Some((item[method]["operationId"].as_str().unwrap(), &item[method]["responses"]))
}

/// Resolves a reference in the document, if the value is one.
pub fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(reference) = value.get("$ref") else { return value };
    document.pointer(reference.as_str().unwrap().trim_start_matches('#')).unwrap()
}

/// Returns the problems that a response of a document has as examples.
pub fn problems<'a>(document: &'a Value, response: &'a Value) -> Vec<&'a Value> {
    let response = resolve(document, response);
    let examples = response["content"]["application/problem+json"]["examples"].as_object();
    let all = examples.into_iter().flat_map(|examples| examples.values());
    all.map(|example| &resolve(document, example)["value"]).collect()
}

/// Returns what the document does not declare about a response. Paths without an operation declare nothing.
pub fn undeclared(method: &Method, path: &str, status: u16, code: Option<&str>) -> Option<String> {
    let (id, responses) = operation(method, path)?;
    // The response to a method that the path does not support.
    if status == 405 {
        return None;
    }
    let Some(response) = responses.get(status.to_string()) else {
        return Some(format!("{id} does not declare {status} {}", code.unwrap_or_default()));
    };
    let code = code?;
    let declared = problems(&DOCUMENT, response).iter().any(|problem| problem["code"] == code);
    (!declared).then(|| format!("{id} does not declare {status} {code}: see src/routes.rs"))
}

#[test]
fn undeclared_response_is_reported() {
    let cases = [
        ("GET", "/api/tokens/x", 200, None, true),
        ("GET", "/api/tokens/x", 404, Some("not_found"), true),
        ("HEAD", "/api/tokens/x", 404, None, true),
        ("GET", "/api/tokens/x", 404, Some("INVALID_TOKEN"), false),
        ("GET", "/api/tokens/x", 201, None, false),
        ("GET", "/api/tokens", 404, Some("not_found"), false),
        ("DELETE", "/api/tokens/current", 403, Some("token_required"), true),
        ("DELETE", "/api/tokens/x", 403, Some("token_required"), false),
        ("PATCH", "/api/admin/users/x", 409, Some("last_admin"), true),
        ("PATCH", "/api/admin/users/x", 409, Some("email_taken"), false),
        ("POST", "/api/auth/reset-password", 400, Some("INVALID_TOKEN"), true),
        ("POST", "/api/auth/reset-password", 401, Some("INVALID_TOKEN"), false),
        ("GET", "/nothing/of/the/document", 418, None, true),
    ];
    for (method, path, status, code, is_declared) in cases {
        let said = undeclared(&method.parse().unwrap(), path, status, code);
        assert_eq!(said.is_none(), is_declared, "{method} {path} {status} {code:?}: {said:?}");
    }
}
