//! Tests over HTTP, against a real server on both databases.

use ledger::product;
use portcullis::{
    product::Product,
    testkit::{
        Backend, InvalidField, Server, UserOwnedResource, Value, access_rules, assert_generated,
        json, user_owned_resource,
    },
};
use rstest::rstest;

access_rules!(product);

#[test]
fn openapi_document_is_up_to_date() {
    let document = portcullis::openapi::text(&product(), "ledger").expect("it is JSON");
    assert_generated(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"), &document);
}

struct Invoices;

impl UserOwnedResource for Invoices {
    fn product() -> Product {
        product()
    }

    const PATH: &'static str = "/api/invoices";
    const LABEL: &'static str = "number";
    const REQUIRED: &'static [&'static str] = &["number", "customerName", "amountCents", "dueDate"];

    fn body(label: &str) -> Value {
        json!({ "number": label, "customerName": "Ada", "amountCents": 1, "dueDate": "2026-12-31" })
    }

    fn valid_bodies() -> Vec<Value> {
        vec![json!({
            "number": "2", "customerName": "Ada", "amountCents": 100_000_000, "status": "sent", "dueDate": "9999-12-31"
        })]
    }

    fn valid_changes() -> Vec<Value> {
        vec![
            json!({ "number": "3" }),
            json!({ "customerName": "Grace" }),
            json!({ "amountCents": 7 }),
            json!({ "status": "paid" }),
            json!({ "dueDate": "2027-01-31" }),
        ]
    }

    fn invalid_fields() -> Vec<InvalidField> {
        vec![
            ("number", json!(""), ""),
            ("customerName", json!(7), ""),
            ("amountCents", json!(0), "must be 1 to 100000000"),
            ("status", json!("lost"), "must be one of draft, sent, paid"),
            ("dueDate", json!("2026-02-29"), "must be a date such as 2026-11-28"),
        ]
    }
}

user_owned_resource!(Invoices);

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
