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

    /// Counts it by its address, before anything is looked up for it.
    pub(super) fn address(
        &mut self,
        state: &State,
        request: &ServiceRequest,
    ) -> Result<(), Exceeded> {
        self.check(state, || Whom::at(client::address(request.request())))
    }

    /// Counts it by whose it is, once that is known.
    pub(super) fn account(&mut self, state: &State, finding: &Finding) -> Result<(), Exceeded> {
        match finding {
            Finding::Known { session, .. } => {
                self.check(state, || Whom::Account(session.user.id.clone()))
            }
            Finding::Anonymous(_) => Ok(()),
        }
    }

    /// Where somebody stands with what is counted on its own is told: of what is for everything nothing is
    /// said until it is too much. The account comes last, and says more.
    fn check(&mut self, state: &State, whom: impl Fn() -> Whom) -> Result<(), Exceeded> {
        let mut check = |limit| {
            let checked = state.limits.check(limit, &whom);
            checked.inspect_err(|exceeded| self.standing = Some(exceeded.0))
        };
        check(Limit::Requests)?;
        if let Some(limit) = self.limit {
            self.standing = check(limit)?;
        }
        Ok(())
    }

    /// Says so in the answer.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let Some(standing) = &self.standing else { return };
        for (name, value) in [(RATE_LIMIT, standing.now()), (RATE_LIMIT_POLICY, standing.policy())]
        {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}
