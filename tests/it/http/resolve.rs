//! What a reverse proxy is told.

use http::StatusCode;

use super::site::{Answer, Browser, Site, get, sub_of, with, with_bearer};

fn told(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
    let headers = answer.parts.headers.iter();
    let ours = headers.filter(|(name, _)| name.as_str().starts_with("x-authgear-"));
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let name = name.as_str().trim_start_matches("x-authgear-").to_owned();
        (name, value.to_str().unwrap().to_owned())
    };
    let mut told: Vec<_> = ours.map(pair).collect();
    told.sort();
    told
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn a_proxy_is_told_who_asks() {
    let site = Site::new();
    let ada = site.regular("ada@example.com").await;
    let sub = sub_of(&site.userinfo(&ada.access).await);
    let answer = site.ask(with_bearer(get("/resolve"), &ada.access)).await;
    assert_eq!(
        told(&answer),
        pairs(&[
            ("session-amr", "pwd"),
            ("session-authenticated-at", "2023-11-14T22:13:20Z"),
            ("session-valid", "true"),
            ("user-anonymous", "false"),
            ("user-can-reauthenticate", "true"),
            ("user-id", &sub),
            ("user-verified", "false"),
        ])
    );
    let mut browser = Browser::new(&site);
    let sub = browser.become_guest().await;
    assert_eq!(
        told(&browser.get("/resolve").await),
        pairs(&[
            ("session-authenticated-at", "2023-11-14T22:13:20Z"),
            ("session-valid", "true"),
            ("user-anonymous", "true"),
            ("user-can-reauthenticate", "false"),
            ("user-id", &sub),
            ("user-verified", "false"),
        ])
    );
}

#[tokio::test]
async fn an_invalid_session_is_told_apart_from_none() {
    let site = Site::new();
    assert_eq!(told(&site.get("/resolve").await), []);
    let invalid = pairs(&[("session-valid", "false")]);
    assert_eq!(told(&site.ask(with_bearer(get("/resolve"), "nonsense")).await), invalid);
    assert_eq!(told(&site.ask(with(get("/resolve"), "cookie", "session=x")).await), invalid);
}
