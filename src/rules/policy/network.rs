//! Addresses and networks, as they stand in a policy.

use std::net::IpAddr;

/// A network as an address and the number of bits that count.
pub(crate) fn parse_network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address.parse().ok()?, Some(bits.parse::<u8>().ok()?)),
        None => (text.parse::<IpAddr>().ok()?, None),
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some((address, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_no_more_bits_than_its_address() {
        assert_eq!(parse_network("10.0.0.0/8"), Some(([10, 0, 0, 0].into(), 8)));
        assert_eq!(parse_network("10.0.0.0/33"), None);
        assert!(parse_network("::1").is_some());
        assert_eq!(parse_network("localhost"), None);
    }
}
