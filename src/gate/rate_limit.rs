//! What is counted of a request, and what its answer says of that.

use actix_web::{
    dev::ServiceRequest,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};

use super::{client, session::Finding};
use crate::{
    error::Error,
    limits::{Exceeded, Limit, RateLimitKey, RateLimitStatus},
    state::State,
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The count of one request.
pub(super) struct RateLimitCheck {
    limit: Option<Limit>,
    standing: Option<RateLimitStatus>,
}

impl RateLimitCheck {
    /// What is counted of it, besides that it is a request.
    pub(super) fn by(limit: Option<Limit>) -> Self {
        Self { limit, standing: None }
    }

    /// Counts what is limited apart by its address, before anything is looked up for it. That it is a
    /// request was counted for its address before it came here (`app::limit`).
    pub(super) async fn address(
        &mut self,
        state: &State,
        request: &ServiceRequest,
    ) -> Result<(), Error> {
        self.check_limit(state, || RateLimitKey::at(client::address(request.request()))).await
    }

    /// Counts it by whose it is, once that is known.
    pub(super) async fn account(&mut self, state: &State, finding: &Finding) -> Result<(), Error> {
        match finding {
            Finding::Known { session, .. } => {
                let account = || RateLimitKey::Account(session.user.id.clone());
                let checked = state.limits.check(Limit::Requests, account);
                self.told(checked)?;
                self.check_limit(state, account).await
            }
            Finding::Anonymous(_) => Ok(()),
        }
    }

    /// What is left of a limit of its own is told: of the one for everything nothing is said until it is
    /// reached. The account comes last, and says more.
    async fn check_limit(
        &mut self,
        state: &State,
        whom: impl Fn() -> RateLimitKey,
    ) -> Result<(), Error> {
        let Some(limit) = self.limit else { return Ok(()) };
        let checked = if limit.is_shared() {
            // On the heap, as most requests never come here.
            let checked = state.limits.check_shared(&state.store, &state.clock, limit, whom());
            Box::pin(checked).await?
        } else {
            state.limits.check(limit, &whom)
        };
        self.standing = self.told(checked)?;
        Ok(())
    }

    fn told(
        &mut self,
        checked: Result<Option<RateLimitStatus>, Exceeded>,
    ) -> Result<Option<RateLimitStatus>, Exceeded> {
        checked.inspect_err(|exceeded| self.standing = Some(exceeded.0))
    }

    /// Says so in the answer.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        if let Some(standing) = &self.standing {
            show_standing(headers, standing);
        }
    }
}

/// Shows in an answer how much of a limit is left.
pub(crate) fn show_standing(headers: &mut HeaderMap, standing: &RateLimitStatus) {
    for (name, value) in [(RATE_LIMIT, standing.now()), (RATE_LIMIT_POLICY, standing.policy())] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}
