//! Everybody at once, through the router, on threads: ten times as many clients as there are places.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use guestpass::axum::router;
use guestpass::credential::{Argon2Params, HasherOptions};
use guestpass::model::EventKind;
use guestpass::store::sqlite::{Durability, SqliteBackend};
use http::{Request, StatusCode};
use serde_json::json;
use tower::ServiceExt;

use super::{address, count, site};
use crate::http::site::{
    Answer, Browser, IS_ANONYMOUS, ORIGIN_URL, PASSWORD, REDIRECT_URI, Site, Tokens, VERIFIER,
    authorization, code_hint, form, get, json as post, sub_of, with, with_bearer,
};
use crate::long;

#[test]
fn a_crowd_is_served_in_the_end_and_everybody_gets_their_own() {
    let refused = play();
    assert_ne!(refused, 0, "there were places for everybody");
}

/// Crowds, until it is time. Counts those who were promoted and have logged in.
pub(crate) fn endless_crowds(seed: u64, until: Instant) -> u64 {
    long::repeat(seed, until, |_| {
        play();
        u64::try_from(CLIENTS).unwrap()
    })
}

/// Lets a crowd live at once, and answers with how often somebody was told to come again.
fn play() -> u64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut options = SqliteBackend::options();
    options.durability = Durability::Normal;
    options.queue_depth = PLACES;
    let backend = options.open(directory.path().join("guestpass.db")).unwrap();
    let params = Argon2Params::for_tests();
    let hasher = HasherOptions { params, threads: 2, queue: PLACES };
    // The clock stands still, so whoever is often told to come again would use up the limit.
    let site = site(backend, hasher, |policy| {
        policy.rate_limits.signup_anonymous.per_ip.enabled = false;
    });
    let site = Arc::new(site);
    let refused = Arc::new(AtomicU64::new(0));
    runtime.block_on(async {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (site, refused) = (Arc::clone(&site), Arc::clone(&refused));
                tokio::spawn(async move {
                    let router = router(site.http.clone());
                    Client { number, site: &site, router, refused: &refused }.live().await
                })
            })
            .collect();
        let mut subs = BTreeSet::new();
        for client in clients {
            assert!(subs.insert(client.await.unwrap()), "two have one user");
        }
        // Whoever was told to come again had done nothing, so nobody is there twice.
        let is_guest = |kind: &EventKind| matches!(kind, EventKind::SignedUpAnonymously);
        let is_promoted = |kind: &EventKind| matches!(kind, EventKind::Promoted);
        assert_eq!(count(&site, is_guest).await, CLIENTS);
        assert_eq!(count(&site, is_promoted).await, CLIENTS);
    });
    refused.load(Ordering::SeqCst)
}

struct Client<'a> {
    number: usize,
    site: &'a Site,
    router: Router,
    refused: &'a AtomicU64,
}

impl Client<'_> {
    /// Is a guest, is promoted, logs in again; answers with its `sub`, which is the same all the way.
    async fn live(&self) -> String {
        let body = json!({ "session_type": "refresh_token", "client_id": "web" }).to_string();
        let answer = self.ask(|| post("/api/anonymous_user/signup", &body)).await;
        let guest = Tokens::of(&answer.json()["result"]);
        let sub = self.sub(&guest, true).await;
        let body = json!({ "session_type": "refresh_token", "refresh_token": guest.refresh });
        let body = body.to_string();
        let answer = self.ask(|| post("/api/anonymous_user/promotion_code", &body)).await;
        let hint = code_hint(&answer.text("promotion_code"));
        let promoted = self.fill_in(&[("login_hint", &hint)]).await;
        assert_eq!(self.sub(&promoted, false).await, sub);
        let logged_in = self.fill_in(&[]).await;
        assert_eq!(self.sub(&logged_in, false).await, sub);
        let info = self.ask(|| with_bearer(get("/oauth2/userinfo"), &guest.access)).await;
        assert_eq!(info.status, StatusCode::UNAUTHORIZED, "the guest is over");
        sub
    }

    /// Asks until there is a place. Whoever has none is told so in the same words each time.
    async fn ask(&self, make: impl Fn() -> Request<Vec<u8>>) -> Answer {
        for _ in 0..MAX_TRIES {
            let mut request = make().map(Body::from);
            let peer = std::net::SocketAddr::new(address(self.number), 1);
            request.extensions_mut().insert(ConnectInfo(peer));
            let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            let body = String::from_utf8(body.to_vec()).unwrap();
            let answer = Answer { status: parts.status, parts, body };
            if answer.status == StatusCode::SERVICE_UNAVAILABLE {
                assert_eq!(answer.header("retry-after"), Some("1"));
            } else if !is_sent_back(&answer) {
                return answer;
            }
            self.refused.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
        panic!("no place becomes free");
    }

    /// Opens a page, sends it with the login ID of this client, and redeems the code that comes of it.
    async fn fill_in(&self, parameters: &[(&str, &str)]) -> Tokens {
        let mut browser = Browser::new(self.site);
        let opened = self.ask(|| browser.dress(get(&authorization(parameters)))).await;
        browser.keep(&opened);
        let page = opened.location().strip_prefix(ORIGIN_URL).unwrap();
        let email = format!("user-{}@example.com", self.number);
        let fields = [("email", email.as_str()), ("password", PASSWORD)];
        let filled = || browser.dress(with(form(page, &fields), "origin", ORIGIN_URL));
        let code = self.ask(filled).await.parameter("code").unwrap();
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", "web"),
            ("redirect_uri", REDIRECT_URI),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
        ];
        let answer = self.ask(|| form("/oauth2/token", &fields)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        Tokens::of(&answer.json())
    }

    async fn sub(&self, tokens: &Tokens, is_anonymous: bool) -> String {
        let info = self.ask(|| with_bearer(get("/oauth2/userinfo"), &tokens.access)).await;
        assert_eq!(info.json()[IS_ANONYMOUS], is_anonymous);
        sub_of(&info)
    }
}

/// Whether the authorization endpoint has no place: it sends the browser back to the application with an
/// error, as RFC 6749 section 4.1.2.1 says.
fn is_sent_back(answer: &Answer) -> bool {
    answer.status == StatusCode::SEE_OTHER
        && answer.parameter("error").as_deref() == Some("temporarily_unavailable")
}

/// What may wait for the writer, and what may wait to be hashed.
const PLACES: usize = 8;
const CLIENTS: usize = 10 * 2 * PLACES;
/// Most tries of one request. A place becomes free each time that something lands.
const MAX_TRIES: usize = 1_000_000;
