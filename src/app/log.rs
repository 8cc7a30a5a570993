//! The access log: one line per request, and the request metrics.
//!
//! `docs/reference/events.md` documents its fields. It contains users' ids only, and of the client's input only the
//! method and, where no route matches, a shortened path.

use std::time::Instant;

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    dev::ServiceResponse,
    http::{Method, StatusCode},
};

use super::limit::{OverLimit, is_probe};
use crate::{
    error::Code,
    gate::{LogIdentity, log_identity},
    output,
    routes::ANY_PATH,
    state::State,
};

/// The longest method that is logged in full, in bytes.
const LONGEST_METHOD: usize = 32;
/// The longest path segment that is logged; a link's secret has 43 characters.
const LONGEST_SEGMENT: usize = 24;
/// How many segments of a path are logged.
const MOST_SEGMENTS: usize = 8;

/// Logs a response. One that left the application as an error has lost its request on the way.
pub(super) fn answered<B>(
    answer: &Result<ServiceResponse<B>, HttpResponse>,
    method: &Method,
    started: Instant,
) {
    let took = started.elapsed();
    let request = answer.as_ref().ok().map(ServiceResponse::request);
    let (status, code) = match answer {
        Ok(answer) => (answer.status(), answer.response().extensions().get::<Code>().copied()),
        Err(answer) => (answer.status(), answer.extensions().get::<Code>().copied()),
    };
    let LogIdentity { outcome, user } = request.map_or_else(LogIdentity::default, log_identity);
    let route = request.and_then(HttpRequest::match_pattern).filter(|route| route != ANY_PATH);
    let reason = code.map(Code::name);
    let is_over_limit = request.is_some_and(|request| request.extensions().contains::<OverLimit>());
    let status_code = status.as_u16();
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let path = match &route {
        Some(_) => None,
        None => request.map(|request| shortened(request.path())),
    };
    if is_over_limit {
        output::count_refused();
    }
    // Requests that are exempt from the rate limit or over it must not fill the log.
    if is_over_limit || request.is_some_and(|request| is_probe(request.head())) {
        tracing::debug!(
            status = status_code,
            micros,
            route,
            path,
            gate = outcome,
            user,
            reason,
            "answered"
        );
    } else {
        tracing::info!(
            status = status_code,
            micros,
            route,
            path,
            gate = outcome,
            user,
            reason,
            "answered"
        );
    }
    let Some(Ok(state)) = request.map(State::of) else { return };
    state.metrics.answered(method_label(method), route.as_deref(), status_code, took);
    if let Some(outcome) = outcome.or_else(|| reason.filter(|_| is_from_gate(status))) {
        state.metrics.found(outcome);
    }
}

/// Returns whether a response without a gate result is the gate's own: a foreign origin, a missing scope, a
/// rate limit, an error.
fn is_from_gate(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

/// Returns a method as a metric's label: clients can invent any number of unknown ones.
fn method_label(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => method.as_str(),
        _ => "other",
    }
}

/// Returns a method as it is logged. It is ASCII, of the characters of a token (RFC 9110, 5.6.2).
pub(super) fn short(method: &Method) -> &str {
    let text = method.as_str();
    &text[..text.floor_char_boundary(LONGEST_METHOD)]
}

/// Returns the part of an unmatched path that may be logged: the path may be a mistyped link and contain its
/// secret, or an email. `*` replaces each segment that is long or contains anything but plain letters, digits,
/// `-`, `_` and `.` (an escape sequence, for example), and everything after the first few segments.
fn shortened(path: &str) -> String {
    let mut short = String::new();
    for (at, segment) in path.split('/').skip(1).enumerate() {
        short.push('/');
        if at == MOST_SEGMENTS {
            short.push('*');
            break;
        }
        short.push_str(if is_plain(segment) { segment } else { "*" });
    }
    short
}

fn is_plain(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    segment.len() <= LONGEST_SEGMENT && segment.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmatched_path_is_logged_without_possible_secrets() {
        for (path, logged) in [
            ("/", "/"),
            ("/wp-login.php", "/wp-login.php"),
            ("/api//me/", "/api//me/"),
            (
                "/api/auth/Reset-Password/u3jX0p2mT9bQ7cLrV1nWk5sYd8fHg6aEoZtJiKqPxCM",
                "/api/auth/Reset-Password/*",
            ),
            ("/api/auth/reset%2Dpassword/short", "/api/auth/*/short"),
            ("/x;token=1/ada@example.com/a%0ab/\u{1b}[31m", "/*/*/*/*"),
            ("/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/*"),
        ] {
            assert_eq!(shortened(path), logged);
        }
        assert!(shortened(&"/a".repeat(30_000)).len() < 256);
        assert_eq!(shortened(&format!("/{}", "a".repeat(60_000))), "/*");
    }

    #[test]
    fn long_method_is_logged_truncated() {
        let long = Method::from_bytes("M".repeat(60_000).as_bytes()).unwrap_or_default();
        assert_eq!(short(&long), "M".repeat(32));
        assert_eq!(short(&Method::GET), "GET");
    }
}
