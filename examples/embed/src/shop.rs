//! The handlers. Their arguments say who may call them.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use actix_web::{HttpResponse, Responder, web::Json};
use portcullis::gate::Session;
use serde::{Deserialize, Serialize};

/// The orders of each user, by their id.
static ORDERS: LazyLock<Mutex<HashMap<String, Vec<Order>>>> = LazyLock::new(Mutex::default);

/// An order.
#[derive(Clone, Serialize, Deserialize)]
pub struct Order {
    article: String,
    pieces: u32,
}

/// Outside the gate: the caller is not resolved.
pub async fn show_window() -> impl Responder {
    "Bread, cheese and wine"
}

/// For everyone, signed in or not.
pub async fn greet(session: Option<Session>) -> impl Responder {
    match session {
        Some(session) => format!("Good morning, {}", session.user.name),
        None => "Good morning".to_owned(),
    }
}

/// For users: anyone else gets 401, or with a browser the sign-in page.
pub async fn list_orders(session: Session) -> impl Responder {
    let orders = ORDERS.lock().unwrap_or_else(PoisonError::into_inner);
    Json(orders.get(&session.user.id).cloned().unwrap_or_default())
}

/// For users. A token needs the scope `write`, because of the method.
pub async fn order(session: Session, order: Json<Order>) -> impl Responder {
    let mut orders = ORDERS.lock().unwrap_or_else(PoisonError::into_inner);
    orders.entry(session.user.id.clone()).or_default().push(order.into_inner());
    HttpResponse::Created().finish()
}
