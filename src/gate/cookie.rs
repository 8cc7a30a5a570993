//! The session cookie. The only file that names actix-session, which signs it and carries it.

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

use super::{Access, Declares, bearer, log_identity::Actor};
use crate::{
    config::{self, Config},
    error::{Code, Error},
    secrets::{CheckedCookies, SessionHash, SessionSecret, SigningKey},
    site::Site,
    state::State,
    store::{sessions::ABSOLUTE_TIMEOUT, users::User},
    time::{Timestamp, Uptime},
};

pub use older_keys::{Signatures, renew_signatures};

use older_keys::AsSent;

/// The one entry of the cookie's state.
const SECRET: &str = "secret";

/// How often cookies with a bad signature are worth a line in the log.
const LOG_TAMPERING_EVERY: Duration = Duration::from_mins(1);

/// What is presented as a cookie.
pub(super) enum Cookie {
    /// There is none.
    Absent,
    /// One that we did not sign.
    Tampered,
    /// One of ours, whether or not its session is alive.
    Secret(SessionHash),
}

/// The cookie's name. `__Host-` makes browsers refuse one that is not Secure, host-only and for `/`
/// (RFC 6265bis, 4.1.3.2); over http, on localhost, such a cookie could not be set.
#[must_use]
pub fn name(secure: bool) -> &'static str {
    if secure { "__Host-portcullis" } else { "portcullis" }
}

/// What signs the cookie, sets it and reads it.
///
/// Nothing here ends a session: its row does. The cookie store does not enforce a time to live.
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
        // Signed, not encrypted: what is inside is random, and its hash alone is stored.
        .cookie_content_security(CookieContentSecurity::Signed)
        .session_lifecycle(PersistentSession::default().session_ttl(longest_life()))
        .build()
}

/// As long as a session can live at all, from the start: its row says when it ends, and no later answer has to
/// send the cookie again.
fn longest_life() -> time::Duration {
    time::Duration::microseconds((Timestamp::from_micros(0) + ABSOLUTE_TIMEOUT).micros())
}

/// Marks a request whose new cookie is to be forgotten with the browser's window.
struct UntilClosed;

/// Marks a request whose session has ended, at its user's wish.
struct Ended;

/// What a browser is to forget with a session (Clear Site Data). Not its cookies: that would mean all of
/// the domain's, also other hosts' on it. Nor its cache: no answer to a signed-in user is stored there, and
/// Chromium walks through the cache of every site to clear that of one, for which the user would wait seconds.
const FORGET: HeaderValue = HeaderValue::from_static(r#""storage""#);

/// Takes Max-Age from the cookie of a session that is not to be remembered, as actix-session knows one
/// life for all, and has the browser forget what it kept of one that has ended. It must stand outside
/// [`middleware`], which writes the cookie on the way out.
pub async fn finish<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let mut response = next.call(request).await?;
    if response.request().extensions().contains::<Ended>() {
        response.headers_mut().insert(CLEAR_SITE_DATA, FORGET);
    }
    if response.request().extensions().contains::<UntilClosed>() {
        let written =
            response.response().cookies().find(|cookie| cookie.name().ends_with("portcullis"));
        if let Some(mut cookie) = written.map(actix_web::cookie::Cookie::into_owned) {
            response.response_mut().del_cookie(cookie.name());
            cookie.set_max_age(None);
            response.response_mut().add_cookie(&cookie)?;
        }
    }
    Ok(response)
}

/// Lets pass what actix-session has nothing to do for, where no cookie is set: a request without any cookie,
/// anybody's, and one whose cookie was checked before and stays with the browser, whatever becomes of it here.
#[must_use]
pub fn signature_is_cached(state: &Data<State>) -> impl Guard + use<> {
    let state = state.clone();
    fn_guard(move |context| {
        if has_none(context.head().headers()) {
            return true;
        }
        let Some(secret) = checked(context.head(), &state.checked_cookies) else { return false };
        context.req_data_mut().insert(Checked(secret));
        true
    })
}

fn has_none(headers: &HeaderMap) -> bool {
    !headers.contains_key(COOKIE)
}

/// Left in a request whose cookie was checked before.
struct Checked(SessionHash);

/// What a request's cookie carries, if that is known.
fn checked(head: &RequestHead, known: &CheckedCookies) -> Option<SessionHash> {
    known.find(only_header(head.headers())?)
}

/// The header, if it is the only one: two are left to actix-session.
fn only_header(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(COOKIE);
    let first = values.next()?;
    values.next().is_none().then_some(first.as_bytes())
}

