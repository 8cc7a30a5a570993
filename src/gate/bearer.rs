//! Parses the Authorization header (bearer authentication, RFC 6750).

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use super::credentials;
use crate::secrets::{PlainToken, TokenHash};

/// The content of the header.
pub(super) enum Authorization {
    /// No header, or one of another scheme and so meant for a proxy: no credential is presented to us.
    Absent,
    /// The hash of a token whose checksum is valid.
    Token(TokenHash),
    /// A bearer token with an invalid checksum, or an unparsable header.
    Malformed,
    /// Anything else, which may be a misplaced token.
    Invalid,
}

/// Parses the header strictly. It cannot fail: every content is one of the four variants.
///
/// The scheme is case-insensitive and followed by one or more spaces (RFC 9110, 11.1 and RFC 6750, 2.1). Two
/// headers are malformed even if one is valid, because a proxy might use the other one. Another scheme is not a
/// response to our challenge: browsers send a proxy's Basic credentials with every request.
pub(super) fn presented(headers: &HeaderMap, prefixes: &[String]) -> Authorization {
    let mut values = headers.get_all(AUTHORIZATION);
    let Some(value) = values.next() else { return Authorization::Absent };
    // Not `to_str`, which scans each byte needlessly: the token parser does that too.
    let (None, Ok(text)) = (values.next(), str::from_utf8(value.as_bytes())) else {
        return Authorization::Malformed;
    };
    let (scheme, credentials) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("Bearer") {
        return match PlainToken::presented(prefixes, credentials.trim_matches(' ')) {
            Ok(hash) => Authorization::Token(hash),
            Err(_) => Authorization::Malformed,
        };
    }
    let is_foreign = credentials::are_well_formed(scheme, credentials)
        && !prefixes.iter().any(|prefix| text.contains(prefix))
        && !credentials::basic(scheme, credentials)
            .is_some_and(|parts| parts.iter().any(|part| is_token(prefixes, part)));
    if is_foreign { Authorization::Absent } else { Authorization::Invalid }
}

/// Returns whether no token is presented, so that the cookie decides.
pub(super) fn is_absent(headers: &HeaderMap, prefixes: &[String]) -> bool {
    matches!(presented(headers, prefixes), Authorization::Absent)
}

fn is_token(prefixes: &[String], text: &str) -> bool {
    PlainToken::presented(prefixes, text).is_ok()
}
