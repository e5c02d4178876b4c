//! More passwords than can be hashed.

use guestpass::credential::{Argon2Params, HasherOptions};
use guestpass::model::EventKind;
use guestpass::store::memory::MemoryBackend;
use http::{Request, StatusCode};

use super::{Crowd, address, count, site};
use crate::http::site::{Answer, Browser, ORIGIN_URL, PASSWORD, code_hint, form, with};
use crate::support::at_once;

/// The form of a page of ours, filled in.
fn filled(browser: &Browser<'_>, page: &str, email: &str) -> Request<Vec<u8>> {
    let path = page.strip_prefix(ORIGIN_URL).unwrap_or(page);
    let request = form(path, &[("email", email), ("password", PASSWORD)]);
    browser.dress(with(request, "origin", ORIGIN_URL))
}

/// Sends a form again for as long as it is refused for want of a place.
async fn insist(browser: &mut Browser<'_>, page: &str, email: &str) -> Answer {
    for _ in 0..MAX_TRIES {
        let answer = browser.submit(page, email, PASSWORD).await;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return answer;
        }
    }
    panic!("no place becomes free");
}

/// Ten times as many as may wait, at every door that takes a password: nobody waits who has no place,
/// and whoever was refused has done nothing. When the crowd has gone, its places are free again.
#[tokio::test]
async fn passwords_beyond_the_queue_are_refused_at_once_at_every_door() {
    let site = site(MemoryBackend::new(), slow(), |_| {});
    site.regular("ada@example.com").await;
    let guest = site.guest().await;
    let mut browser = Browser::new(&site);
    let log_in = browser.authorize(&[]).await;
    let sign_up = browser.authorize(&[("x_page", "signup")]).await;
    let hint = code_hint(&site.promotion_code(&guest.refresh).await);
    let promote = browser.authorize(&[("login_hint", &hint)]).await;

    let doors = [&log_in, &sign_up, &promote];
    let offered = 10 * QUEUE;
    let requests = (0..offered)
        .map(|number| filled(&browser, doors[number % 3], &format!("user-{number}@example.com")));
    let crowd = Crowd::of(&site, requests);
    assert_eq!(crowd.waiting.len() + crowd.refused, offered);
    let waiting = crowd.waiting.len();
    // One more for each hash that ends meanwhile; a second queue full of them takes many seconds.
    assert!((QUEUE..2 * QUEUE).contains(&waiting), "{waiting} wait");
    drop(crowd);

    let done = insist(&mut browser, &log_in, "ada@example.com").await;
    assert!(done.parameter("code").is_some(), "whoever comes after the crowd is served");
    let done = insist(&mut browser, &promote, "grace@example.com").await;
    assert!(done.parameter("code").is_some(), "the guest is still one");
    let is_sign_up = |kind: &EventKind| matches!(kind, EventKind::SignedUp | EventKind::Promoted);
    assert_eq!(count(&site, is_sign_up).await, 2, "Ada and the guest, and nobody of the crowd");
}

/// What succeeds counts against no limit, so some addresses with accounts of their own took all places for as
/// long as they liked, and nobody else was let in, signed up or promoted.
#[tokio::test]
async fn a_few_addresses_do_not_take_all_places() {
    for door in ["login", "signup"] {
        let site = site(MemoryBackend::new(), slow(), |policy| {
            policy.rate_limits.password.per_ip.enabled = false;
            policy.rate_limits.signup_anonymous.per_ip.enabled = false;
        });
        site.regular("ada@example.com").await;
        let mut browser = Browser::new(&site);
        let page = browser.authorize(&[("x_page", door)]).await;
        let email = |number| match door {
            "login" => "ada@example.com".to_owned(),
            _ => format!("user-{number}@example.com"),
        };
        let few = 5;
        let requests = (0..10 * QUEUE).map(|number| filled(&browser, &page, &email(number)));
        let mut crowd = Crowd::from(&site, |number| address(number % few), requests);
        let waiting = crowd.waiting.len();
        assert!((QUEUE..2 * QUEUE).contains(&waiting), "{waiting} wait");
        let others = (0..few).map(|number| filled(&browser, &page, &email(10 * QUEUE + number)));
        let others = Crowd::from(&site, |number| address(few + number), others);
        assert_eq!((others.waiting.len(), others.refused), (few, 0));
        // Those who had to go are told so at once.
        let answered = crowd.waiting.iter_mut().filter_map(|one| at_once(one.as_mut()));
        let statuses: Vec<StatusCode> = answered.map(|answer| answer.status()).collect();
        assert!(statuses.contains(&StatusCode::SERVICE_UNAVAILABLE), "{statuses:?}");
    }
}

/// What needs no hash is not held up by those who wait for one.
#[tokio::test]
async fn whoever_needs_no_hash_does_not_wait_for_one() {
    let site = site(MemoryBackend::new(), slow(), |_| {});
    let ada = site.regular("ada@example.com").await;
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[]).await;
    let email = |number| format!("user-{number}@example.com");
    let crowd = Crowd::of(&site, (0..3 * QUEUE).map(|it| filled(&browser, &page, &email(it))));
    for _ in 0..32 {
        let answers = [site.userinfo(&ada.access).await, site.refresh("web", &ada.refresh).await];
        assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
        site.guest().await;
    }
    assert!(QUEUE <= crowd.waiting.len());
}

/// One hash at a time, which takes a while in a release build too, and few that may wait.
fn slow() -> HasherOptions {
    HasherOptions { params: Argon2Params::new(65_536, 2, 1).unwrap(), threads: 1, queue: QUEUE }
}

const QUEUE: usize = 32;
/// A place becomes free when the hash ends that is being made.
const MAX_TRIES: usize = 1_000_000;
