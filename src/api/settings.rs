//! The settings: the sample handler that requires authentication.

use std::sync::Arc;

use actix_web::web::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{api::tag, gate::Session};

/// The data of the settings page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Your name.
    #[schema(example = "Ada")]
    name: String,
    /// Your email, in lower case.
    #[schema(format = Email, example = "ada@example.com")]
    email: String,
    /// Whether your email is confirmed.
    #[schema(example = true)]
    email_verified: bool,
}

/// See your settings
///
/// Your name and email, and whether the email is confirmed.
#[utoipa::path(
    get,
    path = "/api/settings",
    tag = tag::ACCOUNT,
    responses((status = 200, description = "Your settings", body = Settings))
)]
pub async fn show_settings(session: Session) -> Json<Settings> {
    let user = Arc::unwrap_or_clone(session.user);
    Json(Settings { name: user.name, email: user.email, email_verified: user.email_verified })
}
