//! The invoice: its table, its operations, and what the constraints mean to a client.

use actix_web::{HttpResponse, web::Data};
use portcullis::{fields, jobs::JobKind as _, prelude::*, store::constraints::Constraint};

use super::reminder::Reminder;

stored_enum! {
    /// The status of an invoice.
    pub enum InvoiceStatus in invoices.status {
        /// It has not been sent.
        Draft,
        /// It was sent to the customer.
        Sent,
        /// The customer has paid.
        Paid,
    }
}

resource! {
    /// An invoice, which belongs to one user.
    pub struct Invoice in invoices {
        /// The number on the invoice: no other invoice of yours has it.
        #[validate(custom(function = "fields::name"))]
        #[schema(min_length = 1, max_length = 100, example = "2026-001")]
        number: String,
        /// Who is to pay.
        #[validate(custom(function = "fields::line::<200>"))]
        #[schema(min_length = 1, max_length = 200, example = "Analytical Engines Ltd")]
        customer_name: String,
        /// What is to be paid, in cents.
        #[validate(range(min = 1, max = 100_000_000, message = "must be 1 to 100000000"))]
        #[schema(minimum = 1, maximum = 100_000_000, example = 129_900)]
        amount_cents: i32,
        /// The status: `draft` at first, if it is left out.
        status: Stored<InvoiceStatus> = InvoiceStatus::Draft,
        /// The day by which it is to be paid.
        due_date: Date,
        /// What else is to be said about it.
        #[validate(custom(function = "fields::lines::<5000>"))]
        #[schema(max_length = 5000, example = "Two thirds now, the rest on delivery.")]
        notes: Option<String>,
    }
    /// An invoice to create.
    create CreateInvoice,
    /// The changes to an invoice. Omitted fields stay as they are, and null clears the notes.
    update UpdateInvoice,
    operations "/api/invoices" of "an invoice", "invoices" {
        list list_invoices,
        show show_invoice,
        update update_invoice,
        delete delete_invoice,
    }
}

/// Create an invoice
#[utoipa::path(
    post, path = "/api/invoices", tag = "invoices", request_body = CreateInvoice,
    responses((
        status = 201, description = "The invoice, of which you will be reminded on the day it is due", body = Invoice,
        headers(("Location" = String, description = "The URL of the invoice"))
    ))
)]
pub async fn create_invoice(
    owner: Owner,
    state: Data<State>,
    ValidJson(body): ValidJson<CreateInvoice>,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let invoice = Invoice::new(&owner, body, now);
    let reminder = Reminder { owner, invoice_id: invoice.id.clone() };
    let reminder = reminder.row(Some(&invoice.user_id), now).due_at(invoice.due_date.start());
    let invoice = invoice.insert(&state.store, vec![reminder]).await?;
    state.job_added.notify_one();
    Ok(created("/api/invoices", &invoice.id, &invoice))
}

/// What the table's constraints mean to a client.
pub const CONSTRAINTS: &[Constraint] = &[
    Constraint::own_user("invoices_user_id_fkey"),
    Constraint::unique(
        "invoices_user_id_number_key",
        "invoices.user_id, invoices.number",
        "number",
        "You have an invoice with this number already.",
    ),
    Constraint::check("invoices_amount_cents_check", "amountCents", "must be 1 to 100000000"),
];
