//! The dashboard: the sample handler with optional authentication.

use actix_web::web::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{api::tag, gate::Session};

/// The data of the front page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dashboard {
    /// Whether the request had a valid credential.
    #[schema(example = true)]
    signed_in: bool,
    /// The user's email; left out for an anonymous request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Email, example = "ada@example.com")]
    email: Option<String>,
}

/// See the dashboard
///
/// Works for anonymous clients too, and shows the user who is signed in.
#[utoipa::path(
    get,
    path = "/api/dashboard",
    tag = tag::ACCOUNT,
    responses((status = 200, description = "The dashboard", body = Dashboard))
)]
pub async fn show_dashboard(session: Option<Session>) -> Json<Dashboard> {
    let email = session.map(|session| session.user.email.clone());
    Json(Dashboard { signed_in: email.is_some(), email })
}
