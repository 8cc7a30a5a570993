use super::CLOCK_DIFFERENCE;
use crate::time::{Timestamp, seconds};

/// Who a user is, by a provider's word.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The user's id at the provider, which never changes and is never another user's.
    pub subject: String,
    /// The user's email.
    pub email: Option<String>,
    /// Whether the provider verified the email; none if it does not say.
    pub email_verified: Option<bool>,
    /// The user's name.
    pub name: Option<String>,
    /// How the provider authenticated the user (`amr`, RFC 8176).
    pub amr: Vec<String>,
    /// The class of that authentication (`acr`).
    pub acr: Option<String>,
    /// When the user authenticated at the provider.
    pub auth_time: Option<Timestamp>,
}

/// Why it is not certain that a user has authenticated at the provider since a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAuthenticatedSince {
    /// The provider does not say when they did.
    Unknown,
    /// It was before, or the provider's clock is wrong.
    Earlier,
}

impl Identity {
    /// Checks that the user has authenticated at the provider since this moment, by its own statement. Its clock may
    /// differ as much as for all other times in an ID token.
    ///
    /// # Errors
    /// When they have not.
    pub fn authenticated_since(
        &self,
        begin: Timestamp,
        now: Timestamp,
    ) -> Result<(), NotAuthenticatedSince> {
        let leeway = seconds(CLOCK_DIFFERENCE);
        match self.auth_time {
            None => Err(NotAuthenticatedSince::Unknown),
            Some(at) if at < begin - leeway || at > now + leeway => {
                Err(NotAuthenticatedSince::Earlier)
            }
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_has_authenticated_since_a_moment_if_the_provider_states_a_time_after_it() {
        let begin = Timestamp::from_micros(1_000_000_000);
        let now = begin + seconds(60);
        let leeway = seconds(30);
        let moved = |at: Timestamp, micros: i64| Timestamp::from_micros(at.micros() + micros);
        for (auth_time, result) in [
            (None, Err(NotAuthenticatedSince::Unknown)),
            (Some(begin), Ok(())),
            (Some(now), Ok(())),
            (Some(begin - leeway), Ok(())),
            (Some(moved(begin - leeway, -1)), Err(NotAuthenticatedSince::Earlier)),
            (Some(now + leeway), Ok(())),
            (Some(moved(now + leeway, 1)), Err(NotAuthenticatedSince::Earlier)),
        ] {
            let identity = Identity {
                subject: String::new(),
                email: None,
                email_verified: None,
                name: None,
                amr: Vec::new(),
                acr: None,
                auth_time,
            };
            assert_eq!(identity.authenticated_since(begin, now), result, "{auth_time:?}");
        }
    }
}
