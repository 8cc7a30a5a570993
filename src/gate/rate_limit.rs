//! Applies an operation's rate limits, and shows their status in the response.

use actix_web::{
    dev::ServiceRequest,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};

use super::{Access, client, session::Finding};
use crate::{
    error::Error,
    limits::{Exceeded, Limit, RateLimitKey, RateLimitStatus},
    state::State,
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The rate limiting of one request.
pub(super) struct RateLimitCheck {
    limit: Option<Limit>,
    /// Whether anonymous requests are rejected.
    required: bool,
    status: Option<RateLimitStatus>,
}

impl RateLimitCheck {
    /// Creates the check for an operation's own limit, in addition to the one for all requests.
    pub(super) fn by(access: Access) -> Self {
        Self { limit: access.limit, required: access.required, status: None }
    }

    /// Applies the operation's own limit to the IP address, before any lookup. The limit for all requests was
    /// applied to the IP address earlier (`app::limit`). That of a product counts users: many may share an IP address.
    pub(super) async fn address(
        &mut self,
        state: &State,
        request: &ServiceRequest,
    ) -> Result<(), Error> {
        match self.limit {
            Some(Limit::Custom(_)) => Ok(()),
            _ => self.check_limit(state, || address(request)).await,
        }
    }

    /// Applies the limits to the account, once it is known.
    pub(super) async fn account(
        &mut self,
        state: &State,
        request: &ServiceRequest,
        finding: &Finding,
    ) -> Result<(), Error> {
        match finding {
            Finding::Known(session) => {
                let account = || RateLimitKey::Account(session.user.id.clone());
                let checked = state.limits.check(Limit::Requests, account);
                self.record(checked)?;
                self.check_limit(state, account).await
            }
            Finding::Anonymous(_) => match self.limit {
                Some(Limit::Custom(_)) if !self.required => {
                    self.check_limit(state, || address(request)).await
                }
                _ => Ok(()),
            },
        }
    }

    /// Records the status of the operation's own limit; that of the general limit is shown only once it is
    /// reached. The account is checked last, and its status is more specific.
    async fn check_limit(
        &mut self,
        state: &State,
        key: impl Fn() -> RateLimitKey,
    ) -> Result<(), Error> {
        let Some(limit) = self.limit else { return Ok(()) };
        let checked = if limit.is_shared() {
            // Boxed, because most requests never get here.
            let checked = state.limits.check_shared(&state.store, &state.clock, limit, key());
            Box::pin(checked).await?
        } else {
            state.limits.check(limit, &key)
        };
        self.status = self.record(checked)?;
        Ok(())
    }

    fn record(
        &mut self,
        checked: Result<Option<RateLimitStatus>, Exceeded>,
    ) -> Result<Option<RateLimitStatus>, Exceeded> {
        checked.inspect_err(|exceeded| self.status = Some(exceeded.0))
    }

    /// Shows the status in the response.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        if let Some(status) = &self.status {
            add_rate_limit_headers(headers, status);
        }
    }
}

fn address(request: &ServiceRequest) -> RateLimitKey {
    RateLimitKey::at(client::address(request.request()))
}

/// Shows in a response how much of a limit is left.
pub(crate) fn add_rate_limit_headers(headers: &mut HeaderMap, status: &RateLimitStatus) {
    for (name, value) in [(RATE_LIMIT, status.now()), (RATE_LIMIT_POLICY, status.policy())] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}
