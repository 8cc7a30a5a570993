//! Detects an undeclared reverse proxy, behind which all clients share one rate limit.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicBool, Ordering},
};

use actix_web::http::header::{FORWARDED, HeaderMap};

use super::{FORWARDED_FOR, contain};
use crate::config::Config;

/// Warns, once per process, of a proxy in a private network that is not a trusted one. From other networks any
/// client may send such a header.
pub(super) fn warn_once(config: &Config, peer: IpAddr, headers: &HeaderMap) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.load(Ordering::Relaxed)
        && is_undeclared(config, peer, headers)
        && !WARNED.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(
            "a proxy in a private network is not trusted, so all of its clients share its limits (logged once)"
        );
    }
}

fn is_undeclared(config: &Config, peer: IpAddr, headers: &HeaderMap) -> bool {
    // `none` declares that the operator knows of no proxy.
    let is_none = config.server.trusted_proxies.as_deref().is_some_and(<[_]>::is_empty);
    is_private(peer)
        && !is_none
        && !contain(config.server.trusted_proxies(), &peer)
        && (headers.contains_key(FORWARDED_FOR) || headers.contains_key(FORWARDED))
}

/// Returns whether an IP address is loopback, link-local, private, or of a carrier's network (RFC 6598).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || Ipv4Addr::from_bits(address.to_bits() & 0xffc0_0000)
                    == Ipv4Addr::new(100, 64, 0, 0)
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        config: Config,
    }

    fn undeclared(proxies: Option<&str>, peer: &str, header: &'static str) -> bool {
        let given = proxies.map(|proxies| ["--trusted-proxies", proxies]);
        let arguments = ["test"].into_iter().chain(given.into_iter().flatten());
        let config = Settings::parse_from(arguments).config;
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(header), HeaderValue::from_static("203.0.113.9"));
        is_undeclared(&config, peer.parse().unwrap(), &headers)
    }

    #[test]
    fn forwarding_private_peer_without_trust_is_an_undeclared_proxy() {
        for peer in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.254",
            "::1",
            "fd00::1",
            "fe80::1",
        ] {
            for header in ["x-forwarded-for", "forwarded"] {
                assert!(undeclared(None, peer, header), "{peer} {header}");
                assert!(undeclared(Some("192.0.2.0/24"), peer, header), "{peer} {header}");
                assert!(!undeclared(Some("none"), peer, header), "{peer} {header}");
                assert!(!undeclared(Some(peer), peer, header), "{peer} {header}");
            }
            assert!(!undeclared(None, peer, "x-real-ip"), "{peer}");
        }
        for peer in ["203.0.113.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2001:db8::1"] {
            assert!(!undeclared(None, peer, "x-forwarded-for"), "{peer}");
        }
    }
}
