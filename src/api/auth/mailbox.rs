//! Limits how many emails one mailbox receives: over the limit nothing is sent, and the client is not informed.

use actix_web::HttpRequest;

use crate::{
    error::Error,
    gate::client,
    limits::{Limit, RateLimitKey, network},
    state::State,
    store::{
        login_attempts::{self, AttemptSource},
        shared_clock,
    },
};

/// Returns whether an email may be sent to this mailbox, and counts it. The result does not depend on whether
/// an account has this email.
///
/// A rejection is not shown to the client: otherwise an attacker could block the owner's requests by making
/// some. For the same reason each network has a limit of its own, and networks from which the account has
/// signed in before are not counted together with all others.
pub(super) async fn takes_mail(
    state: &State,
    request: &HttpRequest,
    email: &str,
) -> Result<bool, Error> {
    let network = network(client::address(request));
    let count = |limit, whom| state.limits.check_shared(&state.store, &state.clock, limit, whom);
    let own = RateLimitKey::MailboxFrom(email.to_owned(), network);
    let mut within = count(Limit::Mailbox, own).await?.is_ok();
    if within {
        let now = shared_clock::now(&state.store, &state.clock).await?;
        let origin = AttemptSource::new(email, network);
        if !login_attempts::is_known(&state.store, origin, now).await? {
            let all = RateLimitKey::Mailbox(email.to_owned());
            within = count(Limit::MailboxTotal, all).await?.is_ok();
        }
    }
    if !within {
        tracing::info!("an email was not sent: the limit of its mailbox is reached");
    }
    Ok(within)
}
