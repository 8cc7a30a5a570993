//! Forms without JavaScript. A browser submits them itself: here the fields become the JSON that the API takes, and the
//! API's response becomes a redirect or a page. The API does not know of it, and the gate checks the request as any other.
//!
//! Fields whose names begin with `_` are not for the API:
//!
//! | field | meaning |
//! | --- | --- |
//! | `_then` | where to go when it is done |
//! | `_done` | the page to show instead: see [`Done`] |
//! | `_method` | another method than POST |
//! | `_boolean` | the name of a checkbox: browsers do not send those that are not checked |

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    body::{EitherBody, MessageBody, to_bytes_limited},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION},
    },
    middleware::Next,
    web::Bytes,
};
use askama::Template;
use serde_json::{Map, Value};
use strum::EnumString;
use url::form_urlencoded;

use super::{
    fault::{self, API},
    frame::{Frame, html},
};
use crate::{
    error::{Code, Error},
    gate::{navigates, next::trusted_callback, session_of},
    site::Site,
    state::State,
};

/// Where identity providers submit forms of their own.
const PROVIDERS: &str = "/api/auth/callback/";

const FORM: &str = "application/x-www-form-urlencoded";

/// How long the fields may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest response that becomes a page, in bytes.
const LARGEST: usize = 256 * 1024;

/// What is said after a form whose next step is elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub(super) enum Done {
    /// A mail was sent, if the email can use it.
    CheckEmail,
    /// The email is confirmed.
    EmailConfirmed,
    /// All access to an account is suspended.
    AccessSuspended,
}

impl Done {
    const fn title(self) -> &'static str {
        match self {
            Self::CheckEmail => "Check your email",
            Self::EmailConfirmed => "Your email is confirmed",
            Self::AccessSuspended => "Access is suspended",
        }
    }

    const fn text(self, has_passwords: bool) -> &'static str {
        match self {
            Self::CheckEmail => "A link is on its way, if this email can use it here.",
            Self::EmailConfirmed => "Thank you. You are all set.",
            Self::AccessSuspended if !has_passwords => {
                "Check your email: a link that restores access is on its way. If the email of your account was changed, an admin must help you."
            }
            Self::AccessSuspended => {
                "Check your email: a link to choose a new password is on its way. If the email of your account was changed, an admin must help you."
            }
        }
    }
}

#[derive(Template)]
#[template(path = "pages/done.html")]
struct DonePage {
    frame: Frame,
    title: &'static str,
    text: &'static str,
    /// New recovery codes, which are shown this once.
    codes: Vec<String>,
}

/// Leads to an identity provider. Not a redirect: after a form, browsers apply `form-action` of the
/// Content-Security-Policy to it as well (CSP 3, 6.4.1).
#[derive(Template)]
#[template(path = "pages/continue.html")]
struct ContinuePage<'a> {
    frame: Frame,
    url: &'a str,
}

/// The fields of a form that are not for the API.
#[derive(Debug, Default)]
struct Instructions {
    then: Option<String>,
    done: Option<Done>,
    method: Option<Method>,
}

/// Passes a form that a browser submits itself to the API as JSON, and answers with a redirect or a page.
pub async fn accept_native_forms<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    if !is_native_form(&request) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let Ok(Ok(form)) = tokio::time::timeout(TIMEOUT, request.extract::<Bytes>()).await else {
        let error = Error::from(Code::BadRequest);
        return Ok(request.error_response(error).map_into_right_body());
    };
    let (instructions, body) = parts(form_urlencoded::parse(&form).into_owned().collect());
    let body = Bytes::from(Value::Object(body).to_string());
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    if let Some(method) = &instructions.method {
        request.head_mut().method = method.clone();
    }
    request.set_payload(Payload::from(body));
    let (request, response) = next.call(request).await?.into_parts();
    let code = response.extensions().get::<Code>().copied();
    let (head, body) = response.into_parts();
    let body = to_bytes_limited(body, LARGEST).await.ok().and_then(Result::ok).unwrap_or_default();
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    let page = match State::of(&request) {
        Ok(state) => respond(state, &request, &instructions, head.status(), code, &answer),
        Err(error) => Err(error),
    };
    let mut page = page.unwrap_or_else(|error| error.error_response());
    for (name, value) in head.headers() {
        if ![CONTENT_TYPE, CONTENT_LENGTH, LOCATION].contains(name) {
            page.headers_mut().append(name.clone(), value.clone());
        }
    }
    Ok(ServiceResponse::new(request, page).map_into_right_body())
}

/// Returns whether a browser submits a form itself. A script that sends a form to the API is told that it takes JSON.
fn is_native_form(request: &ServiceRequest) -> bool {
    // Every request comes by here, and most are none.
    if request.method() != Method::POST {
        return false;
    }
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    State::of(request.request()).is_ok_and(|state| state.config.site.has_pages())
        && request.path().starts_with(API)
        && !request.path().starts_with(PROVIDERS)
        && kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM))
        && navigates(request.request())
}

