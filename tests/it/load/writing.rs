//! More writes than can land.

use std::collections::BTreeSet;

use guestpass::credential::HasherOptions;
use guestpass::model::EventKind;
use guestpass::store::sqlite::{Durability, SqliteBackend};
use http::{Request, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{Crowd, count, site};
use crate::http::site::{Site, Tokens, json as post, sub_of};

fn sign_up() -> Request<Vec<u8>> {
    let body = json!({ "session_type": "refresh_token", "client_id": "web" });
    post("/api/anonymous_user/signup", &body.to_string())
}

/// Another process has the file locked, and ten times as many guests sign up as may wait. Whoever was
/// told to come again is not there; whoever had a place is there once the lock is gone.
#[tokio::test]
async fn writes_beyond_the_queue_are_refused_at_once_and_no_other_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guestpass.db");
    let mut options = SqliteBackend::options();
    options.durability = Durability::Normal;
    options.queue_depth = QUEUE;
    options.busy_limit_milliseconds = 600_000;
    let site = site(options.open(&path).unwrap(), HasherOptions::default(), |_| {});
    let early = site.guest().await;

    let lock = Connection::open(&path).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let crowd = Crowd::of(&site, (0..OFFERED).map(|_| sign_up()));
    let waiting = crowd.waiting.len();
    assert_eq!(waiting + crowd.refused, OFFERED);
    assert!((QUEUE..=QUEUE + GROUP).contains(&waiting), "{waiting} wait");
    // Reading goes on meanwhile, and so does what only reads.
    for _ in 0..32 {
        assert_eq!(site.userinfo(&early.access).await.status, StatusCode::OK);
        assert_eq!(site.refresh("web", &early.refresh).await.status, StatusCode::OK);
    }
    lock.execute_batch("ROLLBACK").unwrap();

    let mut subs = BTreeSet::from([sub(&site, &early).await]);
    for response in crowd.waiting {
        let response = response.await;
        assert_eq!(response.status(), StatusCode::OK);
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert!(subs.insert(sub(&site, &Tokens::of(&body["result"])).await), "two have one user");
    }
    assert_eq!(subs.len(), waiting + 1);
    let is_guest = |kind: &EventKind| matches!(kind, EventKind::SignedUpAnonymously);
    assert_eq!(count(&site, is_guest).await, subs.len(), "whoever was refused is nobody");
}

async fn sub(site: &Site, tokens: &Tokens) -> String {
    sub_of(&site.userinfo(&tokens.access).await)
}

const QUEUE: usize = 32;
/// Most writes that the writer takes in hand at once.
const GROUP: usize = 512;
const OFFERED: usize = 10 * (QUEUE + GROUP);
