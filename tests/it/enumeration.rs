//! What somebody learns about login IDs by asking: whether one is anybody's, and anything about whose.

mod timing;

use std::net::{IpAddr, Ipv4Addr};

use guestpass::credential::{Argon2Params, HasherOptions};
use guestpass::model::ProvenIdentity;
use guestpass::rules::OnConflict;
use guestpass::store::memory::MemoryBackend;
use guestpass::{Credential, Engine, Policy, Rejection};
use http::StatusCode;

use crate::http::site::{Answer, Browser, ORIGIN_URL, PASSWORD, Site, code_hint, form, with};
use crate::load::site;
use crate::support::{
    Held, Place, World, cookie, email, on_every_backend_with, refused, run, seconds,
};

pub(crate) use timing::refused_sign_ins;

/// Whose login ID it is: the names of those who have one are of one length, so that what repeats them is
/// too.
const NOBODY: &str = "nobody-";
/// Whoever has a password, which is not the one that is tried.
const REGULAR: &str = "regular";
/// Whoever has been locked out.
const DISABLED: &str = "disable";
/// Whoever has proven the login ID to the host, and has no password.
const PROVEN: &str = "proven-";
/// Whoever had the login ID, and was deleted.
const DELETED: &str = "deleted";
const ALL: [&str; 5] = [NOBODY, REGULAR, DISABLED, PROVEN, DELETED];

/// Everybody in [`ALL`] who is anybody.
async fn populate(engine: &Engine) {
    let sign_up = async |credential| {
        let signed_in = engine.sign_up(credential, cookie(), None).await.unwrap();
        signed_in.user.id
    };
    let by_password = |name| Credential::password(email(name), PASSWORD);
    sign_up(by_password(REGULAR)).await;
    let disabled = sign_up(by_password(DISABLED)).await;
    engine.disable(disabled).await.unwrap();
    sign_up(Credential::proven(ProvenIdentity::login_id(email(PROVEN)))).await;
    let deleted = sign_up(by_password(DELETED)).await;
    engine.delete(deleted).await.unwrap();
}

/// To find nobody is quicker than to read somebody.
#[test]
fn for_a_login_id_that_nobody_has_somebody_else_is_read() {
    let world = World::new(Place::Memory);
    run(populate(&world.engine));
    let reads = |name| {
        world.script.rest();
        let guess = Credential::password(email(name), "not the password");
        assert_eq!(refused(world.sign_in(guess)), Rejection::Denied);
        world.script.calls()
    };
    assert_eq!([REGULAR, NOBODY, DELETED].map(reads), [1, 2, 2]);
}

/// A site with everybody, on which hashing costs next to nothing.
async fn populated(on_conflict: OnConflict) -> Site {
    let params = Argon2Params::for_tests();
    let hasher = HasherOptions { params, ..HasherOptions::default() };
    let site = site(MemoryBackend::new(), hasher, |policy| {
        policy.anonymous.on_conflict = on_conflict;
        policy.rate_limits.password.per_login_id_per_ip.burst = 3;
    });
    populate(site.engine()).await;
    site
}

/// All that a client can see of an answer: status, every header, body. Only the login ID itself, which
/// the page gives back, is made the same; nothing else differs from one answer to the next, because the
/// flow is the same and the host adds `Date`.
fn seen(answer: &Answer, name: &str) -> (StatusCode, Vec<(String, String)>, String) {
    let headers = answer.parts.headers.iter();
    let headers = headers.map(|(name, value)| {
        (name.to_string(), String::from_utf8(value.as_bytes().to_vec()).unwrap())
    });
    (answer.status, headers.collect(), answer.body.replace(name, "somebody"))
}

