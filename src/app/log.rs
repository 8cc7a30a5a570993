//! The one line that the log gets of a request, and what the metrics count of it.
//!
//! `docs/events.md` says what its fields mean. It names nobody but by id, and holds nothing that a
//! caller has written but the path, which the formatter escapes.

use std::time::Instant;

use actix_web::{
    HttpResponse,
    dev::ServiceResponse,
    http::{Method, StatusCode},
};

use crate::{
    error::Code,
    gate::{Told, told},
    state::State,
};

/// Notes an answer. One that left the application as an error has lost its request on the way.
pub(super) fn answered<B>(
    answer: &Result<ServiceResponse<B>, HttpResponse>,
    method: &Method,
    started: Instant,
) {
    let took = started.elapsed();
    let (status, code, told, route) = match answer {
        Ok(response) => (
            response.status(),
            response.response().extensions().get::<Code>().copied(),
            told(response.request()),
            response.request().match_pattern(),
        ),
        Err(response) => {
            (response.status(), response.extensions().get::<Code>().copied(), Told::default(), None)
        }
    };
    let reason = code.map(Code::name);
    tracing::info!(
        status = status.as_u16(),
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        route,
        gate = told.outcome,
        user = told.user,
        reason,
        "answered"
    );
    let Ok(response) = answer else { return };
    let Ok(state) = State::of(response.request()) else { return };
    state.metrics.answered(known(method), route.as_deref(), status.as_u16(), took);
    if let Some(outcome) = told.outcome.or_else(|| reason.filter(|_| stands(status))) {
        state.metrics.found(outcome);
    }
}

/// Whether an answer without a finding is the gate's own: a foreign page, a scope, a limit, a fault.
fn stands(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

/// A method as a label: of those that somebody makes up there may be any number.
fn known(method: &Method) -> &str {
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
