//! The response to a creation.

use actix_web::{HttpResponse, http::header::LOCATION};
use serde::Serialize;

/// Returns the response to the creation of an item: 201, with the item and its URL (RFC 9110, 15.3.2), which is its id after
/// the path of the collection.
#[must_use]
pub fn created(collection: &str, id: &str, item: &impl Serialize) -> HttpResponse {
    HttpResponse::Created().insert_header((LOCATION, format!("{collection}/{id}"))).json(item)
}
