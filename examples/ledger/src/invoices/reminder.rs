//! The job that reminds the owner of an invoice on the day it is due.

use portcullis::jobs::{Email, Failure, JobContext, JobKind};
use serde::{Deserialize, Serialize};

use super::store::{self, Status};

/// Reminds the owner, unless the invoice is paid or gone by then.
#[derive(Serialize, Deserialize)]
pub struct Reminder {
    pub user_id: String,
    pub invoice_id: String,
}

impl JobKind for Reminder {
    const NAME: &'static str = "invoice-reminder";

    async fn run(self, job: JobContext<'_>) -> Result<(), Failure> {
        let found = store::find(&job.state.store, self.user_id.clone(), self.invoice_id).await?;
        let Some(invoice) = found.filter(|invoice| invoice.status != Status::Paid) else {
            return Ok(());
        };
        let email = Email::new(format!("Invoice {} is due", invoice.number))
            .paragraph(format!("{} was to pay it by {}.", invoice.customer_name, invoice.due_date))
            .link("Show your invoices", "/invoices");
        job.email_user(&self.user_id, email).await
    }
}
