//! Tests over HTTP, against a real server on both databases.

use portcullis::{
    product::Product,
    testkit::{
        Backend, InvalidField, Server, UserOwnedResource, Value, access_rules, assert_generated,
        json, own_document, user_owned_resource,
    },
    time::days,
};
use rstest::rstest;

fn product() -> Product {
    ledger::product()
}

access_rules!(product);

#[test]
fn openapi_document_is_up_to_date() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi.json");
    assert_generated(file, &own_document(&product()));
}

struct Invoices;

impl UserOwnedResource for Invoices {
    fn product() -> Product {
        ledger::product()
    }

    const PATH: &'static str = "/api/invoices";
    const LABEL: &'static str = "number";
    const REQUIRED: &'static [&'static str] = &["number", "customerName", "amountCents", "dueDate"];

    fn body(label: &str) -> Value {
        json!({ "number": label, "customerName": "Ada", "amountCents": 1, "dueDate": "2026-12-31" })
    }

    fn valid_bodies() -> Vec<Value> {
        vec![json!({
            "number": "2", "customerName": "Ada", "amountCents": 100_000_000, "status": "sent", "dueDate": "9999-12-31",
            "notes": "Two thirds now,\nthe rest on delivery."
        })]
    }

    fn valid_changes() -> Vec<Value> {
        vec![
            json!({ "number": "3" }),
            json!({ "customerName": "Grace" }),
            json!({ "amountCents": 7 }),
            json!({ "status": "paid" }),
            json!({ "dueDate": "2027-01-31" }),
            json!({ "notes": "Paid in cash." }),
            json!({ "notes": null }),
        ]
    }

    fn invalid_fields() -> Vec<InvalidField> {
        vec![
            ("number", json!(""), ""),
            ("customerName", json!("\n"), "must be 1 to 200 characters on one line"),
            ("customerName", json!(7), "must be text"),
            ("amountCents", json!(0), "must be 1 to 100000000"),
            ("amountCents", json!(1.5), "must be a whole number"),
            ("status", json!("lost"), "must be one of draft, sent, paid"),
            ("dueDate", json!("2026-02-29"), "must be a date such as 2026-11-28"),
            (
                "notes",
                json!("\u{1b}[1m"),
                "must be at most 5000 characters, without control characters",
            ),
        ]
    }
}

user_owned_resource!(invoices: Invoices);

#[rstest]
#[tokio::test]
async fn number_is_unique_among_the_invoices_of_a_user(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(product(), backend).await;
    let ada = server.sign_up("ada").await;
    ada.browser.post("/api/invoices", Invoices::body("2026-001")).await.expect(201);
    let again = ada.browser.post("/api/invoices", Invoices::body("2026-001")).await;
    let problem = again.assert_problem(409, "conflict");
    assert_eq!(problem["errors"][0]["field"], "number");
}

#[rstest]
#[tokio::test]
async fn owner_is_reminded_of_an_unpaid_invoice_on_the_day_it_is_due(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let first = "2026-12-01T12:00:00Z".parse().expect("it is a time");
    let server = Server::builder(product(), backend).at(first).start().await;
    let ada = server.sign_up("ada").await;
    server.verify_email(&ada).await;
    for (number, status) in [("1", "paid"), ("2", "sent")] {
        let mut invoice = Invoices::body(number);
        invoice["status"] = json!(status);
        ada.browser.post("/api/invoices", invoice).await.expect(201);
    }
    server.clear_outbox().await;
    server.advance(days(30));
    server.wait_for_jobs().await;
    let emails = server.mail_to(&ada.email).await;
    assert_eq!(emails.len(), 1, "{emails:?}");
    assert_eq!(emails[0].subject, "Invoice 2 is due");
}

#[rstest]
#[tokio::test]
async fn page_lists_the_invoices_of_its_user(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(product(), backend).await;
    let ada = server.sign_up("ada").await;
    let mut invoice = Invoices::body("<2026>");
    invoice["notes"] = json!("Paid in <cash>.");
    ada.browser.post("/api/invoices", invoice).await.expect(201);
    let page = ada.browser.navigate("/invoices").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("&#60;2026&#62;"), "{}", page.text);
    assert!(page.text.contains("Paid in &#60;cash&#62;."), "{}", page.text);
    let other = server.sign_up("grace").await.browser.navigate("/invoices").await;
    assert!(other.text.contains("You have no invoice yet."), "{}", other.text);
    let anonymous = server.anonymous.navigate("/invoices").await;
    assert_eq!(anonymous.header("location"), Some("/login?next=%2Finvoices"));
}
