//! A password that is tried: counted against guessing, whoever tries it.

use actix_web::HttpRequest;

use crate::{
    error::{Code, Error},
    gate::client,
    limits::network,
    state::State,
    store::guesses::{self, Begun, Guess},
};

/// A try that may be made.
#[derive(Clone)]
pub(super) struct Try(Option<Begun>);

impl Try {
    /// Begins a try at the password for this address; an account that was guessed at too often is
    /// waited for.
    pub(super) async fn begin(
        state: &State,
        email: &str,
        request: &HttpRequest,
    ) -> Result<Self, Error> {
        let bears = state.config.wrong_passwords;
        if bears == 0 {
            return Ok(Self(None));
        }
        let guess = Guess::at(email, network(client::address(request)));
        let now = state.clock.now();
        match guesses::begin(&state.store, guess, bears, now).await? {
            Ok(begun) => Ok(Self(Some(begun))),
            Err(until) => Err(Error::too_many(now.seconds_until(until))),
        }
    }

    /// What came of it. Where too many passwords are checked at once it was not made, and does not count.
    pub(super) async fn made<T>(
        &self,
        state: &State,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        if let (Err(error), Some(begun)) = (&result, &self.0)
            && error.is(Code::Busy)
        {
            guesses::take_back(&state.store, begun.clone()).await?;
        }
        result
    }

    /// The password was right.
    pub(super) async fn was_right(self, state: &State) -> Result<(), Error> {
        match self.0 {
            Some(begun) => Ok(guesses::right(&state.store, begun, state.clock.now()).await?),
            None => Ok(()),
        }
    }
}
