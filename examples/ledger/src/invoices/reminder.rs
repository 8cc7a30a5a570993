//! The job that reminds the owner of an invoice on the day it is due.

use portcullis::{
    gate::Owner,
    jobs::{Email, Failure, JobContext, JobKind},
};
use serde::{Deserialize, Serialize};

use super::invoice::{Invoice, InvoiceStatus};

/// Reminds the owner, unless the invoice is paid or gone by then.
#[derive(Serialize, Deserialize)]
pub struct Reminder {
    pub owner: Owner,
    pub invoice_id: String,
}

impl JobKind for Reminder {
    const NAME: &'static str = "invoice-reminder";

    async fn run(self, job: JobContext<'_>) -> Result<(), Failure> {
        let found = Invoice::find(&job.state.store, &self.owner, self.invoice_id).await?;
        let Some(invoice) = found.filter(|invoice| invoice.status != InvoiceStatus::Paid) else {
            return Ok(());
        };
        let email = Email::new(format!("Invoice {} is due", invoice.number))
            .paragraph(format!("{} was to pay it by {}.", invoice.customer_name, invoice.due_date))
            .link("Show your invoices", "/invoices");
        job.email_user(&invoice.user_id, email).await
    }
}
