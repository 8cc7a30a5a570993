//! How often somebody may ask: counted in memory, for an address and for an account.
//!
//! Wrong passwords are counted in the database instead (`store::guesses`), since a restart or a second
//! instance must not forget them.

use std::{fmt, net::IpAddr};

use governor::{
    Quota, RateLimiter, clock::Clock as _, middleware::StateInformationMiddleware, nanos::Nanos,
    state::keyed::DashMapStateStore,
};
use ipnet::IpNet;
use strum::{IntoStaticStr, VariantArray};

use crate::{
    config::{Config, Rate},
    error::Error,
    time::Clock,
};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Limit {
    /// Every request but the probes'.
    Requests,
    /// Passwords that are tried.
    SignIn,
    /// Accounts that are made.
    SignUp,
    /// Mails that are asked for.
    Mail,
    /// Mails that are asked for to one mailbox.
    Mailbox,
    /// Tokens that are made.
    Tokens,
}

impl Limit {
    const fn rate(self, config: &Config) -> Rate {
        match self {
            Self::Requests => config.limit_requests,
            Self::SignIn => config.limit_sign_in,
            Self::SignUp => config.limit_sign_up,
            Self::Mail => config.limit_mail,
            Self::Mailbox => config.limit_mailbox,
            Self::Tokens => config.limit_tokens,
        }
    }
}

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Whom {
    /// A client's network.
    Network(IpNet),
    /// A user, by their id.
    Account(String),
    /// An e-mail address.
    Mailbox(String),
}

impl Whom {
    /// The network that counts for an address: whoever has an IPv6 address has the /64 around it.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self::Network(network(address))
    }
}

/// The network that stands for an address.
#[must_use]
pub fn network(address: IpAddr) -> IpNet {
    let address = address.to_canonical();
    let bits = if address.is_ipv6() { 64 } else { 32 };
    IpNet::new(address, bits).map_or_else(|_| IpNet::from(address), |net| net.trunc())
}

type Counter = RateLimiter<Whom, DashMapStateStore<Whom>, Ticks, StateInformationMiddleware>;

/// All counters.
pub struct Limits {
    counters: Vec<(Limit, Counter)>,
}

/// Where somebody stands: what the fields `RateLimit` and `RateLimit-Policy` say
/// (draft-ietf-httpapi-ratelimit-headers-10).
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    limit: Limit,
    most: u32,
    window: u64,
    left: u32,
    wait: u64,
}

impl Standing {
    /// The value of `RateLimit-Policy`.
    #[must_use]
    pub fn policy(&self) -> String {
        format!(r#""{}";q={};w={}"#, self.name(), self.most, self.window)
    }

    /// The value of `RateLimit`.
    #[must_use]
    pub fn now(&self) -> String {
        format!(r#""{}";r={};t={}"#, self.name(), self.left, self.wait)
    }

    fn name(&self) -> &'static str {
        self.limit.into()
    }
}

/// Somebody asked too often.
#[derive(Debug, Clone, Copy)]
pub struct Exceeded(pub Standing);

impl From<Exceeded> for Error {
    fn from(Exceeded(standing): Exceeded) -> Self {
        Self::too_many(standing.wait)
    }
}

impl Limits {
    /// The counters that the settings ask for.
    #[must_use]
    pub fn new(config: &Config, clock: &Clock) -> Self {
        let counter = |limit: &Limit| match limit.rate(config) {
            Rate::Off => None,
            Rate::Of(most, each) => {
                let quota = Quota::with_period(each / most.get())?.allow_burst(most);
                let counter: Counter =
                    RateLimiter::new(quota, DashMapStateStore::default(), Ticks(clock.clone()));
                Some((*limit, counter))
            }
        };
        Self { counters: Limit::VARIANTS.iter().filter_map(counter).collect() }
    }

    /// Counts one more.
    ///
    /// # Errors
    /// When it is one too many; it is not counted then.
    pub fn check(
        &self,
        limit: Limit,
        whom: impl FnOnce() -> Whom,
    ) -> Result<Option<Standing>, Exceeded> {
        let Some((_, counter)) = self.counters.iter().find(|(counted, _)| *counted == limit) else {
            return Ok(None);
        };
        let standing = |quota: Quota, left, wait| Standing {
            limit,
            most: quota.burst_size().get(),
            window: quota.burst_size_replenished_in().as_secs(),
            left,
            wait,
        };
        match counter.check_key(&whom()) {
            Ok(state) => {
                let (quota, left) = (state.quota(), state.remaining_burst_capacity());
                let next = quota.replenish_interval().as_secs_f64().ceil();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "up to a day"
                )]
                Ok(Some(standing(quota, left, next as u64)))
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(counter.clock().now());
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Err(Exceeded(standing(not_until.quota(), 0, seconds.max(1))))
            }
        }
    }

    /// Counts one more mail to a mailbox, whether or not anybody has it: the answer must not tell.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn check_mailbox(&self, email: &str) -> Result<(), Exceeded> {
        self.check(Limit::Mailbox, || Whom::Mailbox(email.to_owned())).map(drop)
    }

    /// Forgets whoever has not asked for long enough to count as new.
    pub fn forget(&self) {
        for (_, counter) in &self.counters {
            counter.retain_recent();
            counter.shrink_to_fit();
        }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.counters.iter().map(|(limit, _)| limit)).finish()
    }
}

/// Our clock, as the counters read it.
#[derive(Clone)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let micros = u64::try_from(self.0.now().micros()).unwrap_or_default();
        Nanos::new(micros.saturating_mul(1000))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::network;

    #[test]
    fn whoever_has_an_address_of_ipv6_has_the_network_around_it() {
        let same = |one: &str, other: &str| {
            network(one.parse().unwrap()) == network(other.parse().unwrap())
        };
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"), "one address in two forms");
    }
}
