//! The userinfo endpoint.

use std::sync::Arc;
use std::time::Duration;

use guestpass::credential::Keyring;
use guestpass::model::SystemEntropy;
use guestpass::store::memory::MemoryBackend;
use http::{Method, StatusCode};

use super::site::{
    Browser, IS_ANONYMOUS, Site, bare, get, json, while_its_guest_is_promoted, with, with_bearer,
};

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

/// RFC 9110 has one; which of two a server in front of us has looked at cannot be told.
#[tokio::test]
async fn two_authorization_headers_are_none() {
    let site = Site::new();
    let guest = site.guest().await;
    let once = || with_bearer(get("/oauth2/userinfo"), &guest.access);
    assert_eq!(site.ask(once()).await.status, StatusCode::OK);
    for other in
        [format!("Bearer {}", guest.access), "Bearer other".to_owned(), "Basic x".to_owned()]
    {
        let mut twice = once();
        twice.headers_mut().append("authorization", other.parse().unwrap());
        assert_eq!(error(&site.ask(twice).await), (401, "invalid_token".to_owned()), "{other}");
    }
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
    for (domain, prefix) in [(None, "__Host-"), (Some("example.com"), "__Secure-")] {
        let site = Site::with(|policy| {
            policy.public_origin = "https://auth.example.com".into();
            policy.http.cookie_domain = domain.map(str::to_owned);
        });
        let body = serde_json::json!({ "session_type": "cookie" });
        let answer = site.post_json("/api/anonymous_user/signup", &body).await;
        let cookies = answer.set_cookies();
        let set = cookies.iter().find(|cookie| !cookie.contains("Max-Age=0")).unwrap();
        let cookie = set.split(';').next().unwrap().to_owned();
        let ask =
            async |cookie: &str| site.ask(with(get("/oauth2/userinfo"), "cookie", cookie)).await;
        assert_eq!(ask(&cookie).await.status, StatusCode::OK);
        let bare = cookie.strip_prefix(prefix).unwrap();
        assert!(bare.starts_with("session="));
        assert_eq!(ask(bare).await.status, StatusCode::UNAUTHORIZED);
    }
}

/// A browser takes `\u{2000}__Host-session` for a name without a prefix, and so lets any neighbouring
/// host set it. Read with all white space of Unicode trimmed off, it was `__Host-session`: whoever had
/// one of the neighbours could plant a session of his own.
#[tokio::test]
async fn a_neighbour_s_cookie_is_not_taken_for_one_bound_to_the_host() {
    let site = Site::with(|policy| policy.public_origin = "https://auth.example.com".into());
    let mut attacker = Browser::new(&site);
    let sign_up = json("/api/anonymous_user/signup", r#"{"session_type":"cookie"}"#);
    attacker.ask(with(sign_up, "origin", "https://auth.example.com")).await;
    let pair = format!("__Host-session={}", attacker.cookies["__Host-session"]);
    let status = async |line: &str| {
        let mut request = get("/oauth2/userinfo");
        let line = http::HeaderValue::from_bytes(line.as_bytes()).unwrap();
        request.headers_mut().append("cookie", line);
        site.ask(request).await.status
    };
    assert_eq!(status(&format!("\t {pair} \t")).await, StatusCode::OK);
    for space in ["\u{2000}", "\u{a0}", "\u{85}", "\u{3000}"] {
        let refused = status(&format!("{space}{pair}")).await;
        assert_eq!(refused, StatusCode::UNAUTHORIZED, "{space:?}");
    }
}

/// It was answered with 400, which no host's handler is told to expect of an extractor, and no client
/// takes for a token that is not accepted.
#[tokio::test]
async fn a_session_of_a_client_that_is_gone_is_an_invalid_token() {
    let backend = Arc::new(MemoryBackend::new());
    let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
    let before = Site::with_keyring(Arc::clone(&backend), keyring.clone(), |_| {});
    let guest = before.guest().await;
    let after = Site::with_keyring(backend, keyring, |policy| {
        policy.clients.remove(0);
    });
    assert_eq!(error(&after.userinfo(&guest.access).await), (401, "invalid_token".to_owned()));
    let (parts, _) = with_bearer(get("/hello"), &guest.access).into_parts();
    let refused = after.http.any_user(&parts).await.unwrap_err();
    assert_eq!(refused.response.status(), StatusCode::UNAUTHORIZED);
}

/// The session was read while its user was a guest, and what is told of the user after the promotion: so
/// whoever else had the session of the guest was told the e-mail address.
#[test]
fn a_session_of_a_guest_never_tells_of_whom_the_guest_became() {
    let mut told = 0;
    while_its_guest_is_promoted(
        || get("/oauth2/userinfo"),
        |answer| {
            if answer.status == StatusCode::OK {
                told += 1;
                let info = answer.json();
                assert_eq!((&info[IS_ANONYMOUS], &info["email"]), (&true.into(), &().into()));
            } else {
                assert_eq!(error(&answer), (401, "invalid_token".to_owned()));
            }
        },
    );
    assert!(0 < told);
}
