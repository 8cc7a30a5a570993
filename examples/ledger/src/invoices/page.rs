//! The page that lists a user's invoices.

use actix_web::web::Data;
use portcullis::{api::page::window, error::Error, gate::Session, pages::View, state::State};

use super::store::{self, Invoice};

/// How many invoices the page shows.
const SHOWN: u32 = 50;

#[derive(askama::Template)]
#[template(path = "invoices/page.html")]
struct Invoices {
    invoices: Vec<Invoice>,
}

/// Shows the newest invoices.
pub async fn show_invoices(session: Session, state: Data<State>) -> Result<View, Error> {
    let window = window(None, None, SHOWN)?;
    let page = store::list(&state.store, session.user.id.clone(), window).await?;
    View::new("Invoices", &Invoices { invoices: page.rows })
}

impl Invoice {
    /// Returns the amount as it is written: 129900 cents are 1299.00.
    fn amount(&self) -> String {
        format!("{}.{:02}", self.amount_cents / 100, self.amount_cents % 100)
    }
}
