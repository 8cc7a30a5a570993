//! The OpenAPI document and Swagger UI.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use portcullis::error::Code;
use reqwest::Method;

use crate::support::*;

/// Reads a committed file when the test runs, so that a regenerated file needs no new build.
fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn document_file() -> String {
    file("openapi/openapi.json")
}

fn committed() -> Value {
    serde_json::from_str(&document_file()).unwrap()
}

#[test]
fn committed_openapi_document_matches_the_routes() {
    let text =
        portcullis::openapi::text(&product(), portcullis::gate::cookie::name(false)).unwrap();
    assert!(
        text == document_file(),
        "openapi/openapi.json has drifted: regenerate it with `just openapi`"
    );
}

#[apply(on_both_databases)]
async fn served_openapi_document_differs_only_in_the_cookie_name(backend: Backend) {
    let server = backend.start().await;
    assert_eq!(server.anonymous.get("/openapi.json").await.expect(200), committed());
    let server = backend.start_with(&["--public-url", "https://example.com"]).await;
    let mut served = server.anonymous.get("/openapi.json").await.expect(200);
    for (scheme, own) in [("cookie", "portcullis"), ("challenge", "portcullis-challenge")] {
        let name = &mut served["components"]["securitySchemes"][scheme]["name"];
        assert_eq!(*name, format!("__Host-{own}"));
        *name = json!(own);
    }
    assert_eq!(served, committed());
}

