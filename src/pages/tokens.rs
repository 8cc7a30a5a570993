//! A token, as pages show it.

use crate::{
    store::{
        api_tokens::{ApiToken, Cursor, State},
        page::Page,
    },
    time::Timestamp,
};

/// A token's metadata; never the token itself.
pub(super) struct Token {
    pub id: String,
    pub user_id: String,
    pub name: String,
    pub prefix: String,
    pub scopes: String,
    pub state: &'static str,
    pub is_active: bool,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

impl Token {
    fn at(now: Timestamp, row: ApiToken) -> Self {
        let state = row.state(now);
        Self {
            id: row.id,
            user_id: row.user_id,
            name: row.name,
            prefix: row.display_prefix,
            scopes: row.scopes.names().join(" "),
            state: state.into(),
            is_active: state == State::Active,
            created_at: row.created_at,
            // A bulk revocation takes effect first, and sets this column a little later.
            revoked_at: row.revoked_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// Converts a page of tokens, with their current state.
pub(super) fn shown(page: Page<ApiToken, Cursor>, now: Timestamp) -> Page<Token, Cursor> {
    page.map(|row| Token::at(now, row))
}
