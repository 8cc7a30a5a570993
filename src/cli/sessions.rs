use clap::{Args, Subcommand};
use serde_json::json;

use super::{Failure, now, print, users::find};
use crate::store::{
    Store,
    audit_events::{Action, EVERYBODY, Event},
    revocation,
};

/// What an operator does with sessions.
#[derive(Subcommand, Debug)]
pub enum SessionCommand {
    /// Sign people out everywhere: their cookies and mailed links stop with the next request
    ///
    /// API tokens go on: `token revoke` ends them.
    End(Whose),
}

/// One user's, or everybody's.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Whose {
    /// Those of the user with this address
    #[arg(long)]
    email: Option<String>,
    /// Everybody's
    #[arg(long)]
    all: bool,
}

/// Does it.
pub(super) async fn run(command: SessionCommand, store: &Store) -> Result<(), Failure> {
    let SessionCommand::End(Whose { email, all: _ }) = command;
    let user = match email {
        Some(email) => Some(find(store, &email).await?),
        None => None,
    };
    let (id, who) = match user {
        Some(user) => (Some(user.id), user.email),
        None => (None, "all users".to_owned()),
    };
    let subject = id.as_deref().unwrap_or(EVERYBODY);
    let event = Event::new(None, Action::SessionsEnded, subject, &json!({ "links": true }), now());
    revocation::end_sessions(store, id, now(), event).await?;
    print(format_args!("Ended every session of {who}, and every mailed link."))
}
