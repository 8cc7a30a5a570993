//! Tests over HTTP, against a real server on both databases.

use portcullis::{
    product::Product,
    testkit::{
        Backend, Server, Value, access_rules, assert_generated, json, own_document,
        user_owned_resource,
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

user_owned_resource!(invoices: product, "/api/invoices", "number");

fn invoice(number: &str) -> Value {
    json!({ "number": number, "customerName": "Ada", "amountCents": 1, "dueDate": "2026-12-31" })
}

#[rstest]
#[tokio::test]
async fn number_is_unique_among_the_invoices_of_a_user(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(product(), backend).await;
    let ada = server.sign_up("ada").await;
    ada.browser.post("/api/invoices", invoice("2026-001")).await.expect(201);
    let again = ada.browser.post("/api/invoices", invoice("2026-001")).await;
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
        let mut body = invoice(number);
        body["status"] = json!(status);
        ada.browser.post("/api/invoices", body).await.expect(201);
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
    let mut body = invoice("<2026>");
    body["notes"] = json!("Paid in <cash>.");
    ada.browser.post("/api/invoices", body).await.expect(201);
    let page = ada.browser.navigate("/invoices").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("&#60;2026&#62;"), "{}", page.text);
    assert!(page.text.contains("Paid in &#60;cash&#62;."), "{}", page.text);
    let other = server.sign_up("grace").await.browser.navigate("/invoices").await;
    assert!(other.text.contains("You have no invoice yet."), "{}", other.text);
    let anonymous = server.anonymous.navigate("/invoices").await;
    assert_eq!(anonymous.header("location"), Some("/login?next=%2Finvoices"));
}
