//! Accepts cookies that an older key has signed (key rotation). actix-session knows one key, so such a cookie
//! is signed again with that key before actix-session parses it. The browser's cookie stays as it is: a
//! response that sets a cookie could arrive late, and replace a newer one.

use std::rc::Rc;

use actix_web::{
    HttpMessage,
    body::MessageBody,
    cookie::{Cookie, CookieJar, Key},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{COOKIE, HeaderValue},
    middleware::Next,
};

use crate::{secrets::SigningKeys, site::Site};

/// The keys that sign and verify the session cookie.
pub struct Signatures {
    name: &'static str,
    signing: Key,
    others: Vec<Key>,
}

impl Signatures {
    /// Returns `None` if there is only one key, and so nothing to do.
    #[must_use]
    pub fn new(site: &Site, keys: &SigningKeys) -> Option<Rc<Self>> {
        let others: Vec<Key> = keys.others().iter().map(|key| Key::from(key.expose())).collect();
        let signing = Key::from(keys.signing().expose());
        let name = super::name(site.is_secure());
        (!others.is_empty()).then(|| Rc::new(Self { name, signing, others }))
    }

    /// Returns the header with each cookie of an older key signed again, or `None` if there is no such cookie.
    fn renewed(&self, header: &HeaderValue) -> Option<HeaderValue> {
        let text = str::from_utf8(header.as_bytes()).ok()?;
        let mut changed = false;
        let cookies: Vec<String> = text
            .split(';')
            .map(|cookie| match self.renewed_cookie(cookie.trim()) {
                Some(renewed) => {
                    changed = true;
                    renewed
                }
                None => cookie.trim().to_owned(),
            })
            .collect();
        if changed { HeaderValue::from_str(&cookies.join("; ")).ok() } else { None }
    }

    fn renewed_cookie(&self, text: &str) -> Option<String> {
        let cookie = Cookie::parse_encoded(text).ok()?.into_owned();
        if cookie.name() != self.name {
            return None;
        }
        let mut jar = CookieJar::new();
        if jar.signed(&self.signing).verify(cookie.clone()).is_some() {
            return None;
        }
        let mut others = self.others.iter();
        let verified = others.find_map(|key| jar.signed(key).verify(cookie.clone()))?;
        jar.signed_mut(&self.signing).add(Cookie::new(self.name, verified.value().to_owned()));
        Some(jar.get(self.name)?.stripped().encoded().to_string())
    }
}

/// The only Cookie header of a request, as the client sent it.
pub(super) struct AsSent(pub(super) HeaderValue);

/// Signs a request's session cookie again if an older key has signed it. It must wrap the middleware that
/// parses the cookie.
pub async fn renew_signatures<B: MessageBody>(
    signatures: Rc<Signatures>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let sent: Vec<HeaderValue> = request.headers().get_all(COOKIE).cloned().collect();
    let renewed: Vec<_> = sent.iter().map(|header| signatures.renewed(header)).collect();
    if renewed.iter().any(Option::is_some) {
        let headers = request.headers_mut();
        headers.remove(COOKIE);
        for (sent, renewed) in sent.iter().zip(renewed) {
            headers.append(COOKIE, renewed.unwrap_or_else(|| sent.clone()));
        }
        if let [only] = &sent[..] {
            request.extensions_mut().insert(AsSent(only.clone()));
        }
    }
    next.call(request).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::secrets::SigningKey;

    /// Returns a session cookie with this value, signed by this key.
    fn signed(key: &SigningKey, value: &str) -> String {
        let mut jar = CookieJar::new();
        jar.signed_mut(&Key::from(key.expose())).add(Cookie::new("portcullis", value.to_owned()));
        jar.get("portcullis").unwrap().encoded().to_string()
    }

    #[test]
    fn cookie_of_an_older_key_is_signed_again_and_others_stay_unchanged() {
        let [new, old, oldest, foreign] = std::array::from_fn(|_| SigningKey::generate());
        let key = |key: &SigningKey| Key::from(key.expose());
        let signatures = Signatures {
            name: "portcullis",
            signing: key(&new),
            others: vec![key(&old), key(&oldest)],
        };
        let renewed = |header: &str| {
            let renewed = signatures.renewed(&HeaderValue::from_str(header).unwrap());
            renewed.map(|header| header.to_str().unwrap().to_owned())
        };
        let value = r#"{"secret":"\"x=y z;é\""}"#;
        let wanted = signed(&new, value);
        for older in [&old, &oldest] {
            let sent = signed(older, value);
            assert_eq!(renewed(&sent), Some(wanted.clone()));
            assert_eq!(
                renewed(&format!("theirs=\"a b\"; {sent};last")),
                Some(format!("theirs=\"a b\"; {wanted}; last"))
            );
            let other = sent.replacen("portcullis=", "portcullis2=", 1);
            assert_eq!(renewed(&other), None, "a cookie of another name");
        }
        let mut tampered = signed(&old, value);
        tampered.push('x');
        for sent in [wanted, signed(&foreign, value), tampered, "portcullis=".into(), String::new()]
        {
            assert_eq!(renewed(&sent), None, "{sent}");
        }
    }
}
