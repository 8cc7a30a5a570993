use std::net::IpAddr;

use thiserror::Error;
use url::{Host, Url};
use webauthn_rp::request::{AsciiDomain, RpId};

/// This site as authenticators know it: the domain for which passkeys are created (rpId), and the origins whose pages
/// may use them.
#[derive(Debug, Clone)]
pub struct RelyingParty {
    pub(super) id: RpId,
    domain: String,
    origins: Vec<String>,
}

/// Why a site cannot have passkeys.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RelyingPartyError {
    /// Browsers know no passkeys for IP addresses.
    #[error(
        "passkeys need a domain, and {0} is an IP address; for development, use http://localhost"
    )]
    IpAddress(String),
    /// It is no domain.
    #[error("{0} is not a domain, such as example.com")]
    NotADomain(String),
    /// Browsers offer no passkeys to pages that are not secure.
    #[error("passkeys need https, except on localhost: {0} is not secure")]
    Insecure(String),
    /// Browsers reject an rpId that is not the host of the page or a parent domain of it.
    #[error(
        "the domain of passkeys, {domain}, is neither the host of {origin} nor a parent domain of it"
    )]
    NotASuffix {
        /// The rpId.
        domain: String,
        /// The origin.
        origin: String,
    },
}

impl RelyingParty {
    /// Checks a domain and the origins that are to use it, as browsers will.
    ///
    /// # Errors
    /// Why these cannot have passkeys.
    pub fn new(domain: &str, origins: Vec<String>) -> Result<Self, RelyingPartyError> {
        let bare = domain.trim_start_matches('[').trim_end_matches(']');
        if bare.parse::<IpAddr>().is_ok() {
            return Err(RelyingPartyError::IpAddress(domain.to_owned()));
        }
        let not_a_domain = || RelyingPartyError::NotADomain(domain.to_owned());
        // The URL parser's form is what browsers compare: lower case, Punycode.
        let Ok(Host::Domain(normal)) = Host::parse(domain) else { return Err(not_a_domain()) };
        let id = AsciiDomain::try_from(normal.clone()).map_err(|_| not_a_domain())?;
        for origin in &origins {
            check_origin(&normal, origin)?;
        }
        Ok(Self { id: RpId::Domain(id), domain: normal, origins })
    }

    /// The domain: the rpId.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The origins whose pages may use its passkeys, as browsers write them.
    #[must_use]
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// The origins in the form in which the library compares them.
    pub(super) fn allowed_origins(&self) -> Vec<&str> {
        self.origins.iter().map(String::as_str).collect()
    }
}

fn check_origin(domain: &str, origin: &str) -> Result<(), RelyingPartyError> {
    let not_a_suffix =
        || RelyingPartyError::NotASuffix { domain: domain.to_owned(), origin: origin.to_owned() };
    let url = Url::parse(origin).map_err(|_| not_a_suffix())?;
    let host = match url.host() {
        Some(Host::Domain(host)) => host,
        Some(host) => return Err(RelyingPartyError::IpAddress(host.to_string())),
        None => return Err(not_a_suffix()),
    };
    let is_local = host == "localhost" || host.ends_with(".localhost");
    if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
        return Err(RelyingPartyError::Insecure(origin.to_owned()));
    }
    let is_below =
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if is_below { Ok(()) } else { Err(not_a_suffix()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(domain: &str, origin: &str) -> Result<RelyingParty, RelyingPartyError> {
        RelyingParty::new(domain, vec![origin.to_owned()])
    }

    #[test]
    fn passkey_domain_is_the_host_of_every_origin_or_a_parent_domain() {
        for (domain, origin) in [
            ("example.com", "https://example.com"),
            ("example.com", "https://api.example.com:8443"),
            ("Example.COM", "https://example.com"),
            ("localhost", "http://localhost:8080"),
        ] {
            assert!(made(domain, origin).is_ok(), "{domain} {origin}");
        }
        for (domain, origin) in [
            ("api.example.com", "https://example.com"),
            ("example.com", "https://badexample.com"),
            ("example.com", "https://example.org"),
        ] {
            assert!(
                matches!(made(domain, origin), Err(RelyingPartyError::NotASuffix { .. })),
                "{domain} {origin}"
            );
        }
    }

    #[test]
    fn passkeys_are_unavailable_for_ip_addresses_and_without_https() {
        for (domain, origin) in [
            ("127.0.0.1", "http://127.0.0.1:8080"),
            ("[::1]", "http://[::1]"),
            ("localhost", "http://127.0.0.1"),
        ] {
            assert!(
                matches!(made(domain, origin), Err(RelyingPartyError::IpAddress(_))),
                "{domain}"
            );
        }
        let insecure = made("example.com", "http://example.com");
        assert!(matches!(insecure, Err(RelyingPartyError::Insecure(_))));
        assert!(matches!(made("", "https://a.b"), Err(RelyingPartyError::NotADomain(_))));
        assert!(matches!(made("a b", "https://a.b"), Err(RelyingPartyError::NotADomain(_))));
    }
}
