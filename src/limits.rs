//! Rate limiting (token buckets): how often a client, an account or a mailbox may be served, and the rate limit
//! headers of its responses.
//!
//! Requests and new tokens are counted in each instance's memory (`memory`). Sign-ins, sign-ups and emails are
//! counted in the database, for all instances together (`store::rate_limits`). The login throttle, for failed
//! sign-ins of an account, is separate (`store::login_attempts`).

mod custom;
mod memory;

use std::net::IpAddr;

use ipnet::IpNet;
use sha2::{Digest, Sha256};
use strum::{EnumIter, IntoEnumIterator, IntoStaticStr};

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
pub(crate) use custom::check_name;
pub use custom::{CustomLimit, DeclaresLimit, rate};
use memory::Counter;

/// The actions that are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Limit {
    /// Every request except health probes.
    Requests,
    /// Passwords tried.
    SignIn,
    /// Accounts created.
    SignUp,
    /// Emails requested.
    Mail,
    /// Emails to one mailbox requested from one network.
    Mailbox,
    /// Emails to one mailbox requested from all unknown networks together.
    MailboxTotal,
    /// API tokens created.
    Tokens,
    /// What a product limits.
    #[strum(disabled)]
    Custom(&'static CustomLimit),
}

impl Limit {
    /// Returns the name, as in the field `RateLimit`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Custom(limit) => limit.name,
            built_in => built_in.into(),
        }
    }

    const fn rate(self, config: &Config) -> Rate {
        match self {
            Self::Requests => config.limits.limit_requests,
            Self::SignIn => config.limits.limit_sign_in,
            Self::SignUp => config.limits.limit_sign_up,
            Self::Mail => config.limits.limit_mail,
            Self::Mailbox => config.limits.limit_mailbox,
            Self::MailboxTotal => config.limits.limit_mailbox_total,
            Self::Tokens => config.limits.limit_tokens,
            Self::Custom(limit) => limit.default,
        }
    }

    /// Returns whether all instances count it together, in the database.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        match self {
            Self::Requests | Self::Tokens | Self::Custom(_) => false,
            Self::SignIn | Self::SignUp | Self::Mail | Self::Mailbox | Self::MailboxTotal => true,
        }
    }
}

/// Whose actions are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RateLimitKey {
    /// A client's network.
    Network(IpNet),
    /// A user, by id.
    Account(String),
    /// An email.
    Mailbox(String),
    /// An email, combined with the network that requests emails to it.
    MailboxFrom(String, IpNet),
}

impl RateLimitKey {
    /// Returns the network that an IP address is counted by: for IPv6, its /64.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self::Network(network(address))
    }

    /// Returns what the table stores: a hash, so that it contains no IP addresses and no emails.
    fn key(&self, limit: Limit) -> Vec<u8> {
        let name = limit.name();
        let text = match self {
            Self::Network(network) => format!("{name}\nnetwork\n{network}"),
            Self::Account(id) => format!("{name}\naccount\n{id}"),
            Self::Mailbox(email) => format!("{name}\nmailbox\n{email}"),
            Self::MailboxFrom(email, network) => format!("{name}\nmailbox\n{email}\n{network}"),
        };
        Sha256::digest(text).to_vec()
    }
}

/// Returns the network that stands for an IP address.
#[must_use]
pub fn network(address: IpAddr) -> IpNet {
    let address = address.to_canonical();
    let bits = if address.is_ipv6() { 64 } else { 32 };
    IpNet::new(address, bits).map_or_else(|_| IpNet::from(address), |net| net.trunc())
}

