//! Where a browser comes back from an identity provider without a session.

use actix_web::{HttpResponse, web::Data};
use askama::Template;
use serde::Deserialize;
use validator::Validate;

use super::frame::{Frame, html};
use crate::{
    api::{auth::social::failure::Failure, query::ValidQuery},
    error::Error,
    gate::Session,
    state::State,
};

/// Why the browser comes back without a session.
#[derive(Deserialize, Validate)]
pub(super) struct FailureQuery {
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/sign-in-error.html")]
struct SignInError {
    frame: Frame,
    advice: &'static str,
    /// Whether the user can sign in again another way.
    of_reauthentication: bool,
}

/// Says why a sign-in at a provider failed, and what to do.
pub(super) async fn sign_in_error(
    session: Option<Session>,
    state: Data<State>,
    ValidQuery(query): ValidQuery<FailureQuery>,
) -> Result<HttpResponse, Error> {
    // Only this application's own sentences are shown: anyone may have written the query.
    let failure = query.error.as_deref().and_then(|name| name.parse::<Failure>().ok());
    let advice = failure.map_or("The identity provider could not sign you in.", Failure::advice);
    html(&SignInError {
        frame: Frame::of(&state, session.as_ref(), "login"),
        advice,
        of_reauthentication: failure.is_some_and(Failure::is_of_reauthentication),
    })
}
