//! Counts the tokens that the gate rejects, for the activity log.

use actix_web::dev::ServiceRequest;

use super::{
    client::recorded_network,
    session::{Anonymous, Finding},
};
use crate::{
    state::State,
    store::{activity::Action, users::User},
};

/// Returns the finding for a rejected token, whose owner may be known.
pub(super) fn rejected(
    state: &State,
    request: &ServiceRequest,
    owner: Option<&User>,
    why: Anonymous,
) -> Finding {
    let (owner, network) =
        (owner.map(|owner| owner.id.as_str()), recorded_network(request.request()));
    state.rejections.note(Action::TokenRejected, owner, network, state.clock.now());
    why.into()
}
