//! The activity log: everything that changes access or shows a sign-in, written in the same transaction as the change.
//!
//! It is append-only: `record_event!` is the only insertion, no statement updates a row (a trigger rejects that), and only
//! retention deletes.

mod action;
mod id;
mod list;
#[doc(hidden)]
pub mod rejections;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Map, Value, json};

use crate::{
    store::{
        engine::unreadable::OrEmpty, schema::activity, statements, tables::jobs::AddJob,
        user_events,
    },
    time::Timestamp,
};

pub use action::Action;
#[doc(hidden)]
pub use list::{Filter, list};

/// The subject of an event that concerns all users at once.
#[doc(hidden)]
pub const ALL_USERS: &str = "all-users";

/// The subject of an event for which no account is known, such as a sign-in with an email that no account has.
#[doc(hidden)]
pub const UNKNOWN_USER: &str = "unknown-user";

/// The client that an event came from, as far as the log keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Its network: an IPv4 address, or the /64 of an IPv6 address.
    pub network: Option<String>,
    /// Its `User-Agent`.
    pub device: Option<String>,
}

/// The operator at the command line, by the accounts of the operating system.
#[derive(Debug, Clone)]
#[doc(hidden)]
pub struct Operator {
    /// The account that the program runs under.
    pub os_user: String,
    /// The account that became that user with sudo.
    pub sudo_user: Option<String>,
}

/// The member of `detail` with the operator's account.
#[doc(hidden)]
pub const OS_USER: &str = "osUser";
/// The member of `detail` with the account that became that user with sudo.
#[doc(hidden)]
pub const SUDO_USER: &str = "sudoUser";

/// Who caused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor<'a> {
    /// The user with this id.
    User(&'a str),
    /// The operator at the command line.
    Operator,
    /// A client that was not signed in.
    Anonymous,
}

/// A row of `activity`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = activity)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// The user who did it; none for the operator at the command line, and for clients that were not signed in.
    pub actor_id: Option<String>,
    /// The name of the [`Action`].
    #[diesel(deserialize_as = OrEmpty<String, activity::action>)]
    pub action: String,
    /// The user that it concerns; the job, if it is a job that belongs to no user; or [`ALL_USERS`].
    #[diesel(deserialize_as = OrEmpty<String, activity::subject_id>)]
    pub subject_id: String,
    /// The details, as JSON; no email and no secret. For the operator also their [`Operator`] accounts.
    #[diesel(deserialize_as = OrEmpty<String, activity::detail>)]
    pub detail: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// The client's network; see [`Client`].
    pub network: Option<String>,
    /// The client's `User-Agent`.
    pub device: Option<String>,
}

impl Event {
    /// An event for what an actor did to a user. An actor's requests have a [`Client`]: see
    /// [`from_client`](Self::from_client).
    #[must_use]
    pub fn new(
        actor_id: Option<&str>,
        action: Action,
        subject_id: &str,
        detail: &Value,
        now: Timestamp,
    ) -> Self {
        Self::named(actor_id, action.into(), subject_id, detail, now)
    }

    fn named(
        actor_id: Option<&str>,
        action: &'static str,
        subject_id: &str,
        detail: &Value,
        now: Timestamp,
    ) -> Self {
        Self {
            id: id::new(now),
            actor_id: actor_id.map(ToOwned::to_owned),
            action: action.to_owned(),
            subject_id: subject_id.to_owned(),
            detail: detail.to_string(),
            created_at: now,
            network: None,
            device: None,
        }
    }

    /// An event of a component, whose action, such as `price-changed`, is none of this library's. The subject is the id
    /// of the user or of the item that it concerns.
    #[must_use]
    pub fn custom(
        actor_id: &str,
        action: &'static str,
        subject_id: &str,
        detail: &Value,
        now: Timestamp,
    ) -> Self {
        debug_assert!(action.parse::<Action>().is_err(), "{action} is an action of the library");
        Self::named(Some(actor_id), action, subject_id, detail, now)
    }

    /// An event for what a user did to their own account.
    #[must_use]
    pub fn of_user(user_id: &str, action: Action, client: &Client, now: Timestamp) -> Self {
        Self::new(Some(user_id), action, user_id, &Value::Object(Map::new()), now)
            .from_client(client.clone())
    }

