//! The Authorization header: a well-formed token, or not.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use super::credentials;
use crate::secrets::{PlainToken, TokenHash};

/// What the header holds.
pub(super) enum Authorization {
    /// There is none, or it is of another scheme and so meant for a proxy: nothing is presented to us.
    Absent,
    /// The hash of a token that passes its checksum.
    Token(TokenHash),
    /// A bearer token that does not, or a header that cannot be read.
    Malformed,
    /// Anything else, which may be a token in a wrong place.
    Invalid,
}

/// Reads it strictly, and never fails: whatever stands there is one of four things.
///
/// The scheme is case-insensitive and one or more spaces follow it (RFC 9110, 11.1 and RFC 6750,
/// 2.1). Two headers are malformed even if one is fine, lest a proxy and we believe different ones.
/// Another scheme is no answer to our challenge: browsers send a proxy's Basic along with everything.
pub(super) fn presented(headers: &HeaderMap, prefixes: &[String]) -> Authorization {
    let mut values = headers.get_all(AUTHORIZATION);
    let Some(value) = values.next() else { return Authorization::Absent };
    // Not `to_str`, which looks at each byte to no purpose: so does what reads the token.
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

/// Whether nothing is presented to us, so that the cookie is what counts.
pub(super) fn is_absent(headers: &HeaderMap, prefixes: &[String]) -> bool {
    matches!(presented(headers, prefixes), Authorization::Absent)
}

fn is_token(prefixes: &[String], text: &str) -> bool {
    PlainToken::presented(prefixes, text).is_ok()
}
