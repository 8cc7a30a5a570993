//! What is counted of a request, and what its answer says of that.

use actix_web::{
    dev::ServiceRequest,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};

use super::{client, session::Finding};
use crate::{
    limits::{Exceeded, Limit, Standing, Whom},
    state::State,
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The count of one request.
pub(super) struct Counted {
    limit: Option<Limit>,
    standing: Option<Standing>,
}

impl Counted {
    /// What is counted of it, besides that it is a request.
    pub(super) fn by(limit: Option<Limit>) -> Self {
        Self { limit, standing: None }
    }

    /// Counts what is limited apart by its address, before anything is looked up for it. That it is a
    /// request was counted for its address before it came here (`app::limit`).
    pub(super) fn address(
        &mut self,
        state: &State,
        request: &ServiceRequest,
    ) -> Result<(), Exceeded> {
        self.check_limit(state, || Whom::at(client::address(request.request())))
    }

    /// Counts it by whose it is, once that is known.
    pub(super) fn account(&mut self, state: &State, finding: &Finding) -> Result<(), Exceeded> {
        match finding {
            Finding::Known { session, .. } => {
                let account = || Whom::Account(session.user.id.clone());
                let requests = state.limits.check(Limit::Requests, account);
                requests.inspect_err(|exceeded| self.standing = Some(exceeded.0))?;
                self.check_limit(state, account)
            }
            Finding::Anonymous(_) => Ok(()),
        }
    }

    /// Where somebody stands with what is counted on its own is told: of what is for everything nothing is
    /// said until it is too much. The account comes last, and says more.
    fn check_limit(&mut self, state: &State, whom: impl FnOnce() -> Whom) -> Result<(), Exceeded> {
        if let Some(limit) = self.limit {
            let checked = state.limits.check(limit, whom);
            self.standing = checked.inspect_err(|exceeded| self.standing = Some(exceeded.0))?;
        }
        Ok(())
    }

    /// Says so in the answer.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        if let Some(standing) = &self.standing {
            show_standing(headers, standing);
        }
    }
}

/// Shows in an answer how much of a limit is left.
pub(crate) fn show_standing(headers: &mut HeaderMap, standing: &Standing) {
    for (name, value) in [(RATE_LIMIT, standing.now()), (RATE_LIMIT_POLICY, standing.policy())] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}
