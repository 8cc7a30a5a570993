//! Whether an admin who asks is still one. What the gate saw may have changed since: a request that was on
//! its way when its sender was locked out or demoted must not be done after that.

/// Why an admin's request is not done although the gate let it pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// They were locked out meanwhile, or are gone.
    #[error("whoever asks is locked out")]
    LockedOut,
    /// They are no admin any more.
    #[error("only an admin may do this")]
    NotAnAdmin,
}

/// Within a transaction that holds the admins' lock, so that it stays true to the end: why whoever asks may
/// not do this any more, if so. The operator always may. A macro, as its statements must be expanded for
/// each backend.
macro_rules! refusal_of_actor {
    ($conn:ident, $event:expr) => {{
        use $crate::store::{actor::Refusal, schema::users, users::Role};
        match &$event.actor_id {
            None => None,
            Some(actor) => match $crate::store::users::find_in!($conn, actor) {
                Some(actor) if actor.is_active() && actor.role == Role::Admin => None,
                Some(actor) if actor.is_active() => Some(Refusal::NotAnAdmin),
                _ => Some(Refusal::LockedOut),
            },
        }
    }};
}

pub(super) use refusal_of_actor;