/// Returns the network that stands for an IP address, as text: an IPv4 address, or the /64 of an IPv6 address.
#[must_use]
pub fn network_name(address: IpAddr) -> String {
    let network = network(address);
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// Parses an IP address, or the name of a network, to the name of the network.
#[must_use]
pub fn parse_network(text: &str) -> Option<String> {
    let address = text.parse::<IpAddr>().ok().or_else(|| {
        let named: IpNet = text.parse().ok()?;
        (named.prefix_len() == network(named.addr()).prefix_len()).then(|| named.addr())
    })?;
    Some(network_name(address))
}

/// All limits that are configured.
#[derive(Debug)]
pub struct Limits {
    counters: Vec<(Limit, Counter)>,
    shared: Vec<(Limit, Rule)>,
}

/// The status of a limit, as shown by the fields `RateLimit` and `RateLimit-Policy`
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
    /// Returns the value of `RateLimit-Policy`.
    #[must_use]
    pub fn policy(&self) -> String {
        format!(r#""{}";q={};w={}"#, self.name(), self.most, self.window)
    }

    /// Returns the value of `RateLimit`.
    #[must_use]
    pub fn now(&self) -> String {
        format!(r#""{}";r={};t={}"#, self.name(), self.left, self.wait)
    }

    fn name(&self) -> &'static str {
        self.limit.name()
    }
}

/// A limit was reached.
#[derive(Debug, Clone, Copy)]
pub struct Exceeded(pub RateLimitStatus);

impl From<Exceeded> for Error {
    fn from(Exceeded(status): Exceeded) -> Self {
        Self::too_many(status.wait)
    }
}

impl Limits {
    /// Creates the limits that are configured: those of this library, and these of the product.
    #[must_use]
    pub(crate) fn new(config: &Config, custom: &[(Limit, Rate)], clock: &Clock) -> Self {
        let (mut counters, mut shared) = (Vec::new(), Vec::new());
        let built_in = Limit::iter().map(|limit| (limit, limit.rate(config)));
        for (limit, rate) in built_in.chain(custom.iter().copied()) {
            let Rate::Of(most, each) = rate else { continue };
            if limit.is_shared() {
                shared.push((limit, Rule::new(most, each)));
            } else if let Some(counter) = Counter::new(most, each, clock) {
                counters.push((limit, counter));
            }
        }
        Self { counters, shared }
    }

    /// Counts one action in this instance's memory. Limits that are counted in the database are not checked.
    ///
    /// # Errors
    /// When the limit is exceeded; the action is not counted then.
    pub fn check(
        &self,
        limit: Limit,
        key: impl FnOnce() -> RateLimitKey,
    ) -> Result<Option<RateLimitStatus>, Exceeded> {
        let Some((_, counter)) = self.counters.iter().find(|(counted, _)| *counted == limit) else {
            return Ok(None);
        };
        counter.check(limit, &key()).map(Some)
    }

    /// Counts one action in the database, by the clock that all instances share.
    ///
    /// # Errors
    /// As every query: see [`Error`](crate::store::Error). The inner error is returned when the limit is
    /// exceeded; the action is not counted then.
    pub async fn check_shared(
        &self,
        store: &Store,
        clock: &Clock,
        limit: Limit,
        key: RateLimitKey,
    ) -> Result<Result<Option<RateLimitStatus>, Exceeded>, store::Error> {
        let Some((_, rule)) = self.shared.iter().find(|(counted, _)| *counted == limit) else {
            return Ok(Ok(None));
        };
        let now = shared_clock::now(store, clock).await?;
        let status = |left, wait| RateLimitStatus {
            limit,
            most: rule.most(),
            window: rule.window_seconds(),
            left,
            wait,
        };
        Ok(match rate_limits::count(store, key.key(limit), *rule, now).await? {
            Count::Counted { left } => Ok(Some(status(left, rule.interval_seconds()))),
            Count::Full { wait } => Err(Exceeded(status(0, rate_limits::seconds(wait).max(1)))),
        })
    }

    /// Drops, from memory, the counters of inactive clients, whose limits are fully replenished.
    pub fn forget(&self) {
        for (_, counter) in &self.counters {
            counter.forget();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{network, network_name, parse_network};

    #[test]
    fn rate_limit_network_of_an_ipv6_address_has_64_bits() {
        let same = |one: &str, other: &str| {
            network(one.parse().unwrap()) == network(other.parse().unwrap())
        };
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"), "one IP address in two forms");
    }

    #[test]
    fn network_of_another_size_and_other_text_are_rejected() {
        for text in ["", "x", "192.0.2.0/24", "2001:db8::/32", "192.0.2", "fe80::1%eth0"] {
            assert_eq!(parse_network(text), None, "{text}");
        }
    }

    #[test]
    fn network_name_is_an_ipv4_address_or_an_ipv6_network() {
        for (address, name) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(network_name(address.parse().unwrap()), name);
            assert_eq!(parse_network(address).as_deref(), Some(name));
            assert_eq!(parse_network(name).as_deref(), Some(name));
        }
    }
}
