//! Clients on a bad line: what they asked for was done, the reply was lost, and they ask again.
//!
//! Everybody is in the end who they were at first. Nobody has become a second user, and nobody has lost
//! theirs; the only user whom nobody has is a guest without a key whose very first reply was lost, and
//! who never knew of it.

use std::time::Instant;

use guestpass::credential::{Action, Argon2Params, HasherOptions, KeyHeader};
use guestpass::model::EventKind;
use guestpass::rules::RateLimits;
use guestpass::store::memory::MemoryBackend;
use guestpass::store::sqlite::{Durability, SqliteBackend};
use http::{Request, StatusCode};
use serde_json::json;

use crate::http::site::{
    Answer, Browser, Device, IS_ANONYMOUS, NATIVE_URI, ORIGIN_URL, PASSWORD, REDIRECT_URI, Site,
    Tokens, VERIFIER, authorization, code_hint, form, get, json as post, key_hint, sub_of, with,
    with_bearer,
};
use crate::load::{count, site};
use crate::long;
use crate::support::{Random, run};

#[test]
fn nobody_is_lost_or_doubled_when_replies_are_lost() {
    let mut random = Random::new(2026);
    let replies: u64 =
        [Place::Memory, Place::Sqlite].map(|place| play(place, &mut random)).iter().sum();
    assert!(1000 < replies, "{replies}");
}

/// The same, until it is time. Counts the replies, lost ones too.
pub(crate) fn lost_replies(seed: u64, until: Instant) -> u64 {
    long::repeat(seed, until, |random| {
        let place = *random.pick(&[Place::Memory, Place::Sqlite]);
        play(place, random)
    })
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Memory,
    Sqlite,
}

/// A few clients live their lives. Answers with how many replies there were.
fn play(place: Place, random: &mut Random) -> u64 {
    let params = Argon2Params::for_tests();
    let hasher = HasherOptions { params, ..HasherOptions::default() };
    let directory = tempfile::tempdir().unwrap();
    let site = match place {
        Place::Memory => site(MemoryBackend::new(), hasher, |policy| policy.rate_limits = off()),
        Place::Sqlite => {
            let mut options = SqliteBackend::options();
            options.durability = Durability::Normal;
            let backend = options.open(directory.path().join("guestpass.db")).unwrap();
            site(backend, hasher, |policy| policy.rate_limits = off())
        }
    };
    run(async {
        let mut line = Line { site: &site, random, replies: 0, orphans: 0 };
        for number in 0..CLIENTS {
            match number % 3 {
                0 => line.live_on_a_phone(number).await,
                1 => line.live_in_a_browser(number).await,
                _ => line.live_by_cookie(number).await,
            }
        }
        let guests = usize::from(CLIENTS) + line.orphans;
        let is_guest = |kind: &EventKind| matches!(kind, EventKind::SignedUpAnonymously);
        assert_eq!(count(&site, is_guest).await, guests);
        let is_promoted = |kind: &EventKind| matches!(kind, EventKind::Promoted);
        assert_eq!(count(&site, is_promoted).await, usize::from(CLIENTS));
        let is_other =
            |kind: &EventKind| matches!(kind, EventKind::SignedUp | EventKind::Merged { .. });
        assert_eq!(count(&site, is_other).await, 0);
        line.replies
    })
}

/// The way to a site and back.
struct Line<'a> {
    site: &'a Site,
    random: &'a mut Random,
    replies: u64,
    /// Guests of whom nobody was told.
    orphans: usize,
}

