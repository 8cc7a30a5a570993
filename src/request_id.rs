//! The number by which one request is found again: in its answer, in an error's body, in the log.

use actix_web::http::header::HeaderName;

tokio::task_local! {
    static CURRENT: String;
}

/// The header that every answer carries.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// A new one. A client's own is not taken over: it could forge what a log says.
#[must_use]
pub fn generate() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// The id of the request that is being answered, if one is.
#[must_use]
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs what answers a request under its id.
pub async fn scope<F: Future>(id: String, answer: F) -> F::Output {
    CURRENT.scope(id, answer).await
}
