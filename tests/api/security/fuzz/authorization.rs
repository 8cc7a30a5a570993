//! The Authorization header, and the token in it.

use proptest::{collection::vec, prelude::*, sample::select};
use reqwest::{Method, header::HeaderValue};

use super::{header_bytes, holds, near, runtime};
use crate::support::*;

/// Generates headers as they might be sent: with any scheme, separator and credentials, or any bytes at all.
fn values(real: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let scheme =
        select(vec!["Bearer", "bearer", "BEARER", "bEaReR", "Basic", "Token", "Bearer:", ""]);
    let between = select(vec![" ", "   ", "\t", " \t", "", ",", ", Bearer ", "=", "\u{a0}"]);
    let other_scheme = real.as_bytes().to_owned();
    let doubled = [real, real].join(" ").into_bytes();
    let credentials = prop_oneof![
        4 => near(real),
        2 => header_bytes(0..80),
        1 => Just(vec![b'a'; 64 * 1024]),
        1 => Just(doubled),
        1 => Just(Vec::new()),
    ];
    let composed = (scheme, between, credentials);
    let composed = composed.prop_map(|(scheme, between, credentials)| {
        [scheme.as_bytes(), between.as_bytes(), &credentials].concat()
    });
    prop_oneof![
        6 => composed,
        2 => header_bytes(0..200),
        1 => select(vec!["Basic ", "Bearer\t", "Bearer", "Token ", "Bearer,", ""])
            .prop_map(move |scheme| [scheme.as_bytes(), &other_scheme].concat()),
    ]
}

async fn ask(caller: &Caller, values: &[Vec<u8>]) -> Reply {
    let mut request = caller.request(Method::GET, "/api/me");
    for value in values {
        request = request.header("Authorization", HeaderValue::from_bytes(value).unwrap());
    }
    Reply::of(request).await
}

/// Whether these may be of another scheme, which is ignored: one header that neither names Bearer nor has the
/// prefix of a token.
fn may_be_foreign(values: &[Vec<u8>]) -> bool {
    let [value] = values else { return false };
    let text = String::from_utf8_lossy(value);
    let scheme = text.trim_ascii().split(' ').next().unwrap_or_default();
    !scheme.eq_ignore_ascii_case("bearer") && !text.contains("sk_live_")
}

/// Invariant: a header that holds anything but `Bearer` and a whole token, and any two headers, are answered
/// 401, also beside a live cookie; nothing is read from the store for it, and no cookie is set. Only a single
/// header of another scheme is ignored, for each caller alike.
#[test]
fn invalid_authorization_header_never_authenticates_or_reads_the_database() {
    let runtime = runtime();
    let (server, broken, ada, token) = runtime.block_on(async {
        let server = Backend::Sqlite.start().await;
        let ada = server.sign_up("ada").await;
        let token = ada.token(&["read"]).await.token.unwrap();
        // On a server where each read fails, an unchanged response shows that nothing was read.
        let broken = Backend::Sqlite.start().await;
        crate::security::gate::break_store(&broken).await;
        (server, broken, ada, token)
    });
    let cookie = ada.browser.cookie.clone().unwrap();

    runtime.block_on(async {
        let read = broken.anonymous.with_token(&Server::unknown_token());
        read.get("/api/me").await.assert_problem(503, "store_unavailable");
        for scheme in ["Bearer ", "bearer ", "BEARER    "] {
            ask(&server.anonymous, &[format!("{scheme}{token}").into_bytes()]).await.expect(200);
        }
    });

    let one = values(&token).prop_map(|value| vec![value]);
    let real = format!("Bearer {token}").into_bytes();
    let foreign = select(vec!["Basic eDp5", "Digest a=\"b, c\"", "Negotiate YII="]);
    let foreign = foreign.prop_map(|value| value.as_bytes().to_owned());
    let several = vec(
        prop_oneof![
            2 => Just(real),
            2 => values("").prop_filter("short", |value| value.len() < 999),
            1 => foreign.clone(),
        ],
        2..4,
    );
    let foreign = foreign.prop_map(|value| vec![value]);
    holds(&runtime, 150, prop_oneof![6 => one, 2 => several, 1 => foreign], async |values| {
        let mut as_if_absent = Vec::new();
        // The cookie is unknown to the broken server.
        for (server, cookie, status) in [
            (&server, None, 401),
            (&server, Some(&cookie), 200),
            (&broken, None, 401),
            (&broken, Some(&cookie), 401),
        ] {
            let anonymous = &server.anonymous;
            let caller = cookie.map_or(anonymous.clone(), |cookie| anonymous.with_cookie(cookie));
            let reply = ask(&caller, &values).await;
            assert_eq!(reply.header("set-cookie"), None);
            let code = reply.json()["code"].clone();
            let refused = ["token_malformed", "token_invalid"].map(Value::from).contains(&code);
            if refused {
                assert_eq!(reply.status, 401, "{}", reply.text);
            } else {
                assert_eq!(reply.status, status, "{}", reply.text);
                assert!(status == 200 || code == "UNAUTHORIZED", "{code}");
                assert!(may_be_foreign(&values));
            }
            as_if_absent.push(!refused);
        }
        assert!(as_if_absent.iter().all(|absent| *absent == as_if_absent[0]), "{as_if_absent:?}");
    });
}
