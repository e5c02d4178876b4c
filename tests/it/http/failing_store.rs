//! A store that fails: nobody is told that a credential is over, and nothing of the inside is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use guestpass::Error;
use guestpass::http::Cause;
use guestpass::model::{Session, TokenDigest, User};
use guestpass::store::memory::MemoryBackend;
use guestpass::store::{
    Atomicity, Backend, LandError, Landing, SessionStore, SessionUse, StoreError, UserStore,
};
use http::StatusCode;
use serde_json::json;

use super::site::{Answer, Browser, PASSWORD, Site, get, with};

/// A backend that can be broken and mended.
#[derive(Clone, Debug)]
struct Fragile {
    inner: Arc<MemoryBackend>,
    state: Arc<AtomicU8>,
}

const WHOLE: u8 = 0;
const BUSY: u8 = 1;
const CORRUPT: u8 = 2;
/// Busy once something has landed.
const BUSY_NEXT: u8 = 3;

impl Fragile {
    fn new() -> Self {
        Self { inner: Arc::new(MemoryBackend::new()), state: Arc::default() }
    }

    fn be(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), StoreError> {
        match self.state.load(Ordering::SeqCst) {
            BUSY => Err(StoreError::transient("the secret inside is busy")),
            CORRUPT => Err(StoreError::corrupt("the secret inside is broken")),
            _ => Ok(()),
        }
    }
}

#[async_trait::async_trait]
impl Backend for Fragile {
    async fn land(&self, landing: &Landing) -> Result<(), LandError> {
        self.check()?;
        self.inner.land(landing).await?;
        if self.state.load(Ordering::SeqCst) == BUSY_NEXT {
            self.be(BUSY);
        }
        Ok(())
    }

    async fn resolve(&self, digest: &TokenDigest) -> Result<Option<(Session, User)>, StoreError> {
        self.check()?;
        self.inner.resolve(digest).await
    }

    async fn record_use(&self, used: &SessionUse) -> Result<(), StoreError> {
        self.check()?;
        self.inner.record_use(used).await
    }

    fn atomicity(&self) -> Atomicity {
        self.inner.atomicity()
    }

    fn users(&self) -> &dyn UserStore {
        self.inner.users()
    }

    fn sessions(&self) -> &dyn SessionStore {
        self.inner.sessions()
    }
}

#[track_caller]
fn check(answer: &Answer, state: u8, what: &str) {
    let transient = state == BUSY;
    let status =
        if transient { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    assert_eq!(answer.header("retry-after").is_some(), transient, "{what}");
    assert!(!answer.body.contains("invalid_grant") && !answer.body.contains("secret"), "{what}");
    let cause = answer.parts.extensions.get::<Cause>();
    assert!(cause.is_some_and(|Cause(cause)| matches!(**cause, Error::Store(_))), "{what}");
    assert_eq!(answer.set_cookies(), Vec::<&str>::new(), "{what}");
}

#[tokio::test]
async fn a_store_that_fails_ends_nobody_s_session() {
    let store = Fragile::new();
    let site = Site::over(store.clone(), |_| {});
    let guest = site.guest().await;
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    let page = browser.authorize(&[("x_page", "signup")]).await;
    let cookies = |path: &str| browser.dress(get(path));
    for state in [BUSY, CORRUPT] {
        store.be(state);
        check(&site.refresh("web", &guest.refresh).await, state, "refresh");
        check(&site.userinfo(&guest.access).await, state, "userinfo");
        check(&site.ask(cookies("/oauth2/userinfo")).await, state, "userinfo by cookie");
        check(&site.ask(cookies("/resolve")).await, state, "resolve");
        check(&site.ask(cookies("/oauth2/end_session")).await, state, "end_session");
        for body in [
            json!({ "session_type": "refresh_token", "client_id": "web" }),
            json!({ "session_type": "cookie" }),
        ] {
            check(&site.post_json("/api/anonymous_user/signup", &body).await, state, "signup");
        }
        let fields = [("email", "ada@example.com"), ("password", PASSWORD)];
        let path = page.trim_start_matches(super::site::ORIGIN_URL);
        let request = with(super::site::form(path, &fields), "origin", super::site::ORIGIN_URL);
        check(&site.ask(browser.dress(request)).await, state, "sign-up page");
    }
    store.be(WHOLE);
    assert_eq!(browser.userinfo().await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_is_signed_in_stays_so_when_the_session_before_cannot_be_ended() {
    let store = Fragile::new();
    let site = Site::over(store.clone(), |_| {});
    site.regular("ada@example.com").await;
    let mut browser = Browser::new(&site);
    for state in [WHOLE, BUSY_NEXT] {
        let page = browser.authorize(&[("response_type", "none")]).await;
        store.be(state);
        let done = browser.submit(&page, "ada@example.com", PASSWORD).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        assert_eq!(done.parts.extensions.get::<Cause>().is_some(), state == BUSY_NEXT);
        store.be(WHOLE);
        assert_eq!(browser.userinfo().await.json()["email"], "ada@example.com");
    }
}