/// Separates the instructions from what is for the API.
fn parts(fields: Vec<(String, String)>) -> (Instructions, Map<String, Value>) {
    let mut instructions = Instructions::default();
    let mut body = Map::new();
    let booleans = fields.iter().filter(|(name, _)| name == "_boolean");
    let booleans: Vec<String> = booleans.map(|(_, checkbox)| checkbox.clone()).collect();
    for checkbox in &booleans {
        body.insert(checkbox.clone(), Value::Bool(false));
    }
    for (name, value) in fields {
        match name.as_str() {
            "_then" => instructions.then = Some(value),
            "_done" => instructions.done = value.parse().ok(),
            "_method" => {
                let allowed = [Method::DELETE, Method::PATCH];
                instructions.method = allowed.into_iter().find(|method| method.as_str() == value);
            }
            // A whole link is pasted where a script would take its secret.
            "token" => {
                let secret = value.rsplit("token=").next().unwrap_or_default().trim();
                body.insert(name, secret.into());
            }
            _ if booleans.contains(&name) => {
                body.insert(name, Value::Bool(true));
            }
            _ if name.starts_with('_') || value.is_empty() => {}
            _ => {
                body.insert(name, value.into());
            }
        }
    }
    (instructions, body)
}

fn respond(
    state: &State,
    request: &HttpRequest,
    instructions: &Instructions,
    status: StatusCode,
    code: Option<Code>,
    answer: &Value,
) -> Result<HttpResponse, Error> {
    let then = instructions.then.as_deref().filter(|then| trusted_callback(then, &state.site));
    if let Some(code) = code {
        return match code {
            Code::Unauthorized => Ok(see_other(&page_then("/login?why=ended", then))),
            Code::SessionNotFresh | Code::SessionTooOld => {
                Ok(see_other(&page_then("/login?why=fresh", then)))
            }
            code => fault::of_form(state, request, code, answer),
        };
    }
    if !status.is_success() {
        return fault::of_form(state, request, Code::Internal, answer);
    }
    let codes = answer["backupCodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let codes: Vec<String> =
        codes.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    if answer["twoFactorRedirect"] == true {
        return Ok(see_other(&page_then("/two-factor", then)));
    }
    // Setting up the second factor answers with codes that the page of the settings asks for later.
    if codes.is_empty() || answer.get("totpURI").is_some() {
        if let Some(url) = answer["url"].as_str().filter(|url| !url.is_empty()) {
            if trusted_callback(url, &state.site) {
                return Ok(see_other(&absolute(url, &state.site)));
            }
            let frame = Frame::of(state, session_of(request).as_ref(), "login");
            return html(&ContinuePage { frame, url });
        }
        // A sign-up that waits for the email to be confirmed has no session to go on with.
        let goes_on = instructions.done.is_none() || answer["token"].is_string();
        if let Some(then) = then.filter(|_| goes_on) {
            return Ok(see_other(then));
        }
    }
    let frame = Frame::of(state, session_of(request).as_ref(), "done");
    let (title, text) = match instructions.done {
        Some(done) => (done.title(), done.text(frame.has_passwords)),
        None if codes.is_empty() => ("Done", ""),
        None => ("Your recovery codes", "Keep them where only you can read them. Each works once."),
    };
    html(&DonePage { frame, title, text, codes })
}

fn absolute(url: &str, site: &Site) -> String {
    site.public_url.join(url).map_or_else(|_| "/".to_owned(), Into::into)
}

/// Returns the path of a page that leads to another one afterwards.
fn page_then(page: &str, then: Option<&str>) -> String {
    let Some(then) = then else { return page.to_owned() };
    let next: String = form_urlencoded::byte_serialize(then.as_bytes()).collect();
    let joint = if page.contains('?') { '&' } else { '?' };
    format!("{page}{joint}next={next}")
}

/// A redirect after a POST, which the browser follows with GET (RFC 9110, 15.4.4).
fn see_other(place: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, place)).finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(form: &str) -> (Instructions, Value) {
        let fields = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        let (instructions, body) = parts(fields);
        (instructions, Value::Object(body))
    }

    #[test]
    fn fields_become_json_and_instructions_are_kept_apart() {
        let (instructions, body) = parsed(
            "email=ada%40example.com&password=true&_boolean=rememberMe&_boolean=trustDevice\
             &trustDevice=on&_then=%2Fsettings&_method=PATCH&_done=check-email&_other=x&name=",
        );
        assert_eq!(
            body,
            json!({ "email": "ada@example.com", "password": "true", "rememberMe": false, "trustDevice": true })
        );
        assert_eq!(instructions.then.as_deref(), Some("/settings"));
        assert_eq!(instructions.method, Some(Method::PATCH));
        assert_eq!(instructions.done, Some(Done::CheckEmail));
        assert_eq!(parsed("_method=CONNECT").0.method, None);
    }

    #[test]
    fn pasted_link_becomes_its_secret() {
        for pasted in ["abc", " abc ", "https%3A%2F%2Fexample.com%2Fx%3Fy%3Dz%23token%3Dabc"] {
            assert_eq!(parsed(&format!("token=&token={pasted}")).1, json!({ "token": "abc" }));
        }
    }
}
