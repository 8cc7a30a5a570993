//! Validates redirect targets after a sign-in, to prevent open redirects.

use url::Url;

use crate::site::Site;

/// Returns a path of this site, unchanged, if it cannot be interpreted as anything else.
///
/// Browsers read `\` as `/` and skip control characters, so `/\evil.example` is another host to them; the next
/// component that handles the path may decode an encoded slash. All of these are rejected before the URL parser
/// resolves the rest.
#[must_use]
pub fn own_path<'a>(text: &'a str, site: &Site) -> Option<&'a str> {
    let lower = text.to_ascii_lowercase();
    let path = lower.split(['?', '#']).next().unwrap_or_default();
    let plain = text.starts_with('/')
        && !text.starts_with("//")
        && !text.contains('\\')
        && !text.chars().any(char::is_control)
        && !["%2f", "%5c", "%00", "%0a", "%0d"].iter().any(|code| path.contains(code));
    let ours = plain
        && site.public_url.join(text).is_ok_and(|url: Url| {
            url.origin() == site.public_url.origin() && !url.path().starts_with("//")
        });
    ours.then_some(text)
}

/// The longest callback that is accepted, in bytes: it is stored, and mailed.
const LONGEST_CALLBACK: usize = 2048;

/// Returns whether a callback of the Better Auth protocol is allowed: a path of this site, or a URL on a
/// trusted origin.
#[must_use]
pub fn trusted_callback(text: &str, site: &Site) -> bool {
    text.len() <= LONGEST_CALLBACK && (own_path(text, site).is_some() || trusted_url(text, site))
}

fn trusted_url(text: &str, site: &Site) -> bool {
    !text.chars().any(char::is_control)
        && (text.starts_with("https://") || text.starts_with("http://"))
        && site.trusts_page(text)
        && Url::parse(text).is_ok_and(|url| url.username().is_empty() && url.password().is_none())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn site() -> Site {
        use clap::Parser;
        #[derive(Parser)]
        struct Settings {
            #[command(flatten)]
            config: crate::config::Config,
        }
        let settings = Settings::parse_from([
            "test",
            "--public-url",
            "https://example.com",
            "--listen",
            "127.0.0.1:0",
        ]);
        Site::new(&settings.config, Some(8080)).unwrap()
    }

    #[test]
    fn redirect_target_that_is_an_own_path_is_kept() {
        for path in
            ["/", "/settings", "/a/b?c=d&e=/f#g", "/search?q=https://else.example//x", "/ünï"]
        {
            assert_eq!(own_path(path, &site()), Some(path));
        }
    }

    #[test]
    fn redirect_target_that_is_no_own_path_is_rejected() {
        for text in [
            "",
            "settings",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/%2f%2fevil.example",
            "/%2F/evil.example",
            "/%5cevil.example",
            "/.//evil.example",
            "/..//evil.example",
            "https://example.com@evil.example/",
            "/a%0d%0aSet-Cookie:x",
            "data:text/html,x",
            " /settings",
        ] {
            assert_eq!(own_path(text, &site()), None, "{text:?}");
        }
    }

    #[test]
    fn callback_url_on_a_trusted_origin_is_accepted() {
        assert!(trusted_callback("/welcome", &site()));
        assert!(trusted_callback("https://example.com/welcome", &site()));
        assert!(!trusted_callback("https://example.com.evil.example/welcome", &site()));
        assert!(!trusted_callback("https://user@example.com/", &site()));
        assert!(!trusted_callback("//example.com/", &site()));
    }
}
