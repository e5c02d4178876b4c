//! The address a request came from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, HeaderName};

use super::limits::MAX_FORWARDED_HOPS;
use crate::rules::parse_network;

/// The proxies whose word about the client's address is taken.
#[derive(Debug)]
pub(super) struct Proxies(Vec<Network>);

#[derive(Debug)]
struct Network {
    base: u128,
    mask: u128,
    is_v4: bool,
}

impl Proxies {
    /// The proxies that the policy lists; the engine has checked the list.
    pub(super) fn new(trusted: &[String]) -> Self {
        let networks = trusted.iter().filter_map(|text| {
            let (address, bits) = parse_network(text)?;
            Some(Network::new(address, bits))
        });
        Self(networks.collect())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client's address: the peer's, or what trusted proxies say they had as their peer.
    ///
    /// Each proxy appends its peer at the right. Whatever stands left of the first address that is
    /// not a trusted proxy's was written by a stranger. Clients whose address nobody knows have one
    /// in common, [`UNKNOWN`], so that limits by address fail closed.
    pub(super) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> IpAddr {
        let Some(peer) = peer else { return UNKNOWN };
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let values: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .map(|value| value.to_str().unwrap_or_default())
            .collect();
        let hops = values.iter().rev().flat_map(|value| value.rsplit(','));
        for hop in hops.take(MAX_FORWARDED_HOPS) {
            let Some(address) = parse_hop(hop.trim()) else { break };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

impl Network {
    fn new(address: IpAddr, bits: u8) -> Self {
        // A mapped network such as ::ffff:10.0.0.0/104 is the IPv4 one.
        let (address, bits) = match (address.to_canonical(), address) {
            (IpAddr::V4(folded), IpAddr::V6(_)) if 96 <= bits => (IpAddr::V4(folded), bits - 96),
            (IpAddr::V4(_) | IpAddr::V6(_), _) => (address, bits),
        };
        let width = if address.is_ipv4() { 32 } else { 128 };
        let free = width - u32::from(bits).min(width);
        let mask = u128::MAX.checked_shl(free).unwrap_or(0);
        Self { base: number(address) & mask, mask, is_v4: address.is_ipv4() }
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.is_v4 == address.is_ipv4() && number(address) & self.mask == self.base
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Some proxies write the port too.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

/// The one address of all clients whose address nobody knows.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let trusted: Vec<String> = trusted.iter().map(|&text| text.to_owned()).collect();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
        }
        Proxies::new(&trusted).client(peer.parse().ok(), &headers).to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        assert_eq!(client(&[], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["1.1.1.1, 198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn the_right_most_address_that_is_no_proxy_counts() {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"];
        let hops = ["203.0.113.9, 198.51.100.7", "10.2.2.2,2001:db8::5"];
        assert_eq!(client(&trusted, "10.0.0.1", &hops), "198.51.100.7");
        assert_eq!(client(&trusted, "10.0.0.1", &["10.1.1.1, 10.2.2.2"]), "10.1.1.1");
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["1.1.1.1, unknown"]), "10.0.0.1");
        assert_eq!(
            client(&["10.0.0.0/8"], "10.0.0.1", &["1.1.1.1, unknown, 10.3.3.3"]),
            "10.3.3.3"
        );
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn mapped_addresses_are_folded_and_ports_dropped() {
        assert_eq!(client(&["10.0.0.0/8"], "::ffff:10.0.0.1", &["1.1.1.1:80"]), "1.1.1.1");
        assert_eq!(
            client(&["::ffff:10.0.0.0/104"], "10.0.0.1", &["[2001:db8::1]:9"]),
            "2001:db8::1"
        );
        assert_eq!(client(&["0.0.0.0/0"], "10.0.0.1", &["::ffff:1.1.1.1"]), "1.1.1.1");
    }

    #[test]
    fn the_search_has_a_limit() {
        let hops = vec!["10.0.0.2"; MAX_FORWARDED_HOPS + 1].join(",");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[&format!("1.1.1.1,{hops}")]), "10.0.0.2");
    }
}
