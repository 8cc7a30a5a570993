//! The session cookie. The only file that uses actix-session, which signs and parses it.

mod older_keys;

use std::{
    future::{Ready, ready},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use actix_session::{
    Session as Carried, SessionExt, SessionMiddleware,
    config::{CookieContentSecurity, PersistentSession},
    storage::CookieSessionStore,
};
use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    body::MessageBody,
    cookie::{Key, SameSite, time},
    dev::{Payload, RequestHead, ServiceRequest, ServiceResponse},
    guard::{Guard, fn_guard},
    http::header::{CLEAR_SITE_DATA, COOKIE, HeaderMap, HeaderValue},
    middleware::Next,
    web::Data,
};

use super::{Access, DeclaresAccess, bearer, log_identity::Actor};
use crate::{
    config::{self, Config},
    error::{Code, Error},
    secrets::{CheckedCookies, SessionHash, SessionSecret, SigningKey},
    site::Site,
    state::State,
    store::{sessions::ABSOLUTE_TIMEOUT, sign_in::SessionGrant},
    time::{Timestamp, Uptime},
};

pub use older_keys::{Signatures, renew_signatures};

use older_keys::AsSent;

/// The only entry in the cookie's state.
const SECRET: &str = "secret";

/// The minimum interval between log messages about cookies with an invalid signature.
const LOG_TAMPERING_EVERY: Duration = Duration::from_mins(1);

/// The session cookie of a request.
pub(super) enum Cookie {
    /// No cookie.
    Absent,
    /// A cookie with an invalid signature.
    Tampered,
    /// A cookie with a valid signature, whether or not its session is still active.
    Secret(SessionHash),
}

/// Returns the cookie's name, with https or without: over http, on localhost, browsers set no cookie with the prefix
/// `__Host-`.
#[must_use]
pub fn name(secure: bool) -> &'static str {
    let product = crate::name::get();
    if secure { &product.secure_cookie } else { &product.slug }
}

/// Creates the middleware that signs, sets and parses the cookie.
///
/// It does not limit a session's lifetime, because the cookie store enforces no time to live: the session's row
/// does.
#[must_use]
pub fn middleware(site: &Site, key: &SigningKey) -> SessionMiddleware<CookieSessionStore> {
    SessionMiddleware::builder(CookieSessionStore::default(), Key::from(key.expose()))
        .cookie_name(name(site.is_secure()).to_owned())
        .cookie_secure(site.is_secure())
        .cookie_http_only(true)
        .cookie_same_site(match site.same_site {
            config::SameSite::Lax => SameSite::Lax,
            config::SameSite::None => SameSite::None,
        })
        .cookie_path("/".to_owned())
        // Signed, not encrypted: the content is random, and only its hash is stored.
        .cookie_content_security(CookieContentSecurity::Signed)
        .session_lifecycle(PersistentSession::default().session_ttl(max_age()))
        .build()
}

/// Returns the longest lifetime of a session as the cookie's Max-Age. The session's row says when it ends, so
/// no later response has to renew the cookie.
fn max_age() -> time::Duration {
    time::Duration::microseconds((Timestamp::from_micros(0) + ABSOLUTE_TIMEOUT).micros())
}

/// Marks a request whose new cookie must expire when the browser closes.
struct UntilClosed;

/// Marks a request with which the user has ended the session.
struct Ended;