#[test]
fn openapi_operations_have_a_unique_id_summary_tag_and_schema() {
    let document = committed();
    assert_eq!(document["openapi"], "3.1.0");
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for operation in Operation::all(&document) {
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
        // One that this server does not offer.
        if success >= 400 {
            continue;
        }
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
fn openapi_references_all_resolve() {
    let document = committed();
    let mut seen = 0;
    for reference in references(&document) {
        let target = document.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some(), "{reference}");
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

/// Normalises a name: generators write names in the case of their language, so names may differ in more than
/// case.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Returns the names that a generator cannot tell apart, among names of the same scope.
fn alike<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| !seen.insert(plain(name))).collect()
}

/// Returns every group of names in a part of the document that share a scope in a generated client.
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
fn openapi_names_never_differ_only_in_case_or_punctuation() {
    let document = committed();
    let mut groups = names_side_by_side(&document);
    groups.push(Operation::all(&document).iter().map(|operation| operation.id).collect());
    assert!(groups.len() > 100, "the document was not parsed: {groups:?}");
    let alike: Vec<&str> = groups.into_iter().flat_map(alike).collect();
    assert_eq!(alike, [""; 0]);
}

#[test]
fn name_check_finds_names_that_differ_only_in_case_or_punctuation() {
    let document = json!({
        "schemas": { "Page_User": { "enum": ["LOST", "lost"] }, "PageUser": {} },
        "parameters": [{ "name": "userId" }, { "name": "user_id" }],
        "responses": { "Renamed": { "enum": ["LOST", "lost"], "x-enum-varnames": ["LOST", "GONE"] } },
    });
    let found: Vec<&str> = names_side_by_side(&document).into_iter().flat_map(alike).collect();
    assert_eq!(found, ["Page_User", "user_id", "lost"]);
}

#[test]
fn openapi_error_codes_each_have_a_variant_name() {
    let document = committed();
    let codes = &document["components"]["schemas"]["ErrorCode"];
    let [values, names] = ["enum", "x-enum-varnames"].map(|list| codes[list].as_array().unwrap());
    assert_eq!(values.len(), names.len());
}

/// Returns the item schemas of every array.
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
fn openapi_list_items_are_strings_or_of_a_named_type() {
    let document = committed();
    let items = list_items(&document);
    assert!(items.len() > 10, "{items:?}");
    for item in items {
        // A string needs no named type.
        assert!(item.get("$ref").is_some() || item["type"] == "string", "{item}");
    }
}

#[test]
fn openapi_error_examples_match_their_status_and_description() {
    let document = committed();
    let mut seen = 0;
    for operation in Operation::all(&document) {
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
                assert_ne!(problem["detail"], "", "{problem}");
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

/// Returns the files that a page of Swagger UI loads from the server.
fn files_of(page: &str) -> Vec<&str> {
    page.split('"').filter(|text| text.starts_with("/docs/") && text.contains("?v=")).collect()
}

#[tokio::test]
async fn swagger_ui_loads_nothing_from_other_hosts() {
    let server = Backend::Sqlite.start_with(&["--name", "Analytical <Engines>"]).await;
    let page = server.anonymous.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("<title>API · Analytical &#60;Engines&#62;</title>"),
        "{}",
        page.text
    );
    assert!(page.text.contains("<a href=\"/\">"), "the page links back to the site: {}", page.text);
    let files = files_of(&page.text);
    assert_eq!(files.len(), 4, "{files:?}");
    for scheme in ["src=\"http", "href=\"http", "src=\"//", "url(http"] {
        assert!(!page.text.contains(scheme), "{scheme}");
    }
    // Clients that accept no compression get an uncompressed response.
    let [script, style] = ["swagger-ui-bundle.js", "swagger-ui.css"]
        .map(|name| files.iter().find(|file| file.contains(name)).unwrap());
    for (file, holds) in [(script, "SwaggerUIBundle"), (style, ".swagger-ui")] {
        let reply = server.anonymous.get(file).await;
        assert_eq!(reply.header("content-encoding"), None, "{file}");
        assert!(reply.text.contains(holds), "{file}");
    }
    let reply = server.anonymous.get("/docs/nothing").await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.assert_problem(404, "not_found");
}

#[tokio::test]
async fn swagger_ui_is_compressed_and_revalidated_by_etag() {
    let server = Backend::Sqlite.start().await;
    let page = server.anonymous.get("/docs/").await.text;
    let files = files_of(&page);
    let compressed = |path: &str| {
        server.anonymous.request(Method::GET, path).header("Accept-Encoding", "br, gzip;q=0.9")
    };
    let mut transferred = 0;
    for path in files.iter().chain(&["/docs/", "/openapi.json", "/docs/errors"]) {
        let mut sent = compressed(path).send().await.unwrap();
        assert_eq!(sent.status(), 200, "{path}");
        let header = |name: &str| sent.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(header("vary"), Some("Accept-Encoding"), "{path}");
        let cache = if path.contains("?v=") {
            "public, max-age=31536000, immutable"
        } else {
            // The page depends on the version of the server.
            "no-cache"
        };
        assert_eq!(header("cache-control"), Some(cache), "{path}");
        let tag = header("etag").unwrap().to_owned();
        while let Some(chunk) = sent.chunk().await.unwrap() {
            transferred += chunk.len();
        }
        let again = Reply::of(compressed(path).header("If-None-Match", &tag)).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""), "{path}");
        assert_eq!(again.header("etag"), Some(tag.as_str()), "{path}");
        let other = compressed(path).header("If-None-Match", "W/\"another\"").send().await.unwrap();
        assert_eq!(other.status(), 200, "{path}");
    }
    assert!((300_000..600_000).contains(&transferred), "{transferred} bytes");
    // An outdated URL returns the current file, which must not be cached under it.
    let (bare, _) = files[0].split_once('?').unwrap();
    for old in [bare.to_owned(), format!("{bare}?v=x")] {
        let reply = Reply::of(compressed(&old).header("Accept-Encoding", "identity")).await;
        assert_eq!(reply.header("cache-control"), Some("no-cache"), "{old}");
    }
}

#[tokio::test]
async fn error_type_url_leads_to_an_explanation_of_every_code() {
    let server = Backend::Sqlite.start_with(&["--docs", "off"]).await;
    let problem = server.anonymous.get("/nothing").await.assert_problem(404, "not_found");
    let (path, code) = problem["type"].as_str().unwrap().split_once('#').unwrap();
    assert_eq!(code, "not_found");
    let page = server.anonymous.get(path).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for code in Code::VARIANTS {
        let name = code.name();
        let anchor = format!("<section id=\"{name}\">");
        assert_eq!(page.text.matches(&anchor).count(), 1, "{name}");
        let (_, section) = page.text.split_once(&anchor).unwrap();
        let (section, _) = section.split_once("</section>").unwrap();
        assert!(section.contains(&code.status().to_string()), "{name}: {section}");
        assert!(code.explanation().ends_with('.'), "{name}");
        assert!(!section.contains('`'), "{name}: {section}");
    }
}

