//! The current user.

use actix_web::web::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::user::{SessionView, User};
use crate::{
    api::tag,
    gate::{BeforeEnrolment, Session},
    scope::GrantableScope,
};

/// The user, and what the credential allows.
#[derive(Serialize, ToSchema)]
#[schema(as = CurrentUser)]
pub struct Me {
    /// The user whom the credential belongs to.
    user: User,
    /// The session; null for an API token.
    #[schema(required)]
    session: Option<SessionView>,
    /// What the presented credential allows.
    #[schema(example = json!(["read", "write"]))]
    scopes: Vec<GrantableScope>,
}

/// See who you are
///
/// The user, the session if you came with the cookie, and what your credential allows.
#[utoipa::path(
    get,
    path = "/api/me",
    tag = tag::ACCOUNT,
    responses((status = 200, description = "You", body = Me))
)]
pub async fn show_me(session: Session, _: BeforeEnrolment) -> Json<Me> {
    let scopes = session.scopes();
    Json(Me { user: session.user.into(), session: session.session.map(SessionView::from), scopes })
}