/// What a browser must clear with a session (Clear Site Data). Not cookies: that would clear those of the whole
/// domain, including other hosts. Nor the cache: responses to signed-in users are not cached, and to clear one
/// site's cache Chromium walks through that of all sites, which takes seconds.
const CLEAR_STORAGE: HeaderValue = HeaderValue::from_static(r#""storage""#);

/// Removes Max-Age from the cookie of a session that must not be remembered, because actix-session has one
/// lifetime for all, and makes the browser clear its storage after a sign-out. It must wrap [`middleware`],
/// which writes the cookie to the response.
pub async fn finish<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let mut response = next.call(request).await?;
    if response.request().extensions().contains::<Ended>() {
        response.headers_mut().insert(CLEAR_SITE_DATA, CLEAR_STORAGE);
    }
    if response.request().extensions().contains::<UntilClosed>() {
        let written = response
            .response()
            .cookies()
            .find(|cookie| [name(true), name(false)].contains(&cookie.name()));
        if let Some(mut cookie) = written.map(actix_web::cookie::Cookie::into_owned) {
            response.response_mut().del_cookie(cookie.name());
            cookie.set_max_age(None);
            response.response_mut().add_cookie(&cookie)?;
        }
    }
    Ok(response)
}

/// Matches requests that can bypass actix-session on routes that set no cookie: those without any cookie at
/// all, and those whose cookie's signature is cached, since neither changes the browser's cookie.
#[must_use]
pub fn signature_is_cached(state: &Data<State>) -> impl Guard + use<> {
    let state = state.clone();
    fn_guard(move |context| {
        if has_no_cookie(context.head().headers()) {
            return true;
        }
        let Some(secret) = checked(context.head(), &state.checked_cookies) else { return false };
        context.req_data_mut().insert(Checked(secret));
        true
    })
}

fn has_no_cookie(headers: &HeaderMap) -> bool {
    !headers.contains_key(COOKIE)
}

/// Stored in a request whose cookie's signature is cached.
struct Checked(SessionHash);

/// Returns the secret in a request's cookie, if the header's signature is cached.
fn checked(head: &RequestHead, known: &CheckedCookies) -> Option<SessionHash> {
    known.find(only_header(head.headers())?)
}

/// Returns the Cookie header if there is exactly one: two are left to actix-session.
fn only_header(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(COOKIE);
    let first = values.next()?;
    values.next().is_none().then_some(first.as_bytes())
}

/// Returns whether a request has a session cookie and no token, so that the cookie decides. The cookie may be
/// invalid.
#[must_use]
pub fn is_presented(head: &RequestHead, state: &State) -> bool {
    let name = name(state.site.is_secure());
    let values = head.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let mut names =
        values.flat_map(|value| value.split(';')).filter_map(|pair| pair.split('=').next());
    bearer::is_absent(head.headers(), state.config.accounts.token_prefix.all())
        && names.any(|found| found.trim() == name)
}

/// Returns the cookie that a request presents.
pub(super) fn presented(request: &ServiceRequest, state: &State) -> Cookie {
    // Most programs without a session cookie send no cookie at all.
    if has_no_cookie(request.headers()) {
        return Cookie::Absent;
    }
    if let Some(Checked(secret)) = request.extensions().get() {
        return Cookie::Secret(*secret);
    }
    match read(&request.get_session()) {
        Some(secret) => {
            // The header as the client sent it, because the client will send the same bytes again.
            if let Some(AsSent(header)) = request.extensions().get() {
                state.checked_cookies.keep(header.as_bytes(), secret);
            } else if let Some(header) = only_header(request.headers()) {
                state.checked_cookies.keep(header, secret);
            }
            Cookie::Secret(secret)
        }
        None if request.cookie(name(state.site.is_secure())).is_none() => Cookie::Absent,
        None => {
            log_tampering();
            Cookie::Tampered
        }
    }
}

fn read(carried: &Carried) -> Option<SessionHash> {
    let secret = carried.get::<String>(SECRET).ok().flatten()?;
    Some(SessionSecret::presented(secret).hash())
}

/// Logs at most once a minute, because otherwise an attacker could fill the disk. actix-session's own messages,
/// one per cookie, are filtered out of the log.
fn log_tampering() {
    static LAST: Mutex<Option<Uptime>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    // By the monotonic clock: after the wall clock is set back, nothing would be logged until it had caught up.
    if is_due(&mut last, Uptime::now()) {
        tracing::warn!("a session cookie with a bad signature was ignored (logged once a minute)");
    }
}

