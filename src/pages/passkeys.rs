//! The settings of passkeys.

use actix_web::{HttpResponse, web::Data};
use askama::Template;

use super::frame::{Frame, html};
use crate::{
    error::Error,
    gate::{ByCookie, Session},
    state::State,
    store::passkeys::{self, PasskeyRow},
    time::Timestamp,
};

/// A passkey, as it is displayed.
struct Passkey {
    id: String,
    name: String,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    /// Whether it is on other devices as well.
    is_synchronised: bool,
}

impl From<PasskeyRow> for Passkey {
    fn from(row: PasskeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            is_synchronised: row.backed_up,
        }
    }
}

#[derive(Template)]
#[template(path = "pages/settings-passkeys.html")]
struct PasskeySettings {
    frame: Frame,
    nav_section: &'static str,
    /// Why this site has no passkeys.
    unavailable: Option<String>,
    passkeys: Vec<Passkey>,
}

pub(super) async fn settings(
    session: Session,
    _: ByCookie,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    let passkeys = passkeys::list(&state.store, session.user.id.clone()).await?;
    html(&PasskeySettings {
        frame: Frame::of(&state, Some(&session), "settings"),
        nav_section: "passkeys",
        unavailable: state.passkeys.as_ref().err().map(ToString::to_string),
        passkeys: passkeys.into_iter().map(Passkey::from).collect(),
    })
}
