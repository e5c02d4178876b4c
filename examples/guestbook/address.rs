//! The address that people type to reach the site.

use std::net::SocketAddr;

/// The origin under which a browser on this machine reaches a site that listens at `address`; cookies and
/// redirects need one name for it, and this is the one that people type.
pub(crate) fn origin_at(address: SocketAddr) -> String {
    let host = if address.ip().is_loopback() || address.ip().is_unspecified() {
        "localhost".to_owned()
    } else if address.is_ipv6() {
        format!("[{}]", address.ip())
    } else {
        address.ip().to_string()
    };
    match address.port() {
        // Browsers leave it out of the origins that they send.
        PORT_OF_HTTP => format!("http://{host}"),
        port => format!("http://{host}:{port}"),
    }
}

/// What an operator must know whose site listens under other addresses than the one that it answers under:
/// by another one the pages can be read, and every form is refused.
pub(crate) fn advice_at(address: SocketAddr, public_origin: &str) -> Option<String> {
    if public_origin != origin_at(address) {
        return Some(format!("open it as {public_origin}"));
    }
    address.ip().is_unspecified().then(|| {
        format!(
            "open it as {public_origin}; for another name set `public_origin` in the file of \
             `--config`"
        )
    })
}

const PORT_OF_HTTP: u16 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> String {
        origin_at(address.parse().unwrap())
    }

    #[test]
    fn this_machine_has_one_name() {
        for address in ["127.0.0.1:3000", "[::1]:3000", "0.0.0.0:3000", "[::]:3000"] {
            assert_eq!(origin(address), "http://localhost:3000");
        }
        assert_eq!(origin("192.0.2.7:3000"), "http://192.0.2.7:3000");
        assert_eq!(origin("[2001:db8::7]:3000"), "http://[2001:db8::7]:3000");
    }

    /// Every form was refused: the origin that the browser sent was another than the site's.
    #[test]
    fn the_port_that_browsers_leave_out_is_left_out() {
        assert_eq!(origin("127.0.0.1:80"), "http://localhost");
        assert_eq!(origin("[2001:db8::7]:80"), "http://[2001:db8::7]");
    }

    #[test]
    fn whoever_listens_everywhere_is_told_the_one_address_that_works() {
        let advice = |address: &str, origin| advice_at(address.parse().unwrap(), origin);
        let told = advice("0.0.0.0:3000", "http://localhost:3000").unwrap();
        assert!(
            told.contains("http://localhost:3000") && told.contains("`public_origin`"),
            "{told}"
        );
        for address in ["0.0.0.0:3000", "127.0.0.1:3000"] {
            let told = advice(address, "https://book.example").unwrap();
            assert_eq!(told, "open it as https://book.example");
        }
        assert_eq!(advice("127.0.0.1:3000", "http://localhost:3000"), None);
    }
}