fn is_due(last: &mut Option<Uptime>, now: Uptime) -> bool {
    let is_due = last.is_none_or(|last| now.since(last) >= LOG_TAMPERING_EVERY);
    if is_due {
        *last = Some(now);
    }
    is_due
}

/// Lets a handler set and remove the cookie.
pub struct SessionCookie {
    carried: Carried,
    request: HttpRequest,
}

impl SessionCookie {
    /// Returns the request's cookie if its signature is valid, whether or not its session is active. Where the
    /// Authorization header decides, the cookie is ignored, as at the gate.
    #[must_use]
    pub fn presented(&self) -> Option<SessionHash> {
        let prefixes = State::of(&self.request).ok()?.config.accounts.token_prefix.all();
        let counts = bearer::is_absent(self.request.headers(), prefixes);
        if counts { read(&self.carried) } else { None }
    }

    /// Sets the cookie of a session that has this secret: for the longest lifetime of a session, or until the
    /// browser closes if it must not be remembered. Also records the user for the request log.
    ///
    /// # Errors
    /// When the session has another secret, or the secret cannot be serialized as JSON: neither happens.
    pub fn set(&self, grant: &SessionGrant, secret: &SessionSecret) -> Result<(), Error> {
        if !grant.is_for(secret.hash()) {
            return Err(Code::Internal.into());
        }
        let session = grant.session();
        self.carried.insert(SECRET, secret.reveal()).map_err(|_| Code::Internal)?;
        self.request.extensions_mut().insert(Actor(session.user_id.clone()));
        if !session.remember {
            self.request.extensions_mut().insert(UntilClosed);
        }
        Ok(())
    }

    /// Removes the cookie and clears the browser's storage. Only for a user's own sign-out: a cookie whose
    /// session is not found may have been replaced in the meantime.
    pub fn remove(&self) {
        self.carried.purge();
        self.request.extensions_mut().insert(Ended);
    }
}

impl FromRequest for SessionCookie {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let carried = request.get_session();
        ready(Ok(Self { carried, request: request.clone() }))
    }
}

impl DeclaresAccess for SessionCookie {
    const ACCESS: Access = Access { sets_cookie: true, ..Access::OPTIONAL_AUTH };
}

/// Returns the cookie's name under these settings.
#[must_use]
pub fn name_for(config: &Config) -> &'static str {
    name(config.site.public_url.as_ref().is_some_and(|url| url.scheme() == "https"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    /// Returns whether the signature is cached, when one other header's is.
    fn is_known(request: TestRequest) -> bool {
        let known = CheckedCookies::new(10);
        known.keep(b"portcullis=x", SessionSecret::generate().hash());
        checked(request.to_srv_request().head(), &known).is_some()
    }

    fn with(cookie: &'static str) -> TestRequest {
        TestRequest::default().append_header((COOKIE, cookie))
    }

    #[test]
    fn verified_cookie_header_is_known_and_no_other() {
        assert!(is_known(with("portcullis=x")));
        assert!(!is_known(with("portcullis=y")));
        assert!(!is_known(with("portcullis=x; a=b")));
        assert!(!is_known(TestRequest::default()));
    }

    #[test]
    fn cookie_of_any_name_counts_as_a_cookie() {
        assert!(has_no_cookie(TestRequest::default().to_srv_request().headers()));
        assert!(!has_no_cookie(with("theirs=x").to_srv_request().headers()));
    }

    #[test]
    fn tampered_cookie_is_logged_once_a_minute_of_uptime() {
        let (start, mut last) = (Uptime::now(), None);
        for (seconds, logged) in [(0, true), (1, false), (59, false), (60, true), (119, false)] {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(is_due(&mut last, now), logged, "{seconds} s");
        }
    }

    #[test]
    fn duplicate_cookie_headers_are_never_known() {
        assert!(!is_known(with("portcullis=x").append_header((COOKIE, "portcullis=x"))));
        assert!(!is_known(with("portcullis=x").append_header((COOKIE, "portcullis=y"))));
    }
}
