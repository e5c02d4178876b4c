//! Guests without end from one subscriber.

use std::net::{IpAddr, Ipv6Addr};

use guestpass::credential::HasherOptions;
use guestpass::model::EventKind;
use guestpass::store::memory::MemoryBackend;
use http::StatusCode;

use super::{count, site};
use crate::http::site::{Site, json};
use crate::support::seconds;

/// Whoever has a /64 has more addresses than anybody can count, and still is one. Each of its requests
/// comes from an address that was never seen, and within an hour there are as many guests as the limit
/// says; others do not notice.
#[tokio::test]
async fn a_flood_from_one_64_makes_as_many_guests_as_the_limit_says() {
    let site = site(MemoryBackend::new(), HasherOptions::default(), |_| {});
    let burst = usize::try_from(site.engine().policy().rate_limits.signup_anonymous.per_ip.burst);
    let burst = burst.unwrap();
    let mut let_in = 0;
    for minute in 0..MINUTES {
        for number in 0..FLOOD {
            let address = FLOODER | u128::from(scattered(minute * FLOOD + number));
            let_in += usize::from(sign_up(&site, address).await == StatusCode::OK);
        }
        assert_eq!(let_in, (usize::try_from(minute).unwrap() + 1) * burst);
        assert_eq!(sign_up(&site, NEIGHBOUR).await, StatusCode::OK);
        site.clock.advance(seconds(60));
    }
    let is_guest = |kind: &EventKind| matches!(kind, EventKind::SignedUpAnonymously);
    assert_eq!(count(&site, is_guest).await, let_in + usize::try_from(MINUTES).unwrap());
}

async fn sign_up(site: &Site, address: u128) -> StatusCode {
    let request = json("/api/anonymous_user/signup", r#"{"session_type":"cookie"}"#);
    let address = IpAddr::V6(Ipv6Addr::from_bits(address));
    let response = site.http.respond(request, Some(address)).await;
    if response.status() != StatusCode::OK {
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["retry-after"], "60");
    }
    response.status()
}

/// Somewhere else in the half of an address that a subscriber chooses.
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

const FLOODER: u128 = 0x2001_0db8_0000_0001_0000_0000_0000_0000;
/// The next /64.
const NEIGHBOUR: u128 = 0x2001_0db8_0000_0002_0000_0000_0000_0001;
const FLOOD: u64 = 2000;
const MINUTES: u64 = 5;