impl Line<'_> {
    /// The reply, if it is not lost.
    async fn ask(&mut self, request: Request<Vec<u8>>) -> Option<Answer> {
        let answer = self.site.ask(request).await;
        self.replies += 1;
        (self.random.below(100) >= LOST_IN_A_HUNDRED).then_some(answer)
    }

    /// Asks until there is a reply. What is asked is made anew each time.
    async fn insist(&mut self, make: impl Fn() -> Request<Vec<u8>>) -> Answer {
        for _ in 0..MAX_TRIES {
            if let Some(answer) = self.ask(make()).await {
                return answer;
            }
        }
        panic!("the line is dead");
    }

    async fn live_on_a_phone(&mut self, number: u8) {
        let device = Device::new(number);
        let tokens = self.enter(&device).await;
        let sub = self.be(&tokens, "native", true, None).await;
        // Whoever has lost the tokens comes back by the key.
        let tokens = self.enter(&device).await;
        assert_eq!(self.be(&tokens, "native", true, None).await, sub);
        let native = ("client_id", "native");
        let mut browser = Browser::new(self.site);
        let page = loop {
            let request = self.signed(&device, Action::Promote).await;
            let parameters =
                [native, ("redirect_uri", NATIVE_URI), ("login_hint", &key_hint(&request))];
            if let Some(page) = self.open(&mut browser, &parameters).await {
                break page;
            }
        };
        let tokens = self.sign_up(&mut browser, &page, number, "native", NATIVE_URI).await;
        assert_eq!(self.be(&tokens, "native", false, Some(number)).await, sub);
        let again = self.signed(&device, Action::Auth).await;
        let refused = self.insist(|| present(&again)).await;
        assert_eq!(refused.error().2, "promoted", "the key of the guest is over");
    }

    async fn live_in_a_browser(&mut self, number: u8) {
        let body = json!({ "session_type": "refresh_token", "client_id": "web" }).to_string();
        let tokens = loop {
            match self.ask(post("/api/anonymous_user/signup", &body)).await {
                Some(answer) => break Tokens::of(&answer.json()["result"]),
                None => self.orphans += 1,
            }
        };
        let sub = self.be(&tokens, "web", true, None).await;
        let mut browser = Browser::new(self.site);
        let body =
            json!({ "session_type": "refresh_token", "refresh_token": tokens.refresh }).to_string();
        let page = loop {
            let answer = self.insist(|| post("/api/anonymous_user/promotion_code", &body)).await;
            let hint = code_hint(&answer.text("promotion_code"));
            if let Some(page) = self.open(&mut browser, &[("login_hint", &hint)]).await {
                break page;
            }
        };
        let tokens = self.sign_up(&mut browser, &page, number, "web", REDIRECT_URI).await;
        assert_eq!(self.be(&tokens, "web", false, Some(number)).await, sub);
    }

    async fn live_by_cookie(&mut self, number: u8) {
        let mut browser = Browser::new(self.site);
        let body = json!({ "session_type": "cookie" }).to_string();
        loop {
            match self.ask(post("/api/anonymous_user/signup", &body)).await {
                Some(answer) => break browser.keep(&answer),
                None => self.orphans += 1,
            }
        }
        let info = self.insist(|| browser.dress(get("/oauth2/userinfo"))).await;
        assert_eq!(info.json()[IS_ANONYMOUS], true);
        let page = loop {
            let ask = || browser.dress(post("/api/anonymous_user/promotion_code", &body));
            let hint = code_hint(&self.insist(ask).await.text("promotion_code"));
            let parameters = [("response_type", "none"), ("login_hint", &hint)];
            if let Some(page) = self.open(&mut browser, &parameters).await {
                break page;
            }
        };
        let done = loop {
            if let Some(done) = self.ask(browser.dress(filled(&page, number))).await {
                break done;
            }
            // The application starts anew, and asks for a guest as it does each time.
            let again = self.insist(|| browser.dress(post("/api/anonymous_user/signup", &body)));
            assert_eq!(again.await.set_cookies(), Vec::<&str>::new());
        };
        assert!(done.location().starts_with(REDIRECT_URI), "{}", done.body);
        browser.keep(&done);
        let after = self.insist(|| browser.dress(get("/oauth2/userinfo"))).await;
        assert_eq!(sub_of(&after), sub_of(&info));
        assert_eq!(after.json()["email"], email(number));
    }

    /// Uses tokens for a while, and answers with whose they are.
    async fn be(
        &mut self,
        tokens: &Tokens,
        client: &str,
        is_anonymous: bool,
        email_of: Option<u8>,
    ) -> String {
        let mut access = tokens.access.clone();
        let mut sub = None;
        for _ in 0..REFRESHES {
            let info = self.insist(|| with_bearer(get("/oauth2/userinfo"), &access)).await;
            assert_eq!(info.status, StatusCode::OK, "{}", info.body);
            assert_eq!(info.json()[IS_ANONYMOUS], is_anonymous);
            assert_eq!(info.json()["email"].as_str().map(str::to_owned), email_of.map(email));
            let found = sub_of(&info);
            assert_eq!(*sub.get_or_insert_with(|| found.clone()), found);
            let answer = self.insist(|| refresh(client, &tokens.refresh)).await;
            access = Tokens::of(&answer.json()).access;
        }
        sub.unwrap()
    }

    /// Signs in with a key: each try answers a challenge of its own.
    async fn enter(&mut self, device: &Device) -> Tokens {
        for _ in 0..MAX_TRIES {
            let request = self.signed(device, Action::Auth).await;
            if let Some(answer) = self.ask(present(&request)).await {
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
                return Tokens::of(&answer.json());
            }
        }
        panic!("the line is dead");
    }

    async fn signed(&mut self, device: &Device, action: Action) -> String {
        let body = json!({ "purpose": "anonymous_request" }).to_string();
        let challenge = self.insist(|| post("/oauth2/challenge", &body)).await.text("token");
        device.sign(self.site, &challenge, action, KeyHeader::Jwk)
    }

    /// Opens a page. `None` if the guest has to be shown anew, because it was shown by a request whose
    /// reply was lost.
    async fn open(
        &mut self,
        browser: &mut Browser<'_>,
        parameters: &[(&str, &str)],
    ) -> Option<String> {
        let answer = self.insist(|| browser.dress(get(&authorization(parameters)))).await;
        browser.keep(&answer);
        match answer.parameter("error") {
            None => Some(answer.location().to_owned()),
            Some(error) => {
                assert_eq!(error, "invalid_request");
                None
            }
        }
    }

    /// Signs up on a page, and redeems the code that comes of it. A code is good once, so whoever has lost
    /// the tokens logs in.
    async fn sign_up(
        &mut self,
        browser: &mut Browser<'_>,
        page: &str,
        number: u8,
        client: &str,
        redirect_uri: &str,
    ) -> Tokens {
        let mut page = page.to_owned();
        for _ in 0..MAX_TRIES {
            let done = self.insist(|| browser.dress(filled(&page, number))).await;
            browser.keep(&done);
            let code = done.parameter("code").unwrap_or_else(|| panic!("{}", done.body));
            if let Some(answer) = self.ask(redeem(client, redirect_uri, &code)).await {
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
                return Tokens::of(&answer.json());
            }
            let again = self.insist(|| redeem(client, redirect_uri, &code)).await;
            assert_eq!(again.error().1, "invalid_grant", "a code is good once");
            let log_in = [("client_id", client), ("redirect_uri", redirect_uri)];
            page = self.open(browser, &log_in).await.unwrap();
        }
        panic!("the line is dead");
    }
}

