//! What a browser shows where a program would be answered with a problem.

use actix_web::{
    HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    middleware::Next,
};
use askama::Template;

use super::frame::{self, Frame};
use crate::{
    config::Switch,
    error::{Code, Error},
    gate::is_navigation,
    request_id,
    state::State,
};

#[derive(Template)]
#[template(path = "pages/fault.html")]
struct Fault {
    frame: Frame,
    status: u16,
    title: &'static str,
    text: &'static str,
    request_id: Option<String>,
}

/// Turns the problem that a browser's navigation is answered with into a page, but for the API, which
/// answers as an API whoever asks. Status and headers stay: a cookie that is not touched by a fault is
/// not touched here either.
pub async fn dress<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let response = next.call(request).await?;
    let code = response.response().extensions().get::<Code>().copied();
    let state = State::of(response.request()).ok();
    match (code, state) {
        (Some(code), Some(state))
            if state.config.pages == Switch::On
                && is_navigation(response.request())
                && !response.request().path().starts_with("/api/") =>
        {
            let Ok(page) = fault(state, code) else { return Ok(response.map_into_left_body()) };
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

fn fault(state: &State, code: Code) -> Result<HttpResponse, Error> {
    let status = code.status();
    let fault = Fault {
        frame: Frame::of(state, None, "fault"),
        status: status.as_u16(),
        title: title(status),
        text: match code {
            Code::NotFound => "The address may be mistyped, or what was here is gone.",
            code => code.message(),
        },
        request_id: status.is_server_error().then(request_id::current).flatten(),
    };
    frame::page(status, &fault)
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "This is not for you",
        StatusCode::NOT_FOUND => "There is nothing here",
        StatusCode::METHOD_NOT_ALLOWED => "This cannot be opened",
        StatusCode::TOO_MANY_REQUESTS => "A little slower, please",
        StatusCode::SERVICE_UNAVAILABLE => "We cannot answer just now",
        status if status.is_server_error() => "Something went wrong on our side",
        _ => "This did not work",
    }
}
