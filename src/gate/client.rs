//! Determines the IP address of the client, behind trusted proxies.

mod untrusted;

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use actix_web::HttpRequest;
use ipnet::IpNet;

use crate::{limits::network_name, state::State};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Marks a connection over a Unix socket. Such a peer has no IP address and counts as a trusted proxy: the
/// socket's mode decides who may connect.
#[derive(Debug, Clone, Copy)]
pub struct UnixPeer;

/// Stands for the missing IP address of a Unix socket's peer.
const NO_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Returns the client's IP address: the peer's, or, if the peer is a trusted proxy, the last entry of
/// X-Forwarded-For that is not one. Entries further left may have been forged by the client.
#[must_use]
pub fn address(request: &HttpRequest) -> IpAddr {
    let peer = request.peer_addr().map_or(NO_ADDRESS, |peer| peer.ip());
    let Ok(state) = State::of(request) else { return peer.to_canonical() };
    let proxies = state.config.server.trusted_proxies();
    let is_unix = request.conn_data::<UnixPeer>().is_some();
    if !is_unix {
        untrusted::warn_once(&state.config, peer.to_canonical(), request.headers());
    }
    // The usual case, without a proxy: nothing is parsed and nothing copied.
    if proxies.is_empty() && !is_unix {
        return peer.to_canonical();
    }
    let fields = request.headers().get_all(FORWARDED_FOR);
    let fields: Vec<Cow<str>> =
        fields.map(|field| String::from_utf8_lossy(field.as_bytes())).collect();
    let trusted =
        |address: &IpAddr| (is_unix && *address == NO_ADDRESS) || contain(proxies, address);
    client_behind(trusted, peer, &fields.join(","))
}

/// Returns the client's network as the activity log keeps it: none if the settings say so, or if the client has no IP
/// address.
#[must_use]
pub fn recorded_network(request: &HttpRequest) -> Option<String> {
    let state = State::of(request).ok()?;
    let address = state.config.data.keeps_clients().then(|| address(request));
    address.filter(|address| *address != NO_ADDRESS).map(network_name)
}

/// Returns whether one of these networks contains an IP address.
fn contain(networks: &[IpNet], address: &IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}

fn client_behind(trusted: impl Fn(&IpAddr) -> bool, peer: IpAddr, forwarded: &str) -> IpAddr {
    let mut nearest = peer.to_canonical();
    // Empty list elements are ignored (RFC 9110, 5.6.1.2).
    let entries = forwarded.rsplit(',').map(|entry| entry.trim_matches(BLANK));
    for entry in entries.filter(|entry| !entry.is_empty()) {
        if !trusted(&nearest) {
            break;
        }
        // An entry that is not an IP address ends the chain: the client before it is unknown.
        let Some(ip) = ip(entry) else { break };
        nearest = ip.to_canonical();
    }
    nearest
}

const BLANK: [char; 2] = [' ', '\t'];

/// Parses an entry in any form that proxies write: bare, with a port, IPv6 in brackets, in quotation marks as
/// in the header Forwarded (RFC 7239, 6), and with a zone id, which is only meaningful to the proxy.
fn ip(entry: &str) -> Option<IpAddr> {
    let quoted = entry.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let entry = quoted.unwrap_or(entry);
    if let Some(rest) = entry.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return if fits { ipv6(address) } else { None };
    }
    match entry.split_once(':') {
        // More than one colon is IPv6 without a port, because a port requires brackets.
        Some((_, rest)) if rest.contains(':') => ipv6(entry),
        Some((address, port)) if is_port(port) => address.parse::<Ipv4Addr>().ok().map(Into::into),
        Some(_) => None,
        None => entry.parse::<Ipv4Addr>().ok().map(Into::into),
    }
}