    /// The same event, from this client.
    #[must_use]
    pub fn from_client(self, client: Client) -> Self {
        Self { network: client.network, device: client.device, ..self }
    }

    /// The same event, with those members of these two objects that differ, as `before` and `after` in its detail.
    #[must_use]
    pub fn with_change(self, before: &Value, after: &Value) -> Self {
        let changed = |of: &Value, other: &Value| -> Map<String, Value> {
            let members = of.as_object().into_iter().flatten();
            let changed = members.filter(|(name, value)| other.get(name) != Some(value));
            changed.map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        self.with_detail(
            json!({ "before": changed(before, after), "after": changed(after, before) }),
        )
    }

    /// The same event, with these members added to its detail.
    #[must_use]
    pub fn with_detail(mut self, more: Value) -> Self {
        if let (Ok(Value::Object(mut detail)), Value::Object(more)) =
            (serde_json::from_str(&self.detail), more)
        {
            detail.extend(more);
            self.detail = Value::Object(detail).to_string();
        }
        self
    }
}

impl Event {
    /// An event for what the operator did at the command line. They are no user in the database, so the operating
    /// system's accounts identify them.
    #[must_use]
    pub fn by_operator(
        operator: &Operator,
        action: Action,
        subject_id: &str,
        mut detail: Value,
        now: Timestamp,
    ) -> Self {
        if let Value::Object(members) = &mut detail {
            members.insert(OS_USER.to_owned(), operator.os_user.clone().into());
            if let Some(name) = &operator.sudo_user {
                members.insert(SUDO_USER.to_owned(), name.clone().into());
            }
        }
        Self::new(None, action, subject_id, &detail, now)
    }

    /// Returns who did it.
    #[must_use]
    pub fn actor(&self) -> Actor<'_> {
        match &self.actor_id {
            Some(id) => Actor::User(id),
            None if self.action.parse().is_ok_and(Action::is_anonymous) => Actor::Anonymous,
            None => Actor::Operator,
        }
    }

    /// Returns what the user whom it concerns may see of it besides its [`actor`](Self::actor), whose id is for admins:
    /// neither an admin's client nor the operator's account.
    #[must_use]
    pub fn for_its_subject(mut self) -> Self {
        match self.actor() {
            Actor::User(id) if id == self.subject_id => {}
            Actor::User(_) => (self.network, self.device) = (None, None),
            Actor::Operator => {
                if let Ok(Value::Object(mut detail)) = serde_json::from_str(&self.detail) {
                    detail.retain(|name, _| ![OS_USER, SUDO_USER].contains(&name.as_str()));
                    self.detail = Value::Object(detail).to_string();
                }
            }
            Actor::Anonymous => {}
        }
        self
    }

    /// Returns the operator in words; none for an admin, and for events of versions that did not record it.
    #[must_use]
    pub fn operator(&self) -> Option<String> {
        let detail: Value = serde_json::from_str(&self.detail).ok()?;
        let text = |name: &str| detail[name].as_str().map(ToOwned::to_owned);
        let os_user = text(OS_USER).filter(|_| self.actor_id.is_none())?;
        Some(match text(SUDO_USER) {
            Some(name) => format!("{name} as {os_user}"),
            None => os_user,
        })
    }
}

/// Within a transaction: records an event, and adds the jobs that subscribe to it. Returns early with an error.
#[macro_export]
macro_rules! record_event {
    ($conn:ident, $event:expr) => {{
        let event: &$crate::store::activity::Event = $event;
        $crate::store::activity::RecordEvent::record_event($conn, event).await?;
    }};
}

statements! {
    /// What [`record_event!`](crate::record_event!) expands to.
    #[doc(hidden)]
    #[allow(async_fn_in_trait, reason = "its only implementations are here")]
    pub trait RecordEvent {
        /// Records an event, and adds the jobs that subscribe to it. The only insertion into the log.
        async fn record_event(conn, event: &Event) -> () {
            diesel::insert_into(activity::table).values(event).execute(conn).await?;
            for job in user_events::jobs(event) {
                conn.add_job(&job).await?;
            }
            Ok(())
        }
    }
}
