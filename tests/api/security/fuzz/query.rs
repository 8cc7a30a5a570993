//! Cursors and query strings.

use proptest::{collection::vec, prelude::*, sample::select};
use url::form_urlencoded;

use super::{assert_documented, holds, runtime};
use crate::support::*;

/// Generates a query string of these names with any values, or of anything.
fn queries(names: Vec<String>) -> impl Strategy<Value = String> {
    let value = prop_oneof![
        any::<String>(),
        "[0-9a-f-]{30,38}",
        any::<i128>().prop_map(|number| number.to_string()),
        select(vec!["", "0", "1", "100", "101", "-1", "1e2", "\0", "null", "active", "user", "/"])
            .prop_map(str::to_owned),
        Just("x".repeat(9000)),
    ];
    let pairs = vec((select(names), value), 0..5).prop_map(|pairs| {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    });
    let soup = "[%&=+;:,.@/?!*()'a-f0-9\\[\\]{}<>\\\\|^`~\" -]{0,60}";
    prop_oneof![3 => pairs, 1 => soup]
}

/// Invariant: a list answers 200 or 400 to any query string, and any other operation with a query gives a
/// documented response.
#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
fn any_query_string_gets_a_documented_response(#[case] backend: Backend) {
    let runtime = runtime();
    let (server, admin, document) = runtime.block_on(async {
        let server = backend.start().await;
        let admin = server.sign_up_admin("admin").await;
        let document = server.anonymous.get("/openapi.json").await.expect(200);
        (server, admin, document)
    });
    let mut lists = 0;
    for operation in Operation::all(&document) {
        let parameters = operation.value["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        let read = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let mut names: Vec<String> =
            read.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
        if names.is_empty() {
            continue;
        }
        let is_list = names.iter().any(|name| name == "cursor");
        lists += u32::from(is_list);
        names.push("other".to_owned());
        let path = operation.path.replace("{token}", "x").replace("{id}", &admin.id);
        holds(&runtime, 16, queries(names), async |query| {
            let reply = admin.browser.get(&format!("{path}?{query}")).await;
            assert_documented(&document, &operation, &reply);
            assert!(!is_list || [200, 400].contains(&reply.status.as_u16()), "{}", reply.text);
        });
    }
    assert!(lists >= 6, "{lists}");
    drop(server);
}

/// Invariant: no query string makes a page fail.
#[test]
fn any_query_string_on_a_page_causes_no_server_error() {
    let runtime = runtime();
    let (_server, admin) = runtime.block_on(async {
        let server = Backend::Sqlite.start().await;
        let admin = server.sign_up_admin("admin").await;
        (server, admin)
    });
    let names = ["next", "why", "cursor", "search", "role", "state", "userId", "error", "other"];
    let names = names.map(str::to_owned).to_vec();
    let pages =
        select(vec!["/login", "/signup", "/verify-email", "/settings", "/admin", "/admin/jobs"]);
    holds(&runtime, 60, (pages, queries(names)), async |(page, query)| {
        for caller in [&admin.browser, &admin.browser.with_cookie("portcullis=x")] {
            let reply = caller.navigate(&format!("{page}?{query}")).await;
            assert!(reply.status.as_u16() < 500, "{}", reply.status);
        }
    });
}