/// Whether a request comes with a session cookie and no token, so that the cookie would decide. Whether it opens
/// anything is not asked.
#[must_use]
pub fn is_presented(head: &RequestHead, state: &State) -> bool {
    let name = name(state.site.is_secure());
    let values = head.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let mut names =
        values.flat_map(|value| value.split(';')).filter_map(|pair| pair.split('=').next());
    bearer::is_absent(head.headers(), state.config.token_prefix.all())
        && names.any(|found| found.trim() == name)
}

/// What cookie a request presents.
pub(super) fn presented(request: &ServiceRequest, state: &State) -> Cookie {
    // Most programs that present nothing present no cookie of anybody's.
    if has_none(request.headers()) {
        return Cookie::Absent;
    }
    if let Some(Checked(secret)) = request.extensions().get() {
        return Cookie::Secret(*secret);
    }
    match read(&request.get_session()) {
        Some(secret) => {
            // As it was sent, since that is how it comes again.
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

/// actix-session would write a line for each, which lets a stranger fill the disk; its own are
/// filtered out of the log.
fn log_tampering() {
    static LAST: Mutex<Option<Uptime>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    // Not by the time of day: where that is set back, nothing would be logged until it has caught up.
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

/// A handler's way to set and remove the cookie.
pub struct SessionCookie {
    carried: Carried,
    request: HttpRequest,
}

impl SessionCookie {
    /// What cookie came with the request, if it is one of ours, dead or alive. Where Authorization
    /// decides, it is not consulted, here as little as at the gate.
    #[must_use]
    pub fn presented(&self) -> Option<SessionHash> {
        let prefixes = State::of(&self.request).ok()?.config.token_prefix.all();
        let counts = bearer::is_absent(self.request.headers(), prefixes);
        if counts { read(&self.carried) } else { None }
    }

    /// Sets the cookie of a user's new session: for the longest life of one, or, if it is not to be remembered, until the
    /// browser closes. The log is told whose it is.
    ///
    /// # Errors
    /// When the secret cannot be written as JSON, which does not happen.
    pub fn set(&self, user: &User, secret: &SessionSecret, remember: bool) -> Result<(), Error> {
        self.carried.insert(SECRET, secret.reveal()).map_err(|_| Code::Internal)?;
        self.request.extensions_mut().insert(Actor(user.id.clone()));
        if !remember {
            self.request.extensions_mut().insert(UntilClosed);
        }
        Ok(())
    }

    /// Has the answer remove the cookie, and the browser forget what it kept beside it: for what ends a session
    /// at its user's wish, and nothing else. A cookie that merely was not found may have been replaced since.
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

impl Declares for SessionCookie {
    const ACCESS: Access = Access { sets_cookie: true, ..Access::OPTIONAL_AUTH };
}

/// The cookie's name under these settings.
#[must_use]
pub fn name_for(config: &Config) -> &'static str {
    name(config.public_url.as_ref().is_some_and(|url| url.scheme() == "https"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    /// Whether this is known, where one header was checked before.
    fn is_known(request: TestRequest) -> bool {
        let known = CheckedCookies::new(10);
        known.keep(b"portcullis=x", SessionSecret::generate().hash());
        checked(request.to_srv_request().head(), &known).is_some()
    }

    fn with(cookie: &'static str) -> TestRequest {
        TestRequest::default().append_header((COOKIE, cookie))
    }

    #[test]
    fn a_header_that_was_checked_is_known_and_no_other() {
        assert!(is_known(with("portcullis=x")));
        assert!(!is_known(with("portcullis=y")));
        assert!(!is_known(with("portcullis=x; a=b")));
        assert!(!is_known(TestRequest::default()));
    }

    #[test]
    fn anybodys_cookie_is_a_cookie() {
        assert!(has_none(TestRequest::default().to_srv_request().headers()));
        assert!(!has_none(with("theirs=x").to_srv_request().headers()));
    }

    #[test]
    fn a_tampered_cookie_is_logged_once_a_minute_of_uptime() {
        let (start, mut last) = (Uptime::now(), None);
        for (seconds, logged) in [(0, true), (1, false), (59, false), (60, true), (119, false)] {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(is_due(&mut last, now), logged, "{seconds} s");
        }
    }

    #[test]
    fn of_two_headers_none_is_known() {
        assert!(!is_known(with("portcullis=x").append_header((COOKIE, "portcullis=x"))));
        assert!(!is_known(with("portcullis=x").append_header((COOKIE, "portcullis=y"))));
    }
}
