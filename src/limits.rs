//! Rate limits: how often a client, an account or a mailbox may be served, and what its answers say of it.
//!
//! Requests and new tokens are counted in each instance's memory (`memory`). Sign-ins, sign-ups and mails are
//! counted in the database, for all instances together (`store::rate_limits`). Failed sign-ins of an account
//! are another matter (`store::login_attempts`).

mod memory;

use std::net::IpAddr;

use ipnet::IpNet;
use sha2::{Digest, Sha256};
use strum::{IntoStaticStr, VariantArray};

use crate::{
    config::{Config, Rate},
    error::Error,
    store::{
        self, Store,
        rate_limits::{self, Count, Rule},
        shared_clock,
    },
    time::Clock,
};
use memory::Counter;

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
    /// Mails to one mailbox that one network asks for.
    Mailbox,
    /// Mails to one mailbox that unknown networks ask for together.
    MailboxTotal,
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
            Self::MailboxTotal => config.limit_mailbox_total,
            Self::Tokens => config.limit_tokens,
        }
    }

    /// Whether all instances count it together, in the database.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        match self {
            Self::Requests | Self::Tokens => false,
            Self::SignIn | Self::SignUp | Self::Mail | Self::Mailbox | Self::MailboxTotal => true,
        }
    }
}

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RateLimitKey {
    /// A client's network.
    Network(IpNet),
    /// A user, by their id.
    Account(String),
    /// An e-mail address.
    Mailbox(String),
    /// An e-mail address, as one network asks for mails to it.
    MailboxFrom(String, IpNet),
}

impl RateLimitKey {
    /// The network that counts for an address: of an IPv6 address, the /64 around it.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self::Network(network(address))
    }

    /// What is stored of it: a hash, so that the table holds no addresses.
    fn key(&self, limit: Limit) -> Vec<u8> {
        let name: &str = limit.into();
        let text = match self {
            Self::Network(network) => format!("{name}\nnetwork\n{network}"),
            Self::Account(id) => format!("{name}\naccount\n{id}"),
            Self::Mailbox(email) => format!("{name}\nmailbox\n{email}"),
            Self::MailboxFrom(email, network) => format!("{name}\nmailbox\n{email}\n{network}"),
        };
        Sha256::digest(text).to_vec()
    }
}

/// The network that stands for an address.
#[must_use]
pub fn network(address: IpAddr) -> IpNet {
    let address = address.to_canonical();
    let bits = if address.is_ipv6() { 64 } else { 32 };
    IpNet::new(address, bits).map_or_else(|_| IpNet::from(address), |net| net.trunc())
}

/// All limits that the settings ask for.
#[derive(Debug)]
pub struct Limits {
    counters: Vec<(Limit, Counter)>,
    shared: Vec<(Limit, Rule)>,
}

/// How much of a limit is used: what the fields `RateLimit` and `RateLimit-Policy` say
/// (draft-ietf-httpapi-ratelimit-headers-10).
#[derive(Debug, Clone, Copy)]
pub struct RateLimitStatus {
    limit: Limit,
    most: u32,
    window: u64,
    left: u32,
    wait: u64,
}

impl RateLimitStatus {
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

/// A limit was reached.
#[derive(Debug, Clone, Copy)]
pub struct Exceeded(pub RateLimitStatus);

impl From<Exceeded> for Error {
    fn from(Exceeded(standing): Exceeded) -> Self {
        Self::too_many(standing.wait)
    }
}

impl Limits {
    /// The limits that the settings ask for.
    #[must_use]
    pub fn new(config: &Config, clock: &Clock) -> Self {
        let (mut counters, mut shared) = (Vec::new(), Vec::new());
        for limit in Limit::VARIANTS.iter().copied() {
            let Rate::Of(most, each) = limit.rate(config) else { continue };
            if limit.is_shared() {
                shared.push((limit, Rule::new(most, each)));
            } else if let Some(counter) = Counter::new(most, each, clock) {
                counters.push((limit, counter));
            }
        }
        Self { counters, shared }
    }

    /// Counts one more in this instance's memory. What is counted in the database is not limited by it.
    ///
    /// # Errors
    /// When it is one too many; it is not counted then.
    pub fn check(
        &self,
        limit: Limit,
        whom: impl FnOnce() -> RateLimitKey,
    ) -> Result<Option<RateLimitStatus>, Exceeded> {
        let Some((_, counter)) = self.counters.iter().find(|(counted, _)| *counted == limit) else {
            return Ok(None);
        };
        counter.check(limit, &whom()).map(Some)
    }

    /// Counts one more in the database, by the clock that all instances share.
    ///
    /// # Errors
    /// When the store is unavailable; the inner error, when it is one too many: it is not counted then.
    pub async fn check_shared(
        &self,
        store: &Store,
        clock: &Clock,
        limit: Limit,
        whom: RateLimitKey,
    ) -> Result<Result<Option<RateLimitStatus>, Exceeded>, store::Error> {
        let Some((_, rule)) = self.shared.iter().find(|(counted, _)| *counted == limit) else {
            return Ok(Ok(None));
        };
        let now = shared_clock::now(store, clock).await?;
        let standing = |left, wait| RateLimitStatus {
            limit,
            most: rule.most(),
            window: rule.window_seconds(),
            left,
            wait,
        };
        Ok(match rate_limits::count(store, whom.key(limit), *rule, now).await? {
            Count::Counted { left } => Ok(Some(standing(left, rule.interval_seconds()))),
            Count::Full { wait } => Err(Exceeded(standing(0, rate_limits::seconds(wait).max(1)))),
        })
    }

    /// Forgets, in memory, who has not asked for so long that they count as new.
    pub fn forget(&self) {
        for (_, counter) in &self.counters {
            counter.forget();
        }
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
