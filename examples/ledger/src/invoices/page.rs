//! The page that lists a user's invoices.

use actix_web::web::Data;
use portcullis::{pages::View, prelude::*};

use super::invoice::Invoice;

/// How many invoices the page shows.
const SHOWN: u32 = 50;

#[derive(askama::Template)]
#[template(path = "invoices/page.html")]
struct Invoices {
    invoices: Vec<Invoice>,
}

/// Shows the newest invoices.
pub async fn show_invoices(owner: Owner, state: Data<State>) -> Result<View, Error> {
    let window = window(None, None, SHOWN)?;
    let page = Invoice::list(&state.store, &owner, window).await?;
    View::new("Invoices", &Invoices { invoices: page.rows })
}

impl Invoice {
    /// Returns the amount as it is written: 129900 cents are 1299.00.
    fn amount(&self) -> String {
        format!("{}.{:02}", self.amount_cents / 100, self.amount_cents % 100)
    }
}
