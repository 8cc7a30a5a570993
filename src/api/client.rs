//! The client of a request: for the activity log, and as users recognise it.

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

/// Returns a client by its `User-Agent`: "Chrome on Linux", or the beginning of an unknown one.
#[cfg(any(feature = "pages", feature = "passkeys"))]
pub(crate) fn program(agent: &str) -> String {
    crate::user_agent::browser(agent).unwrap_or_else(|| match agent {
        "" => "An unknown program".to_owned(),
        _ => agent.chars().take(60).collect(),
    })
}

#[cfg(all(test, any(feature = "pages", feature = "passkeys")))]
mod tests {
    use super::program;

    #[test]
    fn user_agent_is_shown_as_browser_and_system_or_as_sent() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(program(chrome), "Chrome on Linux");
        assert_eq!(program("backup-script/2"), "backup-script/2");
        assert_eq!(program(""), "An unknown program");
    }
}
