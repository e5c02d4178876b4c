//! The userinfo endpoint.

use std::time::Duration;

use http::{Method, StatusCode};

use super::site::{Browser, Site, bare, get, with, with_bearer};

fn error(answer: &super::site::Answer) -> (u16, String) {
    let (status, code, _) = answer.error();
    (status.as_u16(), code)
}

#[tokio::test]
async fn an_empty_bearer_token_is_answered_in_json() {
    let site = Site::new();
    for value in ["Bearer ", "Bearer", "bearer  "] {
        let answer = site.ask(with(get("/oauth2/userinfo"), "authorization", value)).await;
        assert_eq!(error(&answer), (401, "invalid_token".to_owned()));
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .starts_with("Bearer error=\"invalid_token\"")
        );
    }
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_tell() {
    let site = Site::new();
    let answer = site.get("/oauth2/userinfo").await;
    assert_eq!(error(&answer), (401, "invalid_grant".to_owned()));
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer error=\"invalid_grant\", error_description=\"invalid session\"")
    );
}

#[tokio::test]
async fn a_token_that_is_not_over_for_good_is_only_invalid() {
    let site = Site::new();
    let guest = site.guest().await;
    site.clock.advance(Duration::from_secs(1801));
    assert_eq!(error(&site.userinfo(&guest.access).await), (401, "invalid_token".to_owned()));
    assert_eq!(error(&site.userinfo("nonsense").await), (401, "invalid_token".to_owned()));
    assert_eq!(site.refresh("web", &guest.refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bearer_token_decides_alone() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    let answer = browser.ask(with_bearer(get("/oauth2/userinfo"), "nonsense")).await;
    assert_eq!(error(&answer), (401, "invalid_token".to_owned()));
}

#[tokio::test]
async fn a_dead_cookie_is_left_alone_because_another_tab_may_have_replaced_it() {
    let site = Site::new();
    let answer = site
        .ask(with(get("/oauth2/userinfo"), "cookie", &format!("session={}", "A".repeat(43))))
        .await;
    assert_eq!(error(&answer), (401, "invalid_grant".to_owned()));
    assert_eq!(answer.set_cookies(), Vec::<&str>::new());
}

#[tokio::test]
async fn two_session_cookies_are_none() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    let twin = with(get("/oauth2/userinfo"), "cookie", "session=planted");
    assert_eq!(error(&browser.ask(twin).await), (401, "invalid_token".to_owned()));
}

#[tokio::test]
async fn post_is_answered_too_but_not_for_a_foreign_page_with_a_cookie() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    let post = || bare(Method::POST, "/oauth2/userinfo");
    assert_eq!(browser.ask(post()).await.status, StatusCode::OK);
    let foreign = with(post(), "origin", "https://evil.example");
    assert_eq!(error(&browser.ask(foreign).await), (401, "invalid_token".to_owned()));
    let guest = site.guest().await;
    let foreign = with(with_bearer(post(), &guest.access), "origin", "https://evil.example");
    assert_eq!(site.ask(foreign).await.status, StatusCode::OK);
}

#[tokio::test]
async fn over_https_a_cookie_without_its_prefix_is_not_read() {
    let site = Site::with(|policy| policy.public_origin = "https://auth.example.com".into());
    let body = serde_json::json!({ "session_type": "cookie" });
    let answer = site.post_json("/api/anonymous_user/signup", &body).await;
    let cookie = answer.set_cookies()[0].split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-session="));
    let ask = async |cookie: &str| site.ask(with(get("/oauth2/userinfo"), "cookie", cookie)).await;
    assert_eq!(ask(&cookie).await.status, StatusCode::OK);
    let bare = cookie.strip_prefix("__Host-").unwrap();
    assert_eq!(ask(bare).await.status, StatusCode::UNAUTHORIZED);
}
