//! The IP addresses or the socket on which to listen.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use super::parse::without_blanks;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// One IP address and port.
    Address(SocketAddr),
    /// All IP addresses of a name.
    Name(String, u16),
    /// All IP addresses of this machine, IPv4 and IPv6.
    Everywhere(u16),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Default for Listen {
    fn default() -> Self {
        Self::Address(SocketAddr::from(([127, 0, 0, 1], 8080)))
    }
}

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "must be an address and port such as 127.0.0.1:8080 or [::1]:8080, localhost:8080, \
             :8080 for all addresses, or unix: and the path of a socket";
        if let Some(path) = text.strip_prefix("unix:") {
            return match without_blanks(path)? {
                "" => Err(SHAPE),
                path => Ok(Self::Unix(path.into())),
            };
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let (name, port) = text.rsplit_once(':').ok_or(SHAPE)?;
        let port = port.parse().map_err(|_| SHAPE)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        match name {
            "" => Ok(Self::Everywhere(port)),
            name if name.bytes().all(is_name) => Ok(Self::Name(name.to_owned(), port)),
            _ => Err(SHAPE),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Everywhere(port) => write!(f, ":{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The mode of a Unix socket, in octal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketMode(pub u32);

impl FromStr for SocketMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match u32::from_str_radix(text, 8) {
            Ok(mode @ 0..=0o777) if !text.starts_with('+') => Ok(Self(mode)),
            _ => Err("must be a file's mode in octal, from 0000 to 0777, such as 0660"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn listen_setting_parses_ip_address_host_name_port_and_unix_socket() {
        for (text, place) in [
            ("127.0.0.1:8080", Listen::default()),
            ("[::1]:0", Listen::Address("[::1]:0".parse().unwrap())),
            ("localhost:8080", Listen::Name("localhost".to_owned(), 8080)),
            (":8080", Listen::Everywhere(8080)),
            ("unix:/run/portcullis.sock", Listen::Unix("/run/portcullis.sock".into())),
            ("unix:portcullis.sock", Listen::Unix("portcullis.sock".into())),
        ] {
            assert_eq!(text.parse(), Ok(place.clone()));
            assert_eq!(place.to_string(), text);
        }
        for text in [
            "",
            "nowhere",
            "8080",
            "::1:8080",
            "localhost:",
            ":65536",
            "unix:",
            "unix:x\r",
            "http://x:1",
        ] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }

    #[test]
    fn socket_mode_is_parsed_as_octal() {
        assert_eq!("0660".parse(), Ok(SocketMode(0o660)));
        assert_eq!("777".parse(), Ok(SocketMode(0o777)));
        for text in ["", "0800", "1777", "rw", "-1", "+7"] {
            assert!(text.parse::<SocketMode>().is_err(), "{text}");
        }
    }
}