/// A page of a flow that this browser has opened, as somebody who is or is not a guest.
async fn page(browser: &mut Browser<'_>, visitor: Visitor, page: &str) -> String {
    let kind = ("x_page", page);
    match visitor {
        Visitor::Nobody => browser.authorize(&[kind]).await,
        Visitor::NobodyWithCookies => browser.authorize(&[kind, ("response_type", "none")]).await,
        Visitor::Guest => {
            let guest = browser.site.guest().await;
            let hint = code_hint(&browser.site.promotion_code(&guest.refresh).await);
            browser.authorize(&[kind, ("login_hint", &hint)]).await
        }
        Visitor::GuestWithCookies => {
            browser.become_guest().await;
            let hint = code_hint(&browser.promotion_code().await);
            browser.authorize(&[kind, ("response_type", "none"), ("login_hint", &hint)]).await
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Visitor {
    Nobody,
    NobodyWithCookies,
    Guest,
    GuestWithCookies,
}

impl Visitor {
    const ALL: [Self; 4] =
        [Self::Nobody, Self::NobodyWithCookies, Self::Guest, Self::GuestWithCookies];
    const GUESTS: [Self; 2] = [Self::Guest, Self::GuestWithCookies];
}

/// Sends a form as often as it takes to reach the limit and once more, and answers with all that is seen.
async fn probe(
    browser: &mut Browser<'_>,
    page: &str,
    name: &str,
) -> Vec<(StatusCode, Vec<(String, String)>, String)> {
    let mut all = Vec::new();
    for _ in 0..5 {
        let answer = browser.submit(page, &format!("{name}@example.com"), "not the password").await;
        all.push(seen(&answer, name));
    }
    all
}

#[tokio::test]
async fn the_log_in_page_answers_alike_whoever_has_the_login_id() {
    for on_conflict in [OnConflict::Error, OnConflict::Login] {
        for visitor in Visitor::ALL {
            let site = populated(on_conflict).await;
            let mut browser = Browser::new(&site);
            let page = page(&mut browser, visitor, "login").await;
            let of_nobody = probe(&mut browser, &page, NOBODY).await;
            let statuses: Vec<u16> = of_nobody.iter().map(|(status, ..)| status.as_u16()).collect();
            assert_eq!(statuses, [403, 403, 403, 429, 429]);
            for name in &ALL[1..] {
                let of_name = probe(&mut browser, &page, name).await;
                assert_eq!(of_name, of_nobody, "{on_conflict:?} {visitor:?} {name}");
            }
        }
    }
}

/// Whether a login ID is anybody's shows when a promotion succeeds. Whose it is does not: with
/// `on_conflict = "login"` control is proven before anything else is said.
#[tokio::test]
async fn promoting_answers_alike_whoever_else_has_the_login_id() {
    for visitor in Visitor::GUESTS {
        let site = populated(OnConflict::Login).await;
        let mut browser = Browser::new(&site);
        let page = page(&mut browser, visitor, "signup").await;
        let of_regular = probe(&mut browser, &page, REGULAR).await;
        let statuses: Vec<u16> = of_regular.iter().map(|(status, ..)| status.as_u16()).collect();
        assert_eq!(statuses, [409, 409, 409, 429, 429]);
        for name in [DISABLED, PROVEN] {
            assert_eq!(probe(&mut browser, &page, name).await, of_regular, "{visitor:?} {name}");
        }
    }
}

#[test]
fn the_engine_answers_alike_whoever_has_the_login_id() {
    let narrow = |policy: &mut Policy| {
        policy.rate_limits.password.per_login_id_per_ip.burst = 3;
        policy.rate_limits.password.per_ip.enabled = false;
    };
    on_every_backend_with(narrow, |world| {
        run(populate(&world.engine));
        let guest = world.guest();
        for with_guest in [false, true] {
            for name in ALL {
                let answers = [(); 5].map(|()| fail(&world, name, with_guest.then_some(&guest)));
                let (denied, limited) = (Rejection::Denied, Rejection::LimitReached);
                assert_eq!(answers, [denied, denied, denied, limited, limited], "{name}");
            }
            world.advance(seconds(3600));
        }
    });
}

fn fail(world: &World, name: &str, guest: Option<&Held>) -> Rejection {
    let guest = guest.map(|guest| world.by_session(guest));
    let wrong = Credential::password(email(name), "not the password");
    refused(run(world.engine.sign_in(wrong, guest.as_ref(), cookie(), Some(ADDRESS))))
}

/// With `verification = "off"` a promotion or sign-up tells by its nature whether a login ID is taken,
/// and a password that is too short makes asking cheap. From one /64, however many addresses it has, as
/// many answers tell something as the limit lets through; all others are the same to the byte.
#[tokio::test]
async fn what_a_promotion_tells_is_bounded_by_the_limit() {
    for on_conflict in [OnConflict::Error, OnConflict::Login] {
        for visitor in Visitor::ALL {
            let site = populated(on_conflict).await;
            let mut browser = Browser::new(&site);
            let page = page(&mut browser, visitor, "signup").await;
            for minute in 0..2 {
                let mut told = 0;
                let mut limited = None;
                for number in 0..PROBES {
                    let name = if number % 2 == 0 { REGULAR } else { NOBODY };
                    let fields = [
                        ("email", format!("{name}@example.com")),
                        ("password", "short".to_owned()),
                    ];
                    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
                    let request = with(form(&page, &fields), "origin", ORIGIN_URL);
                    let peer = format!("2001:db8::{:x}", minute * PROBES + number);
                    let answer = site.ask_from(browser.dress(request), &peer).await;
                    if answer.status == StatusCode::TOO_MANY_REQUESTS {
                        let seen = seen(&answer, name);
                        assert_eq!(*limited.get_or_insert_with(|| seen.clone()), seen);
                    } else {
                        told += 1;
                    }
                }
                assert!((1..=BURST).contains(&told), "{told} of {PROBES} were told, {visitor:?}");
                site.clock.advance(seconds(60));
            }
        }
    }
}

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const PROBES: u32 = 200;
/// What the default policy allows in a minute.
const BURST: u32 = 60;
