//! A filter's field for a user: by email, by name or by id.

use uuid::Uuid;

use crate::{
    error::Error,
    fields,
    store::{
        Store,
        page::Window,
        users::{self, Filter, User},
    },
};

/// How many users are suggested if several match.
const OFFERED: u32 = 10;

/// The input, and the users that it matches.
pub(super) struct UserField {
    pub text: String,
    /// The only user that matches.
    pub user: Option<User>,
    /// The users that may be meant.
    pub offered: Vec<User>,
    /// The error message; empty if the input is valid.
    pub error: String,
    /// The id of the user, even of a deleted one.
    pub id: Option<String>,
}

impl UserField {
    /// Looks up the user that the text means, with the same search as the list of users.
    pub(super) async fn read(store: &Store, text: &str) -> Result<Self, Error> {
        let mut field = Self {
            text: text.to_owned(),
            user: None,
            offered: Vec::new(),
            error: String::new(),
            id: None,
        };
        if text.is_empty() {
            return Ok(field);
        }
        // An id may belong to a deleted user, whose events and tokens can still be found.
        if let Ok(id) = Uuid::try_parse(text) {
            let id = id.to_string();
            field.user = users::find(store, id.clone()).await?;
            field.id = Some(id);
            return Ok(field);
        }
        if let Err(error) = fields::search(text) {
            let message = error.message.unwrap_or_default();
            field.error = format!("A name, an email or an id {message}.");
            return Ok(field);
        }
        let filter = Filter { search: Some(text.to_owned()), ..Filter::default() };
        let found = users::list(store, filter, Window::first(OFFERED)).await?;
        let is_one = found.page.next.is_none() && !found.truncated;
        let mut rows = found.page.rows;
        match rows.len() {
            0 if found.indexing => {
                "No user was found. Some are not in the search index yet: try again later, or enter an id."
                    .clone_into(&mut field.error);
            }
            0 => "No user has this name, email or id.".clone_into(&mut field.error),
            1 if is_one => {
                field.user = rows.pop();
                field.id = field.user.as_ref().map(|user| user.id.clone());
            }
            _ => {
                "Several users match. Choose one, or enter more of the name or the email."
                    .clone_into(&mut field.error);
                field.offered = rows;
            }
        }
        Ok(field)
    }
}
