//! The session cookie.

use percent_encoding::percent_decode;
use proptest::{prelude::*, sample::select};
use reqwest::{Method, header::HeaderValue};

use super::{header_bytes, holds, near, runtime};
use crate::support::*;

/// Whether a header still carries this very cookie, however its value is escaped, and with or without the
/// quotes that RFC 6265, 4.1.1 allows around it.
fn carries(header: &[u8], real: &str) -> bool {
    let decoded = |pair: &[u8]| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let value = pair[at + 1..].trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        let value: Vec<u8> = percent_decode(bare.unwrap_or(value)).collect();
        Some((pair[..at].trim_ascii().to_owned(), value))
    };
    let real = decoded(real.as_bytes());
    header.split(|byte| *byte == b';').any(|pair| decoded(pair) == real)
}

/// Invariant: a cookie that is not, bit for bit, one that we signed is rejected, and any cookie that the
/// response sets is not valid either. Never a 500.
#[test]
fn tampered_cookie_is_unauthorized_and_is_given_no_valid_cookie() {
    let runtime = runtime();
    let (server, ada) = runtime.block_on(async {
        let server = Backend::Sqlite.start().await;
        let ada = server.sign_up("ada").await;
        ada.browser.get("/api/me").await.expect(200);
        (server, ada)
    });
    let real = ada.browser.cookie.clone().unwrap();
    let (name, value) = real.split_once('=').unwrap();
    let name = name.to_owned();
    let forged = header_bytes(0..120)
        .prop_map(move |value| [name.as_bytes(), b"=".as_slice(), &value].concat());
    let doubled = format!("portcullis={value}; portcullis={value}x");
    let renamed = select(vec![
        format!("Portcullis={value}"),
        format!("__Host-portcullis={value}"),
        format!("portcullis={}", value.to_ascii_lowercase()),
        format!("portcullis={}", &value[..value.len() / 2]),
        format!("portcullis={value}{value}"),
        format!("portcullis=\"{value}\""),
        doubled,
    ]);
    let renamed = renamed.prop_map(String::into_bytes);
    let headers =
        prop_oneof![5 => near(&real), 2 => forged, 1 => header_bytes(0..200), 1 => renamed];
    holds(&runtime, 100, headers, async |header| {
        if carries(&header, &real) {
            return;
        }
        let ask = |method: Method, path: &'static str, accept: &'static str| {
            let request = server.anonymous.request(method, path).header("Accept", accept);
            Reply::of(request.header("Cookie", HeaderValue::from_bytes(&header).unwrap()))
        };
        let replies = [
            (401, ask(Method::GET, "/api/me", "*/*").await),
            (302, ask(Method::GET, "/api/settings", "text/html").await),
            (200, ask(Method::GET, "/api/auth/get-session", "*/*").await),
            (401, ask(Method::POST, TOKENS, "*/*").await),
        ];
        assert_eq!(replies[2].1.text, "null");
        for (expected, reply) in replies {
            assert_eq!(reply.status, expected, "{}", reply.text);
            if let Some(set) = reply.cookie() {
                server.anonymous.with_cookie(&set).get("/api/me").await.expect(401);
            }
        }
    });
    runtime.block_on(async { ada.browser.get("/api/me").await.expect(200) });
}
