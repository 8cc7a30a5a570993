//! A write by an admin, or by the operator at the command line: the steps that all of them share, in one place.

use crate::store::tables::{
    activity::Event,
    users::{Role, User},
};

/// Why an admin's write was not done, although the gate had accepted the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdminCheckFailed {
    /// The admin was deactivated in the meantime, or has deleted their account.
    #[error("the admin is deactivated")]
    Deactivated,
    /// The caller is no longer an admin.
    #[error("only an admin may do this")]
    NotAnAdmin,
    /// The row that it concerns does not exist.
    #[error("it was deleted just now")]
    NotFound,
    /// It would have left the site without an active admin.
    #[error("this would leave the site without an active admin")]
    LastAdmin,
    /// It would be useless, for this reason.
    #[error("{0}")]
    NotNeeded(&'static str),
}

/// Runs a body in one transaction, with the four steps that an admin's write needs, so that none can be forgotten:
///
/// - the admins' lock, so that two admins cannot demote each other, and what is checked stays true to the end;
/// - the actor's role, read again: a request in flight when its sender was deactivated or demoted must not take effect
///   afterwards. The operator, who is no user, always may;
/// - the event of the activity log, in the same transaction;
/// - the cache invalidation of `invalidating_transaction!`. It also runs when nothing was invalidated: that costs one
///   read, and no author has to know which write takes rights away.
///
/// The body ends with the event and the result, `Ok(Ok((event, result)))`, or with the reason why nothing was done,
/// `Ok(Err(AdminCheckFailed::NotFound))`, which leaves no event. `actor` is the admin's id, or none for the operator.
/// A macro, because the statements must be expanded for each backend; the sweep in `tests/api/security/access/activity.rs` calls
/// each operation below `/api/admin` and counts its events.
macro_rules! admin_write {
    ($store:expr, by $actor:expr, |$conn:ident| $body:expr) => {{
        let actor: Option<String> = $actor;
        $crate::store::invalidating_transaction!($store, |$conn| {
            use $crate::store::tables::{
                activity::RecordEvent as _, locks::Locks as _, users::FindUsers as _,
            };
            $conn.lock_admins().await?;
            if let Some(actor) = &actor {
                let found = $conn.find_user(actor).await?;
                if let Err(refusal) = $crate::store::tables::admin_write::may_act(found.as_ref()) {
                    return Ok(Err(refusal));
                }
            }
            // An inner block, so that `return` and `?` leave the body and not the code after it.
            let done: diesel::QueryResult<$crate::store::tables::admin_write::Done<_>> =
                async { $body }.await;
            let (event, result) = match done? {
                Ok(done) => done,
                Err(refusal) => return Ok(Err(refusal)),
            };
            debug_assert_eq!(event.actor_id, actor, "the event names who was checked");
            $conn.record_event(&event).await?;
            Ok(Ok(result))
        })
    }};
}

pub(in crate::store) use admin_write;

/// The result of a body: its event and its result, or the reason why nothing was done.
pub(in crate::store) type Done<T> = Result<(Event, T), AdminCheckFailed>;

/// Checks that the caller is still an active admin.
pub(in crate::store) fn may_act(actor: Option<&User>) -> Result<(), AdminCheckFailed> {
    match actor {
        Some(actor) if actor.is_active() && actor.role == Role::Admin => Ok(()),
        Some(actor) if actor.is_active() => Err(AdminCheckFailed::NotAnAdmin),
        _ => Err(AdminCheckFailed::Deactivated),
    }
}
