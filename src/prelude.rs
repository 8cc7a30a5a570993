//! What the operations of a resource need: `use portcullis::prelude::*`.
//!
//! ```
//! use actix_web::web::{Data, Json};
//! use portcullis::prelude::*;
//!
//! /// Count your rows
//! async fn count(owner: Owner, state: Data<State>) -> Result<Json<usize>, Error> {
//!     Ok(Json(0))
//! }
//! ```

pub use crate::{
    api::{
        created,
        json::ValidJson,
        page::{Page, Paging, window},
        query::ValidQuery,
    },
    error::{Code, Error},
    gate::{ByCookie, ByToken, Fresh, Owner, Session, SiteAdmin},
    resource,
    state::State,
    stored_enum,
    time::{Date, Timestamp},
};
