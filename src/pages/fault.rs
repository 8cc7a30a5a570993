//! Error pages: HTML for browsers, instead of the problem details that other clients receive.

use actix_web::{
    HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, RETRY_AFTER},
    },
    middleware::Next,
};
use askama::Template;
use serde_json::Value;

use super::frame::{self, Frame};
use crate::{
    error::{Code, Error, spelled_out},
    gate::{cookie, is_navigation, log_identity, session_of},
    request_id,
    state::State,
};

/// Paths with this prefix respond as an API, even to browsers.
pub(super) const API: &str = "/api/";

#[derive(Template)]
#[template(path = "pages/fault.html")]
struct Fault {
    frame: Frame,
    status: u16,
    title: &'static str,
    text: String,
    /// After how many seconds a rate-limited request may be repeated.
    wait: Option<u64>,
    request_id: Option<String>,
    /// What is wrong with the fields of the form that was sent, if one was.
    form: Option<Vec<String>>,
}

/// Replaces the problem details in the response to a browser's navigation with a page, except under the API's
/// prefix. Status and headers stay the same: a cookie that the error leaves in place is left in place here too.
/// For a signed-in user the error page has the same frame as the other pages.
pub async fn render_error_pages<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let response = next.call(request).await?;
    let code = response.response().extensions().get::<Code>().copied();
    let state = State::of(response.request()).ok();
    match (code, state) {
        (Some(code), Some(state))
            if state.config.site.has_pages()
                && is_navigation(response.request())
                && !response.request().path().starts_with(API) =>
        {
            let Ok(page) = fault(state, code, &response) else {
                return Ok(response.map_into_left_body());
            };
            let (request, bare) = response.into_parts();
            let mut page = page.map_into_boxed_body();
            for (name, value) in bare.headers() {
                if name != CONTENT_TYPE && name != CONTENT_LENGTH {
                    page.headers_mut().append(name.clone(), value.clone());
                }
            }
            Ok(ServiceResponse::new(request, page).map_into_right_body())
        }
        _ => Ok(response.map_into_left_body()),
    }
}

fn fault<B>(
    state: &State,
    code: Code,
    response: &ServiceResponse<B>,
) -> Result<HttpResponse, Error> {
    let (request, status) = (response.request(), code.status());
    let session = session_of(request);
    let wait = wait(response.headers()).filter(|_| status == StatusCode::TOO_MANY_REQUESTS);
    let fault = Fault {
        frame: Frame {
            // If the gate did not resolve the caller, all that is known is whether there is a cookie.
            has_cookie: match log_identity(request).outcome {
                Some(_) => session.is_some(),
                None => cookie::is_presented(request.head(), state),
            },
            ..Frame::of(state, session.as_ref(), "fault")
        },
        status: status.as_u16(),
        title: title(status),
        text: match (code, wait) {
            (Code::NotFound, _) => "The URL may be mistyped, or the page was removed.".to_owned(),
            (Code::TooManyRequests, Some(wait)) => format!(
                "Too many requests came from your network. Try again in {}.",
                spelled_out(wait)
            ),
            (code, _) => code.message().to_owned(),
        },
        wait,
        request_id: status.is_server_error().then(request_id::current).flatten(),
        form: None,
    };
    frame::page(status, &fault)
}

/// Returns the page for a form that a browser submitted itself, and that the API rejected with this response.
pub(super) fn of_form(
    state: &State,
    request: &HttpRequest,
    code: Code,
    problem: &Value,
) -> Result<HttpResponse, Error> {
    let status = code.status();
    let fields = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |error: &Value| format!("{} {}", text(&error["field"]), text(&error["message"]));
    let page = Fault {
        frame: Frame::of(state, session_of(request).as_ref(), "fault"),
        status: status.as_u16(),
        title: if status.is_client_error() { "That did not work" } else { title(status) },
        text: problem["detail"].as_str().unwrap_or_else(|| code.message()).to_owned(),
        wait: None,
        request_id: status.is_server_error().then(request_id::current).flatten(),
        form: Some(fields.iter().map(line).collect()),
    };
    frame::page(status, &page)
}

fn wait(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "You don't have access to this page",
        StatusCode::NOT_FOUND => "Page not found",
        StatusCode::METHOD_NOT_ALLOWED => "This page cannot be opened",
        StatusCode::TOO_MANY_REQUESTS => "Too many requests",
        StatusCode::SERVICE_UNAVAILABLE => "Temporarily unavailable",
        status if status.is_server_error() => "Something went wrong on our side",
        _ => "Something went wrong",
    }
}