fn ipv6(text: &str) -> Option<IpAddr> {
    let (address, zone) = text.split_once('%').unwrap_or((text, "none"));
    let address = address.parse::<Ipv6Addr>().ok()?;
    let fits = !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| address.into())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;

    fn client(proxies: &[&str], peer: &str, forwarded: &str) -> String {
        let proxies: Vec<IpNet> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        client_behind(|address| contain(&proxies, address), peer.parse().unwrap(), forwarded)
            .to_string()
    }

    #[test]
    fn client_ip_is_the_peer_without_a_trusted_proxy() {
        assert_eq!(client(&[], "192.0.2.1", "203.0.113.9"), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", "203.0.113.9"), "192.0.2.1");
    }

    #[test]
    fn client_ip_is_the_last_untrusted_entry_behind_a_trusted_proxy() {
        let proxies = ["10.0.0.0/8"];
        assert_eq!(client(&proxies, "10.0.0.1", "198.51.100.1, 203.0.113.9"), "203.0.113.9");
        assert_eq!(
            client(&proxies, "10.0.0.1", "198.51.100.1, 203.0.113.9, 10.9.9.9"),
            "203.0.113.9"
        );
        assert_eq!(client(&proxies, "::ffff:10.0.0.1", "2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn client_ip_is_the_last_known_hop_of_a_broken_chain() {
        let proxies = ["10.0.0.0/8"];
        assert_eq!(client(&proxies, "10.0.0.1", ""), "10.0.0.1");
        assert_eq!(client(&proxies, "10.0.0.1", "unknown, 10.0.0.2"), "10.0.0.2");
        for unknown in [
            "unknown",
            "_hidden",
            "203.0.113",
            "203.0.113.09",
            "203.0.113.7:",
            "203.0.113.7:65536",
            "203.0.113.7:+80",
            "203.0.113.7 198.51.100.1",
            "203.0.113.7/32",
            "[203.0.113.7]",
            "[2001:db8::1",
            "[2001:db8::1]443",
            "[2001:db8::1]:",
            "[[2001:db8::1]]",
            "2001:db8::1%",
            "2001:db8:0:0:0:0:0:1:443",
            "\"203.0.113.7",
            "\"\"",
            "\u{fffd}",
            "https://203.0.113.7",
        ] {
            let forwarded = format!("203.0.113.9, {unknown}");
            assert_eq!(client(&proxies, "10.0.0.1", &forwarded), "10.0.0.1", "{unknown}");
        }
    }

    #[test]
    fn forwarded_entry_is_parsed_in_every_form_that_proxies_write() {
        for (entry, ip) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:51008", "203.0.113.7"),
            ("\"203.0.113.7:51008\"", "203.0.113.7"),
            ("  203.0.113.7\t", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[::FFFF:203.0.113.7]:443", "203.0.113.7"),
            ("::ffff:cb00:7107", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:DB8:0::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:443", "fe80::1"),
        ] {
            assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", entry), ip, "{entry}");
        }
    }

    #[test]
    fn ports_and_empty_entries_do_not_break_the_forwarded_chain() {
        let forwarded = "198.51.100.1, 203.0.113.9:1, , \"10.0.0.3:80\",, ::ffff:10.0.0.2,";
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", forwarded), "203.0.113.9");
    }

    /// Returns the forms in which a proxy may write an IP address.
    fn forms(ip: IpAddr, port: u16) -> Vec<String> {
        let bare = match ip {
            IpAddr::V4(ip) => vec![
                format!("{ip}"),
                format!("{ip}:{port}"),
                format!("::ffff:{ip}"),
                format!("[::ffff:{ip}]:{port}"),
            ],
            IpAddr::V6(ip) => {
                vec![
                    format!("{ip}"),
                    format!("[{ip}]"),
                    format!("[{ip}]:{port}"),
                    format!("{ip}%1"),
                ]
            }
        };
        let quoted = bare.iter().map(|form| format!("\"{form}\"")).collect::<Vec<_>>();
        bare.into_iter().chain(quoted).collect()
    }

    proptest! {
        /// The nearest entry that is not a trusted proxy is the client, whatever the client wrote before it and
        /// whatever forms the proxies use.
        #[test]
        fn forwarded_entries_written_by_the_client_are_ignored(
            written in ".{0,60}",
            client in any::<IpAddr>(),
            hops in vec((any::<[u8; 3]>(), any::<u16>(), any::<Index>(), "[ \t]{0,2},?[ \t]{0,2}"), 0..5),
            (port, form) in (any::<u16>(), any::<Index>()),
        ) {
            let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
            prop_assume!(!proxies[0].contains(&client.to_canonical()));
            let write = |ip, port, form: Index| form.get(&forms(ip, port)).clone();
            let mut entries = vec![written, write(client, port, form)];
            for ([a, b, c], port, form, between) in hops {
                entries.extend([between, write(Ipv4Addr::new(10, a, b, c).into(), port, form)]);
            }
            let forwarded = entries.join(",");
            let found = client_behind(|address| contain(&proxies, address), "10.0.0.1".parse().unwrap(), &forwarded);
            prop_assert_eq!(found, client.to_canonical());
        }
    }
}
