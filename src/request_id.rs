//! The request id, which identifies a request in its response, in an error's body and in the log.

use actix_web::http::header::{HeaderMap, HeaderName};

tokio::task_local! {
    static CURRENT: String;
}

/// The header that every response has.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is accepted from outside; proxies generate ids of 20 to 60 characters.
const MAX_LENGTH: usize = 128;

/// Returns the id that a proxy or a client has given a request, so that both logs contain the same id.
///
/// It only identifies the request; nothing else depends on it. An id that could forge log content, or that
/// contains a token, is not accepted.
#[must_use]
pub fn received(headers: &HeaderMap, token_prefixes: &[String]) -> Option<String> {
    let mut values = headers.get_all(HEADER);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let id = str::from_utf8(value.as_bytes()).ok()?;
    let fits = (1..=MAX_LENGTH).contains(&id.len())
        && id.bytes().all(plain)
        && !token_prefixes.iter().any(|prefix| id.contains(prefix));
    fits.then(|| id.to_owned())
}

/// Generates a new id.
#[must_use]
pub fn generate() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Returns the id of the current request, if there is one.
#[must_use]
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs a future with this request id.
pub async fn scope<F: Future>(id: String, answer: F) -> F::Output {
    CURRENT.scope(id, answer).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn taken(values: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        received(&headers, &["sk_live_".to_owned()])
    }

    #[test]
    fn request_id_of_plain_characters_is_accepted() {
        let longest = "a".repeat(MAX_LENGTH);
        for id in
            ["1", "a3f2b1c4d5e6f7a8b9c0d1e2f3a4b5c6", "01JABC-fra", "Root.1_x", longest.as_str()]
        {
            assert_eq!(taken(&[id.as_bytes()]).as_deref(), Some(id));
        }
    }

    #[test]
    fn any_other_request_id_is_replaced() {
        let too_long = "a".repeat(MAX_LENGTH + 1);
        let token = crate::secrets::PlainToken::generate("sk_live_");
        for id in [
            "",
            " ",
            "a b",
            "a,b",
            "a=b",
            "a/b",
            "a\"b",
            "a\tb",
            "é",
            too_long.as_str(),
            token.reveal(),
        ] {
            assert_eq!(taken(&[id.as_bytes()]), None, "{id:?}");
        }
        assert_eq!(taken(&[b"\xff"]), None);
        assert_eq!(taken(&[b"a", b"a"]), None);
        assert_eq!(taken(&[]), None);
    }
}
