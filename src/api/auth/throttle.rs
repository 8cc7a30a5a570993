//! The login throttle: limits failed attempts per account (brute-force protection, lockout), at passwords and at second
//! factors.

use std::time::Duration;

use actix_web::HttpRequest;
use tokio::time::{Instant, sleep};

use crate::{
    error::{Code, Error},
    gate::client,
    limits::network,
    state::State,
    store::{
        login_attempts::{self, AttemptRejected, AttemptSource, Outcome, Reservation},
        shared_clock,
    },
};

/// How long an attempt waits for running attempts at the same account.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How often it polls for their end: at first often, then less so.
const FIRST_POLL: Duration = Duration::from_millis(20);
const SLOWEST_POLL: Duration = Duration::from_millis(320);

/// A reserved attempt; `None` inside if the throttle is disabled.
#[derive(Clone)]
pub(super) struct Attempt(Option<Reservation>);

impl Attempt {
    /// Reserves an attempt at the account with this email. If as many attempts are running as may still fail,
    /// it waits briefly for one of them to end.
    ///
    /// Responds with 429 when the account is throttled, or when the wait was too long or too many attempts are
    /// waiting.
    pub(super) async fn begin(
        state: &State,
        email: &str,
        request: &HttpRequest,
    ) -> Result<Self, Error> {
        let origin = AttemptSource::new(email, network(client::address(request)));
        Self::reserve(state, origin, Error::throttled).await
    }

    /// Does the same for an attempt at this user's second factor.
    pub(super) async fn second_factor(
        state: &State,
        user_id: &str,
        request: &HttpRequest,
    ) -> Result<Self, Error> {
        let origin = AttemptSource::second_factor(user_id, network(client::address(request)));
        Self::reserve(state, origin, Error::second_factor_throttled).await
    }

    async fn reserve(
        state: &State,
        origin: AttemptSource,
        throttled: fn(u64) -> Error,
    ) -> Result<Self, Error> {
        let allowed = state.config.limits.max_failed_logins;
        if allowed == 0 {
            return Ok(Self(None));
        }
        let mut waiting = None;
        loop {
            let now = shared_clock::now(&state.store, &state.clock).await?;
            match login_attempts::reserve(&state.store, origin.clone(), allowed, now).await? {
                Ok(reservation) => return Ok(Self(Some(reservation))),
                Err(AttemptRejected::Throttled(until)) => {
                    return Err(throttled(now.seconds_until(until).max(1)));
                }
                Err(AttemptRejected::Occupied) if waiting.is_none() => {
                    waiting = Some(Waiting::begin(state)?);
                }
                Err(AttemptRejected::Occupied) => {}
            }
            if let Some(waiting) = &mut waiting {
                waiting.until_vacant(state, &origin, allowed).await?;
            }
        }
    }

    /// Records the outcome of the attempt; `succeeded` returns whether the password was correct. If too many
    /// passwords are being checked at once, or the store fails, the check was not completed, and does not
    /// count.
    pub(super) async fn resolve<T>(
        self,
        state: &State,
        result: Result<T, Error>,
        succeeded: impl FnOnce(&T) -> bool,
    ) -> Result<T, Error> {
        let Some(reservation) = self.0 else { return result };
        let outcome = match &result {
            Ok(value) if succeeded(value) => Outcome::Succeeded,
            Err(error) if error.is(Code::Busy) || error.is(Code::StoreUnavailable) => {
                Outcome::NotMade
            }
            Ok(_) | Err(_) => Outcome::Failed,
        };
        let recorded = async {
            let now = shared_clock::now(&state.store, &state.clock).await?;
            login_attempts::resolve(&state.store, reservation, outcome, now).await
        };
        match (recorded.await, result) {
            // The first error is returned.
            (_, Err(error)) if outcome == Outcome::NotMade => Err(error),
            (Err(fault), _) => Err(fault.into()),
            (Ok(()), result) => result,
        }
    }
}

/// A place among the attempts that wait on this instance. Their number is limited.
struct Waiting<'a> {
    _place: tokio::sync::SemaphorePermit<'a>,
    until: Instant,
    pause: Duration,
}

impl<'a> Waiting<'a> {
    fn begin(state: &'a State) -> Result<Self, Error> {
        let place = state.waiting_sign_ins.try_acquire().map_err(|_| Error::too_many(1))?;
        let until = Instant::now() + MAX_WAIT;
        Ok(Self { _place: place, until, pause: FIRST_POLL })
    }

    /// Polls, without writing, until one of the running attempts has ended.
    async fn until_vacant(
        &mut self,
        state: &State,
        origin: &AttemptSource,
        allowed: u16,
    ) -> Result<(), Error> {
        loop {
            if Instant::now() >= self.until {
                return Err(Error::too_many(1));
            }
            sleep(self.pause).await;
            self.pause = (self.pause * 2).min(SLOWEST_POLL);
            let now = shared_clock::now(&state.store, &state.clock).await?;
            let origin = origin.clone();
            if !login_attempts::is_occupied(&state.store, origin, allowed, now).await? {
                return Ok(());
            }
        }
    }
}
