//! The OpenAPI document and Swagger UI.

use std::collections::BTreeSet;

use crate::{access::operations, support::*};

const COMMITTED: &str = include_str!("../../openapi/openapi.json");

fn committed() -> Value {
    serde_json::from_str(COMMITTED).unwrap()
}

#[test]
fn the_committed_document_is_what_the_routes_say() {
    let text = portcullis::openapi::text(portcullis::gate::cookie::name(false)).unwrap();
    assert!(text == COMMITTED, "openapi/openapi.json has drifted: `just openapi` writes it anew");
}

#[apply(both)]
async fn the_served_document_differs_in_the_cookies_name_alone(backend: Backend) {
    let server = backend.start().await;
    assert_eq!(server.nobody.get("/openapi.json").await.expect(200), committed());
    let server = backend.start_with(&["--public-url", "https://example.com"]).await;
    let mut served = server.nobody.get("/openapi.json").await.expect(200);
    let name = &mut served["components"]["securitySchemes"]["cookie"]["name"];
    assert_eq!(*name, "__Host-portcullis");
    *name = json!("portcullis");
    assert_eq!(served, committed());
}

#[test]
fn every_operation_is_described() {
    let document = committed();
    assert_eq!(document["openapi"], "3.1.0");
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for operation in operations(&document) {
        assert!(ids.insert(operation.id), "{} names two operations", operation.id);
        assert!(
            operation.value["summary"].as_str().is_some_and(|text| !text.ends_with('.')),
            "{}",
            operation.id
        );
        let tag = operation.value["tags"][0].as_str().unwrap();
        assert!(tags.contains(tag), "{tag} is not described");
        assert!(operation.value["security"].is_array(), "{}", operation.id);
        let success = operation.success();
        let response = &operation.value["responses"][success.to_string()];
        assert_eq!(
            response["content"]["application/json"]["schema"].is_object(),
            ![204, 302].contains(&success),
            "{}",
            operation.id
        );
        let _ = operation.example();
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = committed();
    let mut seen = 0;
    for reference in references(&document) {
        let target = document.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some(), "{reference}");
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, inner)| match inner.as_str() {
                Some(target) if name == "$ref" => vec![target],
                _ => references(inner),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => vec![],
    }
}

#[apply(both)]
async fn swagger_ui_comes_from_the_binary_alone(backend: Backend) {
    let server = backend.start().await;
    let page = server.nobody.get("/docs/").await;
    assert_eq!(page.status, 200);
    let mut files: Vec<&str> = page
        .text
        .split(['"', '\''])
        .filter(|text| text.starts_with("./") || text.ends_with(".css"))
        .collect();
    files.dedup();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let reply = server.nobody.get(&format!("/docs/{}", file.trim_start_matches("./"))).await;
        assert_eq!(reply.status, 200, "{file}");
    }
    for scheme in ["src=\"http", "href=\"http", "src=\"//", "url(http"] {
        assert!(!page.text.contains(scheme), "{scheme}");
    }
    let settings = server.nobody.get("/docs/swagger-initializer.js").await.text;
    assert!(settings.contains("\"tryItOutEnabled\": true"), "{settings}");
    assert!(!settings.contains("\"persistAuthorization\": true"), "{settings}");
    assert!(settings.contains("/openapi.json"), "{settings}");
}

#[apply(both)]
async fn the_docs_can_be_turned_off(backend: Backend) {
    let server = backend.start_with(&["--docs", "off", "--pages", "off"]).await;
    for path in ["/docs", "/docs/", "/openapi.json", "/"] {
        server.nobody.get(path).await.refused(404, "not_found");
    }
}
