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

/// Names as the languages of generated clients see them: many write them in a case of their own.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_ascii_alphanumeric());
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Of names that stand side by side, those that are one to a generator.
fn alike<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| !seen.insert(plain(name))).collect()
}

/// Every group of names in a part of the document that become names side by side in a generated client.
fn names_side_by_side(part: &Value) -> Vec<Vec<&str>> {
    match part {
        Value::Object(members) => {
            let mut groups: Vec<Vec<&str>> = Vec::new();
            for name in ["schemas", "responses", "examples", "properties"] {
                let inner = members.get(name).and_then(Value::as_object);
                groups.extend(inner.map(|inner| inner.keys().map(String::as_str).collect()));
            }
            let named = members.get("x-enum-varnames").or(members.get("enum"));
            let values = named.and_then(Value::as_array);
            groups.extend(values.map(|all| all.iter().filter_map(Value::as_str).collect()));
            let parameters = members.get("parameters").and_then(Value::as_array);
            let name = |parameter| Value::get(parameter, "name").and_then(Value::as_str);
            groups.extend(parameters.map(|all| all.iter().filter_map(name).collect()));
            groups.into_iter().chain(members.values().flat_map(names_side_by_side)).collect()
        }
        Value::Array(items) => items.iter().flat_map(names_side_by_side).collect(),
        _ => vec![],
    }
}

#[test]
fn no_two_names_differ_only_in_case_or_punctuation() {
    let document = committed();
    let mut groups = names_side_by_side(&document);
    groups.push(operations(&document).iter().map(|operation| operation.id).collect());
    assert!(groups.len() > 100, "the document was not understood: {groups:?}");
    let alike: Vec<&str> = groups.into_iter().flat_map(alike).collect();
    assert_eq!(alike, [""; 0]);
}

#[test]
fn names_that_differ_only_in_case_or_punctuation_are_found() {
    let document = json!({
        "schemas": { "Page_User": { "enum": ["LOST", "lost"] }, "PageUser": {} },
        "parameters": [{ "name": "userId" }, { "name": "user_id" }],
        "responses": { "Renamed": { "enum": ["LOST", "lost"], "x-enum-varnames": ["LOST", "GONE"] } },
    });
    let found: Vec<&str> = names_side_by_side(&document).into_iter().flat_map(alike).collect();
    assert_eq!(found, ["Page_User", "user_id", "lost"]);
}

#[test]
fn every_renamed_code_has_a_name() {
    let document = committed();
    let codes = &document["components"]["schemas"]["ErrorCode"];
    let [values, names] = ["enum", "x-enum-varnames"].map(|list| codes[list].as_array().unwrap());
    assert_eq!(values.len(), names.len());
}

/// The types of every list's items.
fn list_items(part: &Value) -> Vec<&Value> {
    match part {
        Value::Object(members) => {
            let own = (members.get("type") == Some(&json!("array"))).then(|| &members["items"]);
            own.into_iter().chain(members.values().flat_map(list_items)).collect()
        }
        Value::Array(items) => items.iter().flat_map(list_items).collect(),
        _ => vec![],
    }
}

#[test]
fn the_items_of_a_list_are_of_a_named_type() {
    let document = committed();
    let items = list_items(&document);
    assert!(items.len() > 10, "{items:?}");
    for item in items {
        // A text needs no type of its own.
        assert!(item.get("$ref").is_some() || item["type"] == "string", "{item}");
    }
}

#[test]
fn every_error_shows_what_a_client_gets() {
    let document = committed();
    let mut seen = 0;
    for operation in operations(&document) {
        for (status, response) in operation.value["responses"].as_object().unwrap() {
            let status: u16 = status.parse().unwrap();
            let problems = problems(&document, response);
            assert_eq!(problems.is_empty(), status < 400, "{} {status}", operation.id);
            let description = resolve(&document, response)["description"].as_str().unwrap();
            for problem in problems {
                let code = problem["code"].as_str().unwrap();
                let title = reqwest::StatusCode::from_u16(status).unwrap().canonical_reason();
                assert_eq!(problem["status"], status, "{} {problem}", operation.id);
                assert_eq!(problem["title"].as_str(), title, "{} {problem}", operation.id);
                assert_eq!(problem["detail"], problem["message"], "{problem}");
                assert!(problem["detail"].as_str().is_some_and(|text| text.ends_with(['.', 'd'])));
                assert!(description.contains(&format!("`{code}`: ")), "{description}");
                seen += 1;
            }
        }
    }
    assert!(seen > 500, "{seen}");
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
