//! The operations on invoices. Who may call each is said by its arguments.

use actix_web::{
    HttpResponse, Responder,
    http::{StatusCode, header::LOCATION},
    web::{Data, Json, Path},
};
use portcullis::{fields, jobs::JobKind as _, prelude::*, store::page::new_id};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::{
    reminder::Reminder,
    store::{self, Changes, Invoice, Status},
};

/// The group of the operations in the OpenAPI document.
pub const TAG: &str = "invoices";

/// List your invoices
#[utoipa::path(
    get, path = "/api/invoices", tag = TAG, params(Paging),
    responses((status = 200, description = "A page of your invoices, newest first", body = Page<Invoice>))
)]
pub async fn list_invoices(
    owner: Owner,
    state: Data<State>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<Page<Invoice>>, Error> {
    let window = window(paging.cursor, paging.before, paging.limit)?;
    let page = store::list(&state.store, owner.id, window).await?;
    Ok(Json(Page::of(page, |invoice| invoice)))
}

/// An invoice to create.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "number": "2026-001", "customerName": "Analytical Engines Ltd", "amountCents": 129_900, "dueDate": "2026-12-31",
    "notes": "Two thirds now, the rest on delivery."
}))]
pub struct CreateInvoice {
    /// The number on the invoice: no other invoice of yours has it.
    #[validate(custom(function = "fields::name"))]
    #[schema(min_length = 1, max_length = 100)]
    number: String,
    /// Who is to pay.
    #[validate(custom(function = "fields::line::<200>"))]
    #[schema(min_length = 1, max_length = 200)]
    customer_name: String,
    /// What is to be paid, in cents.
    #[validate(range(min = 1, max = 100_000_000, message = "must be 1 to 100000000"))]
    #[schema(minimum = 1, maximum = 100_000_000)]
    amount_cents: i32,
    /// `draft` if left out.
    status: Option<Status>,
    /// The day by which it is to be paid.
    due_date: Date,
    /// What else is to be said about it.
    #[validate(custom(function = "fields::lines::<5000>"))]
    #[schema(max_length = 5000)]
    notes: Option<String>,
}

/// Create an invoice
#[utoipa::path(
    post, path = "/api/invoices", tag = TAG, request_body = CreateInvoice,
    responses((
        status = 201, description = "The invoice", body = Invoice,
        headers(("Location" = String, description = "The URL of the invoice"))
    ))
)]
pub async fn create_invoice(
    owner: Owner,
    state: Data<State>,
    ValidJson(body): ValidJson<CreateInvoice>,
) -> Result<impl Responder, Error> {
    let now = state.clock.now();
    let invoice = Invoice {
        id: new_id(),
        user_id: owner.id,
        number: body.number,
        customer_name: body.customer_name,
        amount_cents: body.amount_cents,
        status: body.status.unwrap_or(Status::Draft).into(),
        due_date: body.due_date,
        notes: body.notes,
        created_at: now,
        updated_at: now,
    };
    let reminder = Reminder { user_id: invoice.user_id.clone(), invoice_id: invoice.id.clone() };
    let reminder = reminder.row(Some(&invoice.user_id), now).due_at(invoice.due_date.start());
    let invoice = store::create_with_reminder(&state.store, invoice, reminder).await?;
    state.job_added.notify_one();
    let url = format!("/api/invoices/{}", invoice.id);
    Ok(Json(invoice).customize().with_status(StatusCode::CREATED).insert_header((LOCATION, url)))
}

/// See an invoice
#[utoipa::path(
    get, path = "/api/invoices/{id}", tag = TAG, params(("id" = Uuid, Path, description = "The invoice's id")),
    responses((status = 200, description = "The invoice", body = Invoice))
)]
pub async fn show_invoice(
    owner: Owner,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<Invoice>, Error> {
    let found = store::find(&state.store, owner.id, id.to_string()).await?;
    Ok(Json(found.ok_or(Code::NotFound)?))
}

/// The changes to an invoice. Omitted fields stay as they are.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "status": "paid", "notes": null }))]
pub struct UpdateInvoice {
    /// The number on the invoice.
    #[validate(custom(function = "fields::name"))]
    #[schema(min_length = 1, max_length = 100)]
    number: Option<String>,
    /// Who is to pay.
    #[validate(custom(function = "fields::line::<200>"))]
    #[schema(min_length = 1, max_length = 200)]
    customer_name: Option<String>,
    /// What is to be paid, in cents.
    #[validate(range(min = 1, max = 100_000_000, message = "must be 1 to 100000000"))]
    #[schema(minimum = 1, maximum = 100_000_000)]
    amount_cents: Option<i32>,
    /// The status of the invoice.
    status: Option<Status>,
    /// The day by which it is to be paid.
    due_date: Option<Date>,
    /// Null removes them. Left out, they stay as they are: only an option within an option tells the two apart.
    #[serde(default, deserialize_with = "fields::given")]
    #[validate(custom(function = "fields::lines::<5000>"))]
    #[schema(value_type = Option<String>, max_length = 5000)]
    notes: Option<Option<String>>,
}

/// Change an invoice
#[utoipa::path(
    patch, path = "/api/invoices/{id}", tag = TAG, params(("id" = Uuid, Path, description = "The invoice's id")),
    request_body = UpdateInvoice, responses((status = 200, description = "The invoice as it is now", body = Invoice))
)]
pub async fn update_invoice(
    owner: Owner,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<UpdateInvoice>,
) -> Result<Json<Invoice>, Error> {
    let changes = Changes {
        number: body.number,
        customer_name: body.customer_name,
        amount_cents: body.amount_cents,
        status: body.status.map(Into::into),
        due_date: body.due_date,
        notes: body.notes,
        updated_at: state.clock.now(),
    };
    let found = store::update(&state.store, owner.id, id.to_string(), changes).await?;
    Ok(Json(found.ok_or(Code::NotFound)?))
}

/// Delete an invoice
#[utoipa::path(
    delete, path = "/api/invoices/{id}", tag = TAG, params(("id" = Uuid, Path, description = "The invoice's id")),
    responses((status = 204, description = "The invoice was deleted"))
)]
pub async fn delete_invoice(
    owner: Owner,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    match store::delete(&state.store, owner.id, id.to_string()).await? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Code::NotFound.into()),
    }
}
