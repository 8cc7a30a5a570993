//! Events of users, for the components of a product: a job for each subscription, added in the transaction that records the
//! event in the activity log.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::{
    store::{
        activity::{Action, Event},
        jobs::NewJob,
    },
    time::Timestamp,
};

/// What has happened to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UserEventKind {
    /// A user was created: by sign-up, by an admin or the operator, or as the first admin. Their email may not be
    /// confirmed.
    Created,
    /// An admin or the operator has deactivated a user. A suspension by the user is no such event.
    Deactivated,
    /// A user was reactivated.
    Reactivated,
    /// A user has deleted their account. Their rows may already be gone when the job runs.
    Deleted,
    /// A user's email was changed.
    EmailChanged,
    /// A user has signed in, by whatever method.
    SignedIn,
}

impl UserEventKind {
    fn of(action: Action) -> Option<Self> {
        Some(match action {
            Action::SignedUp | Action::UserCreated | Action::FirstAdminCreated => Self::Created,
            Action::UserDeactivated => Self::Deactivated,
            Action::UserReactivated => Self::Reactivated,
            Action::UserDeleted => Self::Deleted,
            Action::EmailChanged => Self::EmailChanged,
            Action::SignedIn => Self::SignedIn,
            _ => return None,
        })
    }
}

/// An event of a user. It is delivered at least once, as a job: a handler may see it twice, with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UserEvent {
    /// The id of the event in the activity log.
    pub id: String,
    /// What has happened.
    pub kind: UserEventKind,
    /// The user to whom it has happened.
    pub user_id: String,
    /// When it happened.
    pub at: Timestamp,
}

/// A component's subscription to a kind of event: the name of the job that is added, and its parameters.
#[derive(Clone, Copy)]
pub(crate) struct Subscription {
    pub kind: UserEventKind,
    pub job: &'static str,
    pub payload: fn(UserEvent) -> String,
}

/// Those of this process, which is one product. A global value, because the macro that records an event is expanded
/// where there is nothing but a connection.
static SUBSCRIPTIONS: OnceLock<Vec<Subscription>> = OnceLock::new();

/// Sets the subscriptions of this process.
///
/// # Errors
/// When it already has others.
pub(crate) fn subscribe(all: Vec<Subscription>) -> Result<(), String> {
    let names = |all: &[Subscription]| -> Vec<(UserEventKind, &'static str)> {
        all.iter().map(|one| (one.kind, one.job)).collect()
    };
    let wanted = names(&all);
    if names(SUBSCRIPTIONS.get_or_init(|| all)) == wanted {
        return Ok(());
    }
    Err("this process already runs a product with other handlers of events".to_owned())
}

/// Returns the jobs to add for what is recorded.
#[must_use]
pub fn jobs(recorded: &Event) -> Vec<NewJob> {
    let subscriptions = SUBSCRIPTIONS.get().map(Vec::as_slice).unwrap_or_default();
    let kind = recorded.action.parse().ok().and_then(UserEventKind::of);
    let of_kind = subscriptions.iter().filter(|subscription| Some(subscription.kind) == kind);
    of_kind
        .map(|subscription| {
            let event = UserEvent {
                id: recorded.id.clone(),
                kind: subscription.kind,
                user_id: recorded.subject_id.clone(),
                at: recorded.created_at,
            };
            // Without the user, with whom the job would be deleted: a handler must learn of a deletion.
            NewJob::new(subscription.job, (subscription.payload)(event), None, recorded.created_at)
        })
        .collect()
}
