//! Origins, and the domains that cookies may be for.

use std::net::{IpAddr, Ipv6Addr};

use serde::Deserialize;

use crate::rules::PolicyError;

/// A scheme, host and port without a path; see [`Policy::public_origin`](crate::Policy::public_origin).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PublicOrigin(String);

impl PublicOrigin {
    /// The text of the origin, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the origin is reached over TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl Default for PublicOrigin {
    fn default() -> Self {
        Self("http://localhost:3000".to_owned())
    }
}

impl<T: Into<String>> From<T> for PublicOrigin {
    fn from(origin: T) -> Self {
        Self(origin.into())
    }
}

pub(super) fn check_origin(key: &str, origin: &str) -> Result<(), PolicyError> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    match host {
        Some(host)
            if has_host_and_port(host)
                && origin.len() <= MAX_ORIGIN
                && origin == origin.to_ascii_lowercase() =>
        {
            Ok(())
        }
        Some(_) | None => Err(PolicyError::new(
            key,
            "must be http:// or https://, a host in lower case and perhaps a port, without a path",
        )),
    }
}

/// A host, which may be an IPv6 address in brackets, and perhaps a port.
fn has_host_and_port(authority: &str) -> bool {
    let end_of_address = authority.rfind(']').unwrap_or(0);
    let (host, port) = match authority[end_of_address..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(end_of_address + colon);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    };
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| 0 < port)
    };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_domain(host),
    };
    is_host && port.is_none_or(is_port)
}

pub(super) fn is_domain(domain: &str) -> bool {
    let fits = (1..=253).contains(&domain.len());
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    fits && domain.split('.').all(is_label)
}

/// The host of an origin that was checked, without its port.
pub(super) fn host(origin: &str) -> &str {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((name, _)) if !host.ends_with(']') => name,
        Some(_) | None => host,
    }
}

/// Whether a browser takes a cookie with this `Domain` from `host`, which it otherwise drops without
/// a word (RFC 6265, section 5.1.3).
pub(super) fn is_within(host: &str, domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    let is_parent = host.strip_suffix(&domain).is_some_and(|below| below.ends_with('.'));
    // An address has no parents, and no host may set cookies for a domain as wide as `com`.
    host == domain || is_parent && domain.contains('.') && host.parse::<IpAddr>().is_err()
}

/// The parents of `host`, itself first, that are narrower than `domain`.
#[cfg(feature = "http")]
pub(super) fn narrower<'a>(host: &'a str, domain: &str) -> impl Iterator<Item = &'a str> {
    let shortest = domain.len();
    let parent = |host: &&'a str| host.split_once('.').map(|(_, parent)| parent);
    std::iter::successors(Some(host), parent).take_while(move |parent| shortest < parent.len())
}

const MAX_ORIGIN: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_no_url() {
        for wrong in [
            "",
            "example.com",
            "https://",
            "https://a/b",
            "https://A",
            "https://u@h",
            "ftp://x",
            "http://a:port",
            "http://a:99999",
            "http://a:0",
            "http://a:+80",
            "http://a_b",
            "http://a/b",
            "http://a?b",
            "http://ä",
            "http://::::",
            "http://a..b",
            "http://[1]",
        ] {
            assert!(check_origin("public_origin", wrong).is_err(), "{wrong}");
        }
        for right in
            ["http://localhost:3000", "https://a-b.example", "http://[::]:80", "http://127.0.0.1"]
        {
            assert!(check_origin("public_origin", right).is_ok(), "{right}");
        }
    }

    #[test]
    fn an_origin_is_as_long_as_it_may_be() {
        let check = |length| check_origin("public_origin", &format!("{:a<length$}", "http://"));
        assert_eq!(check(MAX_ORIGIN), Ok(()));
        assert!(check(MAX_ORIGIN + 1).is_err());
    }

    #[test]
    fn the_host_of_an_origin_is_without_its_port() {
        for (origin, of) in [
            ("http://localhost:3000", "localhost"),
            ("https://a.example", "a.example"),
            ("http://[::1]", "[::1]"),
            ("http://[::1]:80", "[::1]"),
        ] {
            assert_eq!(host(origin), of);
        }
    }
}
