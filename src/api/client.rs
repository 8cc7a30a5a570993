//! The client of a request, for the activity log.

use actix_web::HttpRequest;

use super::auth::device;
use crate::{gate::client::recorded_network, state::State, store::activity::Client};

/// Returns the client of a request as the activity log keeps it: nothing of it if the settings say so.
pub(super) fn client(request: &HttpRequest) -> Client {
    let keeps = State::of(request).is_ok_and(|state| state.config.data.keeps_clients());
    Client {
        network: recorded_network(request),
        device: device(request).user_agent.filter(|_| keeps),
    }
}