#[test]
fn committed_error_code_reference_matches_the_source() {
    let text = portcullis::docs::error_codes(&product());
    assert!(
        text == file("docs/reference/errors.md"),
        "docs/reference/errors.md has drifted: regenerate it with `just reference`"
    );
}

/// Returns the operations in a section of the committed table, as `GET /api/me`.
fn routes_in(table: &str, section: &str) -> BTreeSet<String> {
    let (_, part) = table.split_once(section).expect(section);
    let part = part.split("\n## ").next().unwrap();
    let rows = part.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some(format!("{} {}", cells.next()?, cells.next()?.strip_prefix('`')?.strip_suffix('`')?))
    });
    rows.collect()
}

#[test]
fn committed_route_table_lists_operations_by_accepted_credentials() {
    let table = file("docs/reference/routes.md");
    assert!(
        table == portcullis::docs::route_table(&product()),
        "docs/reference/routes.md has drifted: regenerate it with `just reference`"
    );
    let document = committed();
    let (mut accepting, mut rejecting, mut open) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for operation in Operation::all(&document) {
        let schemes = operation.value["security"].as_array().into_iter().flatten();
        let schemes: Vec<&Value> = schemes.collect();
        let kind = if schemes.iter().any(|scheme| scheme.get("bearer").is_some()) {
            &mut accepting
        } else if schemes.is_empty() {
            &mut open
        } else {
            &mut rejecting
        };
        kind.insert(format!("{} {}", operation.method, operation.path));
    }
    assert!(accepting.len() > 10 && rejecting.len() > 10 && !open.is_empty());
    assert_eq!(routes_in(&table, "## Routes that accept API tokens"), accepting);
    assert_eq!(routes_in(&table, "## Routes that reject API tokens"), rejecting);
    assert_eq!(routes_in(&table, "## Routes that read no credential"), open);
}

#[test]
fn openapi_schemas_are_described_and_named_in_camel_case() {
    let document = committed();
    let mut seen = 0;
    let (mut missing, mut in_another_case) = (Vec::new(), Vec::new());
    let mut check = |place: String, value: &Value| {
        seen += 1;
        // For a nullable value, utoipa puts the description on the value.
        let parts = value["oneOf"].as_array().into_iter().flatten();
        let mut texts = parts.chain([value]).filter_map(|part| part["description"].as_str());
        if !texts.any(|text| !text.trim().is_empty()) {
            missing.push(place);
        }
    };
    let mut spell = |name: &str, place: &str| {
        let is_camel_case = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric());
        in_another_case.extend((!is_camel_case).then(|| format!("{place}: {name}")));
    };
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        check(name.clone(), schema);
        for (property, value) in properties(schema) {
            check(format!("{name}.{property}"), value);
            spell(property, name);
        }
    }
    for operation in Operation::all(&document) {
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            check(format!("{} {name}", operation.id), parameter);
            spell(name, operation.id);
        }
    }
    assert!(seen > 150, "{seen}");
    assert_eq!((missing, in_another_case), (Vec::new(), Vec::new()));
}

/// Returns the properties that a schema declares itself.
fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
    parts.filter_map(|part| part["properties"].as_object()).flatten().collect()
}