fn off() -> RateLimits {
    let mut limits = RateLimits::default();
    limits.signup_anonymous.per_ip.enabled = false;
    limits
}

fn email(number: u8) -> String {
    format!("user-{number}@example.com")
}

fn filled(page: &str, number: u8) -> Request<Vec<u8>> {
    let path = page.strip_prefix(ORIGIN_URL).unwrap_or(page);
    let request = form(path, &[("email", &email(number)), ("password", PASSWORD)]);
    with(request, "origin", ORIGIN_URL)
}

fn present(request: &str) -> Request<Vec<u8>> {
    let grant_type = "urn:authgear:params:oauth:grant-type:anonymous-request";
    let fields = [("grant_type", grant_type), ("client_id", "native"), ("jwt", request)];
    form("/oauth2/token", &fields)
}

fn refresh(client: &str, refresh_token: &str) -> Request<Vec<u8>> {
    let fields =
        [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", refresh_token)];
    form("/oauth2/token", &fields)
}

fn redeem(client: &str, redirect_uri: &str, code: &str) -> Request<Vec<u8>> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("redirect_uri", redirect_uri),
        ("code", code),
        ("code_verifier", VERIFIER),
    ];
    form("/oauth2/token", &fields)
}

const CLIENTS: u8 = 32;
/// Refreshes, and looks at who one is, in each part of a life.
const REFRESHES: usize = 4;
const LOST_IN_A_HUNDRED: usize = 5;
/// More than any line loses one after the other.
const MAX_TRIES: usize = 32;
