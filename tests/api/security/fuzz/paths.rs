//! Other spellings of a path.

use std::collections::BTreeSet;

use crate::{contract::http::raw, support::*};

/// Returns spellings that some server, proxy or router takes for the same path.
fn spellings(path: &str) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = [
        format!("/{path}"),
        format!("/.{path}"),
        format!("/x/..{path}"),
        format!("/%2e{path}"),
        format!("/%2e%2e{path}"),
        format!("{path}/"),
        format!("{path}//"),
        format!("{path}/."),
        format!("{path}/.."),
        format!("{path}%2f"),
        format!("{path}%00"),
        format!("{path}%20"),
        format!("{path}.json"),
        format!("{path};x=y"),
        format!("{path}?"),
        path.to_ascii_uppercase(),
        path.replace('/', "\\"),
        path.replacen("/api", "/Api", 1),
    ]
    .into();
    for (at, letter) in path.char_indices() {
        let (before, after) = (&path[..at], &path[at + letter.len_utf8()..]);
        if letter == '/' {
            for slash in ["//", "/./", "/%2e/", "/x/../", "%2f", "/;/"] {
                all.insert(format!("{before}{slash}{after}"));
            }
        }
    }
    // One letter of the last segment is enough: all are decoded alike.
    if let Some(last) = path.chars().last().filter(char::is_ascii_alphanumeric) {
        all.insert(format!("{}%{:02x}", &path[..path.len() - 1], u32::from(last)));
    }
    all.remove(path);
    all
}

async fn status(server: &Server, operation: &Operation<'_>, path: &str, cookie: &str) -> u16 {
    let request = format!(
        "{} {path} HTTP/1.1\r\nHost: x\r\nOrigin: {}\r\n{cookie}Content-Length: 0\r\nConnection: close\r\n\r\n",
        operation.method, server.anonymous.base,
    );
    let seen = raw(server, &request).await;
    seen.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("{seen}"))
}

/// Invariant: another spelling of a path is rejected or answered as the path itself is; no caller bypasses
/// authorization with it, neither an anonymous one nor, on an admin's path, a user.
#[tokio::test]
async fn alternative_path_spelling_grants_no_more_access_than_the_path() {
    let server = Backend::Sqlite.start().await;
    let ada = server.sign_up("ada").await;
    let cookie = format!("Cookie: {}\r\n", ada.browser.cookie.as_ref().unwrap());
    let document = server.anonymous.get("/openapi.json").await.expect(200);
    let (mut tried, mut same) = (0, 0);
    for operation in Operation::all(&document) {
        let path = operation.path.replace("{id}", "019ab000-0000-7000-8000-00000000000a");
        let path = path.replace("{token}", "x");
        let is_admins = path.starts_with("/api/admin/");
        let cookie_headers = if is_admins { vec!["", &cookie] } else { vec![""] };
        for cookie_header in cookie_headers {
            let canonical = status(&server, &operation, &path, cookie_header).await;
            assert_eq!(
                is_admins && !cookie_header.is_empty(),
                canonical == 403,
                "{path}: {canonical}"
            );
            for spelling in spellings(&path) {
                let seen = status(&server, &operation, &spelling, cookie_header).await;
                let refused = [400, 404, 405].contains(&seen);
                assert!(
                    refused || seen == canonical,
                    "{} {spelling}: {seen}, and {canonical} at {path}",
                    operation.method
                );
                tried += 1;
                same += u32::from(!refused);
            }
        }
    }
    assert!(tried > 1000, "{tried}");
    assert!(same > 50, "some spellings are equivalent to the path: {same}");
}
