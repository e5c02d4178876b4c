//! More than can be served: what has no place is refused at once, and what was promised is kept.
//!
//! Nothing here depends on how fast the machine is. What is in the way (a slow hash, a lock of another
//! process) is there for as long as the test wants it, and what is counted is who waits, who was refused
//! and what came of it.

mod challenges;
mod crowd;
mod floods;
mod hashing;
mod overload;
mod writing;

use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;

use guestpass::credential::{HasherOptions, Keyring};
use guestpass::http::{Http, Response};
use guestpass::model::{EventCursor, EventKind, ManualClock, SystemEntropy};
use guestpass::store::Backend;
use guestpass::{Engine, Policy};
use http::{Request, StatusCode};

use crate::http::site::{Site, policy};
use crate::support::{START, at_once};

pub(crate) use challenges::endless_challenges;
pub(crate) use crowd::endless_crowds;
pub(crate) use overload::ten_times_as_much;

/// A site over a backend that hashes like this.
pub(crate) fn site(
    backend: impl Backend,
    hasher: HasherOptions,
    change: impl FnOnce(&mut Policy),
) -> Site {
    let mut policy = policy();
    change(&mut policy);
    let clock = ManualClock::at(START);
    let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
    let engine = Engine::builder(backend, keyring, policy).clock(clock.clone()).hasher(hasher);
    Site { http: Http::new(engine.build().unwrap()), clock }
}

/// Requests that have to wait, and how many had not.
struct Crowd<'a> {
    waiting: Vec<Pin<Box<dyn Future<Output = Response> + 'a>>>,
    refused: usize,
}

impl<'a> Crowd<'a> {
    /// Makes all requests at once, each from an address of its own. Whoever does not wait was refused:
    /// before giving way even once, with the words that let a client come again.
    fn of(site: &'a Site, requests: impl Iterator<Item = Request<Vec<u8>>>) -> Self {
        Self::from(site, address, requests)
    }

    /// The same from these addresses.
    fn from(
        site: &'a Site,
        address: impl Fn(usize) -> IpAddr,
        requests: impl Iterator<Item = Request<Vec<u8>>>,
    ) -> Self {
        let mut crowd = Self { waiting: Vec::new(), refused: 0 };
        for (number, request) in requests.enumerate() {
            let mut response = Box::pin(site.http.respond(request, Some(address(number))));
            let Some(response) = at_once(response.as_mut()) else {
                crowd.waiting.push(response);
                continue;
            };
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()["retry-after"], "1");
            assert!(!response.headers().contains_key("set-cookie"));
            crowd.refused += 1;
        }
        crowd
    }
}

/// An address of its own for each client.
fn address(number: usize) -> IpAddr {
    let bits = u32::try_from(number).unwrap() | 0x0a00_0000;
    Ipv4Addr::from_bits(bits).into()
}

/// How often something has happened.
pub(crate) async fn count(site: &Site, kind: fn(&EventKind) -> bool) -> usize {
    let (mut after, mut count) = (EventCursor::START, 0);
    loop {
        let events = site.engine().events(after, u32::MAX).await.unwrap();
        let Some((last, _)) = events.last() else { return count };
        after = *last;
        count += events.iter().filter(|(_, event)| kind(&event.kind)).count();
    }
}
