//! Resolves names to public addresses only.
//!
//! The check is made on the addresses that are then connected to: a check of the name beforehand could see another
//! answer of its name server (DNS rebinding).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The resolver.
pub(super) struct PublicNetwork;

impl Resolve for PublicNetwork {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                return Err(io::Error::other(format!(
                    "{} has no address on a public network (private_network = true allows others)",
                    name.as_str()
                ))
                .into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Special-purpose networks (the IANA registries of RFC 6890) that must not be called, besides those that the standard
/// library tells.
const SPECIAL_V4: [Ipv4Net; 8] = [
    net4([0, 0, 0, 0], 8),
    net4([100, 64, 0, 0], 10),
    net4([192, 0, 0, 0], 24),
    net4([192, 88, 99, 0], 24),
    net4([198, 18, 0, 0], 15),
    net4([224, 0, 0, 0], 4),
    net4([240, 0, 0, 0], 4),
    net4([192, 0, 2, 0], 24),
];

/// The addresses of the internet are in 2000::/3; of those, 6to4 and Teredo contain an IPv4 address.
const GLOBAL_V6: Ipv6Net = net6([0x2000, 0], 3);
const SPECIAL_V6: [Ipv6Net; 3] =
    [net6([0x2001, 0], 32), net6([0x2001, 0xdb8], 32), net6([0x2002, 0], 16)];

const fn net4([a, b, c, d]: [u8; 4], bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn net6([a, b]: [u16; 2], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), bits)
}

/// Returns whether an address is on the internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_documentation()
                || SPECIAL_V4.iter().any(|net| net.contains(&address)))
        }
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|net| net.contains(&address))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn private_and_special_addresses_are_not_public() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fe80::1",
            "2002:a00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
