//! The audit log: what admins and operators did, and which users deleted their account, written in the same
//! transaction as the change.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::{
    store::{
        Error, Store,
        engine::{
            page::{Page, Window, load_window, new_id},
            unreadable::OrEmpty,
        },
        list_query,
        schema::audit_events,
    },
    time::Timestamp,
};

/// The subject of an event that concerns all users at once.
pub const EVERYBODY: &str = "everybody";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Action {
    /// An admin or the operator created a user.
    UserCreated,
    /// A user's name or role was changed.
    UserUpdated,
    /// A user was deactivated.
    UserDeactivated,
    /// A user was reactivated.
    UserReactivated,
    /// The operator set a user's password.
    PasswordSet,
    /// The operator ended a user's wait after failed sign-ins.
    LoginUnlocked,
    /// All sessions of a user, or of all users, were revoked.
    SessionsEnded,
    /// One session was revoked.
    SessionEnded,
    /// All tokens of a user, or of all users, were revoked.
    TokensRevoked,
    /// One token was revoked.
    TokenRevoked,
    /// The operator created a token.
    TokenCreated,
    /// A user was sent an invitation, a verification or a password reset.
    MailSent,
    /// A user deleted their account.
    UserDeleted,
    /// A job was made due again.
    JobRetried,
    /// A job was discarded.
    JobDiscarded,
    /// The operator confirmed the clock after it had jumped.
    ClockConfirmed,
}

/// The operator at the command line, by the accounts of the operating system.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The account that the program runs under.
    pub os_user: String,
    /// The account that became that user with sudo.
    pub sudo_user: Option<String>,
}

/// The member of `detail` with the operator's account.
pub const OS_USER: &str = "osUser";
/// The member of `detail` with the account that became that user with sudo.
pub const SUDO_USER: &str = "sudoUser";

/// A row of `audit_events`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// The admin's id; none for the operator at the command line.
    pub actor_id: Option<String>,
    /// The name of the [`Action`].
    #[diesel(deserialize_as = OrEmpty<String, audit_events::action>)]
    pub action: String,
    /// The user that it concerns; the job, if it is a job that belongs to no user; or [`EVERYBODY`].
    #[diesel(deserialize_as = OrEmpty<String, audit_events::subject_id>)]
    pub subject_id: String,
    /// The details, as JSON; no email and no secret. For the operator also their [`Operator`] accounts.
    #[diesel(deserialize_as = OrEmpty<String, audit_events::detail>)]
    pub detail: String,
    /// When it happened.
    pub created_at: Timestamp,
}

impl Event {
    /// An event for what an actor did to a user.
    #[must_use]
    pub fn new(
        actor_id: Option<&str>,
        action: Action,
        subject_id: &str,
        detail: &Value,
        now: Timestamp,
    ) -> Self {
        Self {
            id: new_id(),
            actor_id: actor_id.map(ToOwned::to_owned),
            action: <&'static str>::from(action).to_owned(),
            subject_id: subject_id.to_owned(),
            detail: detail.to_string(),
            created_at: now,
        }
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

/// A page of events, newest first, of one user or of all.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn list(
    store: &Store,
    subject_id: Option<String>,
    window: Window,
) -> Result<Page<Event>, Error> {
    let wanted = window.clone();
    let rows = list_query!(store, |conn| {
        let mut query = audit_events::table.select(Event::as_select()).into_boxed::<Backend>();
        if let Some(subject_id) = &subject_id {
            query = query.filter(audit_events::subject_id.eq(subject_id));
        }
        load_window!(conn, query, audit_events::id, &wanted)
    })?;
    Ok(window.page(rows, |event| &event.id))
}
