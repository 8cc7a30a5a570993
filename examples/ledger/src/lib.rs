//! Ledger: the invoices of each user.

mod invoices;

use portcullis::product::Product;

/// Returns the product, for the program and for its tests.
#[must_use]
pub fn product() -> Product {
    Product::new("Ledger", env!("CARGO_PKG_VERSION"))
        .about("Keeps your invoices")
        .with(invoices::component())
}
