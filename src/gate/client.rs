//! From which address a request comes.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use ipnet::IpNet;

use crate::state::State;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address: the connection's, or, where that is a trusted proxy's, the last in
/// X-Forwarded-For that is not. What stands further left, the client may have written itself.
#[must_use]
pub fn address(request: &HttpRequest) -> IpAddr {
    let peer = request.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    let proxies = State::of(request).map_or(&[][..], |state| &state.config.trusted_proxies);
    // Most are not asked for: without a proxy, nothing is read and nothing copied.
    if proxies.is_empty() {
        return peer.to_canonical();
    }
    let fields = request.headers().get_all(FORWARDED_FOR);
    let fields: Vec<&str> = fields.map(|field| field.to_str().unwrap_or_default()).collect();
    behind(proxies, peer, &fields.join(","))
}

fn behind(proxies: &[IpNet], peer: IpAddr, forwarded: &str) -> IpAddr {
    let trusted = |address: &IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    let mut nearest = peer.to_canonical();
    for hop in forwarded.rsplit(',').map(str::trim) {
        if !trusted(&nearest) {
            break;
        }
        // What is no address ends the chain: whoever is before it is not known.
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        nearest = address.to_canonical();
    }
    nearest
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn client(proxies: &[&str], peer: &str, forwarded: &str) -> String {
        let proxies: Vec<IpNet> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        behind(&proxies, peer.parse().unwrap(), forwarded).to_string()
    }

    #[test]
    fn without_a_trusted_proxy_the_connection_says_who_it_is() {
        assert_eq!(client(&[], "192.0.2.1", "203.0.113.9"), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", "203.0.113.9"), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_is_believed_and_what_the_client_wrote_itself_is_not() {
        let proxies = ["10.0.0.0/8"];
        assert_eq!(client(&proxies, "10.0.0.1", "198.51.100.1, 203.0.113.9"), "203.0.113.9");
        assert_eq!(
            client(&proxies, "10.0.0.1", "198.51.100.1, 203.0.113.9, 10.9.9.9"),
            "203.0.113.9"
        );
        assert_eq!(client(&proxies, "::ffff:10.0.0.1", "2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn where_the_chain_breaks_the_last_known_hop_counts() {
        let proxies = ["10.0.0.0/8"];
        assert_eq!(client(&proxies, "10.0.0.1", ""), "10.0.0.1");
        assert_eq!(client(&proxies, "10.0.0.1", "203.0.113.9, unknown"), "10.0.0.1");
        assert_eq!(client(&proxies, "10.0.0.1", "unknown, 10.0.0.2"), "10.0.0.2");
    }
}
