//! What admins and operators did, and who left, written in the very transaction that did it.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::{
    Error, Store, list_query,
    page::{Page, Window, load_window, new_id},
    schema::audit_events,
    unreadable::OrEmpty,
};
use crate::time::Timestamp;

/// The subject of what was done to everybody at once.
pub const EVERYBODY: &str = "everybody";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Action {
    /// A user was made by an admin or the operator.
    UserCreated,
    /// A user's name or role was changed.
    UserUpdated,
    /// A user was locked out.
    UserDeactivated,
    /// A user was let in again.
    UserReactivated,
    /// A user's password was set by the operator.
    PasswordSet,
    /// The wait after failed sign-ins of a user was ended by the operator.
    LoginUnlocked,
    /// All sessions of a user, or of everybody, were ended.
    SessionsEnded,
    /// One session was ended.
    SessionEnded,
    /// All tokens of a user, or of everybody, were revoked.
    TokensRevoked,
    /// One token was revoked.
    TokenRevoked,
    /// A token was made by the operator.
    TokenCreated,
    /// A user was sent an invitation, a verification or a password reset.
    MailSent,
    /// A user deleted their account.
    UserDeleted,
    /// A job was made due again.
    JobRetried,
    /// A job was thrown away.
    JobDiscarded,
    /// The operator found the clock right after it had jumped.
    ClockConfirmed,
}

/// Who works at the command line, by the accounts of that machine.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Whose account the program runs under.
    pub os_user: String,
    /// Who became that user with sudo.
    pub sudo_user: Option<String>,
}

/// The particular of an event that names the operator's account.
pub const OS_USER: &str = "osUser";
/// The particular of an event that names who became that user with sudo.
pub const SUDO_USER: &str = "sudoUser";

/// A row of `audit_events`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events)]
pub struct Event {
    /// Which event.
    pub id: String,
    /// The admin; none for the operator at the command line.
    pub actor_id: Option<String>,
    /// The [`Action`]'s name.
    #[diesel(deserialize_as = OrEmpty<String, audit_events::action>)]
    pub action: String,
    /// The user whom it concerns; for a job that is nobody's, the job; or [`EVERYBODY`].
    #[diesel(deserialize_as = OrEmpty<String, audit_events::subject_id>)]
    pub subject_id: String,
    /// The particulars, as JSON; no address and no secret. Of the operator, also who they are on that machine.
    #[diesel(deserialize_as = OrEmpty<String, audit_events::detail>)]
    pub detail: String,
    /// When.
    pub created_at: Timestamp,
}

impl Event {
    /// What somebody did to a user.
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
    /// What the operator did at the command line. The database knows no user for them; the machine does.
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

    /// Who the operator was, in words; none for an admin, and for events of versions that did not record it.
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
/// When the store is unavailable.
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