#[test]
fn openapi_success_examples_match_their_schemas() {
    let document = committed();
    let mut seen = 0;
    for operation in Operation::all(&document) {
        for (status, response) in operation.value["responses"].as_object().unwrap() {
            let content = &response["content"]["application/json"];
            if !status.starts_with('2') || content.is_null() {
                continue;
            }
            let place = format!("{} {status}", operation.id);
            let example =
                content.get("example").unwrap_or_else(|| panic!("{place} has no example"));
            if let Err(fault) = fits(&document, &content["schema"], example) {
                panic!("{place}: {fault}");
            }
            is_realistic(&place, example);
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

/// Asserts that the example of an id is an id, and that a token that works is not shown as revoked.
fn is_realistic(place: &str, example: &Value) {
    if let Some(items) = example.as_array() {
        return items.iter().for_each(|item| is_realistic(place, item));
    }
    let Some(members) = example.as_object() else { return };
    // The ids of WebAuthn are a domain, a random handle, and what an authenticator has chosen.
    let has_other_ids = place.starts_with("generate_passkey_");
    for (name, value) in members.iter().filter(|_| !has_other_ids) {
        if name == "id" || name.ends_with("Id") && name != "providerId" {
            let is_id = |text: &str| uuid::Uuid::parse_str(text).is_ok();
            assert!(
                value.is_null() || value.as_str().is_some_and(is_id),
                "{place}: {name} {value}"
            );
        }
        is_realistic(place, value);
    }
    if members.get("state").is_some_and(|state| state == "active") {
        assert_eq!(members["revokedAt"], Value::Null, "{place}");
    }
}

/// Checks a value against a schema, as far as the document uses JSON Schema, and returns the reason where it
/// does not match.
fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap();
        return fits(document, target, value);
    }
    if let Some(choice) = schema["oneOf"].as_array() {
        let fitting = choice.iter().any(|schema| fits(document, schema, value).is_ok());
        return if fitting { Ok(()) } else { Err(format!("{value} is none of {choice:?}")) };
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect(),
        _ => vec!["object"],
    };
    let (own, text) = match value {
        Value::Null => ("null", None),
        Value::Bool(_) => ("boolean", None),
        Value::Number(_) => ("integer", None),
        Value::String(text) => ("string", Some(text.as_str())),
        Value::Array(_) => ("array", None),
        Value::Object(_) => ("object", None),
    };
    if !types.contains(&own) {
        return Err(format!("{value} is not of {types:?}"));
    }
    let is_listed = |values: &Vec<Value>| values.contains(value);
    if !schema["enum"].as_array().is_none_or(is_listed) {
        return Err(format!("{value} is not among {}", schema["enum"]));
    }
    let well_formed = match (schema["format"].as_str(), text) {
        (Some("uuid"), Some(text)) => uuid::Uuid::parse_str(text).is_ok(),
        (Some("date-time"), Some(text)) => text.len() == 24 && text.ends_with('Z'),
        (Some("email"), Some(text)) => text.contains('@'),
        _ => true,
    };
    if !well_formed {
        return Err(format!("{value} is no {}", schema["format"]));
    }
    for item in value.as_array().into_iter().flatten() {
        fits(document, &schema["items"], item)?;
    }
    if let Some(members) = value.as_object() {
        let (declared, required) = members_of(document, schema);
        for name in required {
            members.get(name).ok_or_else(|| format!("{name} is missing"))?;
        }
        // A schema without properties is an object of any kind.
        for (name, member) in members.iter().filter(|_| !declared.is_empty()) {
            let schema = declared.get(name.as_str()).ok_or_else(|| format!("{name} is unknown"))?;
            fits(document, schema, member).map_err(|fault| format!("{name}: {fault}"))?;
        }
    }
    Ok(())
}

/// Returns the properties of an object schema, and which of them are required.
fn members_of<'a>(
    document: &'a Value,
    schema: &'a Value,
) -> (BTreeMap<&'a str, &'a Value>, Vec<&'a str>) {
    if let Some(reference) = schema["$ref"].as_str() {
        return members_of(document, document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    let named = schema["properties"].as_object().into_iter().flatten();
    let mut declared: BTreeMap<_, _> = named.map(|(name, of)| (name.as_str(), of)).collect();
    let required = schema["required"].as_array().into_iter().flatten();
    let mut required: Vec<_> = required.map(|name| name.as_str().unwrap()).collect();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let (of_part, required_of_part) = members_of(document, part);
        declared.extend(of_part);
        required.extend(required_of_part);
    }
    (declared, required)
}

#[apply(on_both_databases)]
async fn docs_and_pages_turned_off_are_not_found(backend: Backend) {
    let server = backend.start_with(&["--docs", "off", "--pages", "off"]).await;
    for path in ["/docs", "/docs/", "/openapi.json", "/"] {
        server.anonymous.get(path).await.assert_problem(404, "not_found");
    }
}
