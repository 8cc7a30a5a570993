//! Redirects. Which targets are accepted is tested beside `src/gate/next.rs`.

use proptest::{collection::vec, prelude::*, sample::select};
use url::{Url, form_urlencoded};

use super::{holds, runtime};
use crate::support::*;

const TRUSTED: &str = "https://app.example.com";

/// Generates texts that resemble redirect targets: pieces that some parser reads as the end of one component
/// and the beginning of another.
fn targets() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "/",
        "//",
        "\\",
        "/\\",
        ".",
        "..",
        "/.",
        "@",
        ":",
        "?",
        "#",
        "%2f",
        "%5C",
        "%2e",
        "%0d%0a",
        "%00",
        "\r",
        "\n",
        "\r\nSet-Cookie: portcullis=x",
        "\t",
        " ",
        "\0",
        "\u{2028}",
        "\u{ff0f}",
        "ünï",
        "evil.example",
        "http:",
        "https://",
        "javascript:",
        "settings",
        "localhost",
        TRUSTED,
        "https://app.example.com:443",
        "next=",
        "&",
        "error=",
    ]);
    let pieces = vec(piece, 0..7).prop_map(|pieces| pieces.concat());
    prop_oneof![3 => pieces.clone(), 3 => pieces.prop_map(|rest| format!("/{rest}")), 1 => any::<String>()]
}

/// Resolves a response's Location as a browser on this page does.
#[track_caller]
fn leads_to(page: &Url, reply: &Reply) -> Url {
    let location = reply.headers["location"].as_bytes();
    assert!(location.iter().all(|byte| !byte.is_ascii_control()), "{location:?}");
    let url = page.join(&String::from_utf8_lossy(location)).unwrap();
    assert_eq!((url.username(), url.password()), ("", None));
    url
}

/// Invariant: `next`, `callbackURL` and the page that an anonymous caller requested lead to our origin, or,
/// where that is documented, to a trusted one; no Location holds a control character. No open redirect.
#[test]
fn redirect_never_leads_to_an_untrusted_origin() {
    let runtime = runtime();
    let (server, ada) = runtime.block_on(async {
        let server = Backend::Sqlite.start_with(&["--trusted-origins", TRUSTED]).await;
        let ada = server.sign_up("ada").await;
        (server, ada)
    });
    let ours = Url::parse(&server.anonymous.base).unwrap();
    let public = server.state.site.public_url.origin();
    let trusted = Url::parse(TRUSTED).unwrap().origin();
    holds(&runtime, 120, targets(), async |target| {
        let encoded: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();

        let reply = ada.browser.navigate(&format!("/login?next={encoded}")).await;
        // No query string may contain NUL.
        if target.contains('\0') {
            assert_eq!(reply.status, 400, "{}", reply.text);
        } else {
            assert_eq!(reply.status, 302, "{}", reply.text);
            assert_eq!(leads_to(&ours.join("/login").unwrap(), &reply).origin(), ours.origin());
        }

        let reply = server.anonymous.navigate(&format!("/api/settings?x={encoded}")).await;
        assert_eq!(reply.status, 302, "{}", reply.text);
        let login = leads_to(&ours, &reply);
        assert_eq!((login.origin(), login.path()), (ours.origin(), "/login"));
        for (_, next) in login.query_pairs() {
            assert_eq!(ours.join(&next).unwrap().path(), "/api/settings");
        }

        let link = format!("/api/auth/reset-password/x?callbackURL={encoded}");
        let reply = server.anonymous.navigate(&link).await;
        if reply.status == 302 {
            let origin = leads_to(&ours, &reply).origin();
            assert!(origin == public || origin == trusted, "{}", reply.header("location").unwrap());
        } else {
            reply.assert_problem(403, "INVALID_CALLBACK_URL");
        }
    });
    runtime.block_on(async {
        let reply = ada.browser.navigate("/login?next=%2Fadmin%3Fx").await;
        assert_eq!(reply.header("location"), Some("/admin?x"));
        let link = format!("/api/auth/reset-password/x?callbackURL={TRUSTED}/in");
        let reply = server.anonymous.navigate(&link).await;
        assert_eq!(
            reply.header("location"),
            Some("https://app.example.com/in?error=INVALID_TOKEN")
        );
    });
}
