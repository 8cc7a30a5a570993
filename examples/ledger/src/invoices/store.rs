//! The table of invoices, and its queries.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use portcullis::{
    read_by_name,
    store::{
        Column, Error, Store, Stored, add_job, constraints::Constraint, jobs::NewJob, own_user_key,
        owned_rows, transaction,
    },
    time::{Date, Timestamp},
};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

diesel::table! {
    use diesel::sql_types::{Date, Integer, Nullable, Text};
    use portcullis::time::Moment;

    invoices (id) {
        id -> Text,
        user_id -> Text,
        number -> Text,
        customer_name -> Text,
        amount_cents -> Integer,
        status -> Text,
        due_date -> Date,
        notes -> Nullable<Text>,
        created_at -> Moment,
        updated_at -> Moment,
    }
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

/// The status of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray, ToSchema)]
#[strum(serialize_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum Status {
    /// It has not been sent.
    Draft,
    /// It was sent to the customer.
    Sent,
    /// The customer has paid.
    Paid,
}

impl Column for Status {
    const NAME: &'static str = "invoices.status";
}

read_by_name!(Status);

/// An invoice, which belongs to one user.
#[derive(Serialize, Queryable, Selectable, Insertable, ToSchema)]
#[diesel(table_name = invoices)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// A UUID.
    #[schema(format = Uuid)]
    pub id: String,
    #[serde(skip)]
    pub user_id: String,
    /// The number on the invoice: no other invoice of yours has it.
    pub number: String,
    /// Who is to pay.
    pub customer_name: String,
    /// What is to be paid, in cents.
    pub amount_cents: i32,
    /// A newer server may have given it a status that is not known here.
    #[schema(value_type = Status)]
    pub status: Stored<Status>,
    /// The day by which it is to be paid.
    pub due_date: Date,
    /// What else is to be said about it; null for nothing.
    #[schema(required)]
    pub notes: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The changes to an invoice. `None` leaves a column as it is, and `Some(None)` clears it.
#[derive(AsChangeset)]
#[diesel(table_name = invoices)]
pub struct Changes {
    pub number: Option<String>,
    pub customer_name: Option<String>,
    pub amount_cents: Option<i32>,
    pub status: Option<Stored<Status>>,
    pub due_date: Option<Date>,
    pub notes: Option<Option<String>>,
    pub updated_at: Timestamp,
}

/// Inserts an invoice, and adds the job that reminds its owner: both, or neither.
///
/// # Errors
/// As for [`create`].
pub async fn create_with_reminder(
    store: &Store,
    invoice: Invoice,
    reminder: NewJob,
) -> Result<Invoice, Error> {
    transaction!(store, |conn| {
        let created = diesel::insert_into(invoices::table)
            .values(&invoice)
            .returning(Invoice::as_returning())
            .get_result(conn)
            .await;
        // Before the next statement, which PostgreSQL would reject after a violated constraint.
        let created = own_user_key!(conn, created, "invoices_user_id_fkey", &invoice.user_id)?;
        add_job!(conn, reminder.clone());
        Ok(created)
    })
}

owned_rows!(invoices: Invoice, Changes, owner user_id "invoices_user_id_fkey");
