use clap::{Args, Subcommand};
use serde_json::json;

use super::{Failure, now, operator::event, print, users::find};
use crate::store::{
    Store,
    activity::{ALL_USERS, Action},
    operator_revocation,
    page::{Start, Window},
    sessions,
};

/// What an operator does with sessions.
#[derive(Subcommand, Debug)]
pub enum SessionCommand {
    /// List the sessions of a user, newest first
    List {
        /// The user's email
        #[arg(long)]
        email: String,
    },
    /// Revoke all sessions and mailed links of a user, or of all users, with the next request
    ///
    /// API tokens keep working: revoke them with `token revoke`.
    Revoke(Whose),
}

/// Those of one user, or of all users.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Whose {
    /// Those of the user with this email
    #[arg(long)]
    email: Option<String>,
    /// Those of all users
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub(super) async fn run(command: SessionCommand, store: &Store) -> Result<(), Failure> {
    match command {
        SessionCommand::List { email } => list(store, &email).await,
        SessionCommand::Revoke(Whose { email, all: _ }) => end(store, email).await,
    }
}

async fn list(store: &Store, email: &str) -> Result<(), Failure> {
    let user = find(store, email).await?;
    let mut window = Window::first(100);
    let mut any = false;
    loop {
        let page = sessions::list(store, user.id.clone(), window.clone(), now()).await?;
        for session in page.rows {
            any = true;
            print(format_args!(
                "{}  last seen {}  until {}  {:<15}  {}",
                session.id,
                session.last_seen_at,
                session.expires_at,
                session.ip_address.unwrap_or_default(),
                session.user_agent.unwrap_or_default(),
            ))?;
        }
        match page.next {
            Some(next) => window.start = Start::After(next),
            None if any => return Ok(()),
            None => return print("No sessions."),
        }
    }
}

async fn end(store: &Store, email: Option<String>) -> Result<(), Failure> {
    let user = match email {
        Some(email) => Some(find(store, &email).await?),
        None => None,
    };
    let (id, who) = match user {
        Some(user) => (Some(user.id), user.email),
        None => (None, "all users".to_owned()),
    };
    let subject = id.as_deref().unwrap_or(ALL_USERS);
    let event = event(Action::SessionsEnded, subject, json!({ "links": true }));
    operator_revocation::end_sessions(store, id, now(), event).await?;
    print(format_args!("Revoked all sessions and mailed links of {who}."))
}
