//! From guest to regular user, over the hosted pages.

use std::time::Duration;

use guestpass::credential::{Action, KeyHeader};
use guestpass::rules::OnConflict;
use http::StatusCode;
use serde_json::json;

use super::site::{
    Browser, CAN_REAUTHENTICATE, Device, IS_ANONYMOUS, NATIVE_URI, PASSWORD, REDIRECT_URI, Site,
    Tokens, authorization, code_hint, key_hint, parameter, present, sub_of,
};

const CODE: &str = "/api/anonymous_user/promotion_code";

/// Redeems the code that a redirect brings, and answers with the tokens.
async fn finish(site: &Site, location: &str) -> Tokens {
    let (client, uri) = if location.starts_with(NATIVE_URI) {
        ("native", NATIVE_URI)
    } else {
        ("web", REDIRECT_URI)
    };
    let answer = site.redeem(client, uri, &parameter(location, "code").unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    Tokens::of(&answer.json())
}

async fn is_promoted(site: &Site, access: &str, sub: &str) {
    let info = site.userinfo(access).await.json();
    assert_eq!(info["sub"], sub);
    assert_eq!((&info[IS_ANONYMOUS], &info[CAN_REAUTHENTICATE]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn with_tokens_the_sub_stays_and_everything_before_is_over() {
    let site = Site::new();
    let guest = site.guest().await;
    let sub = sub_of(&site.userinfo(&guest.access).await);
    let hint = code_hint(&site.promotion_code(&guest.refresh).await);
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[("login_hint", &hint)]).await;
    assert!(page.starts_with("http://localhost:3000/oauth2/signup?flow="));
    assert!(browser.get(&page).await.body.contains(">Sign up</button>"));
    let done = browser.submit(&page, "ada@example.com", PASSWORD).await;
    assert!(done.location().starts_with(&format!("{REDIRECT_URI}?code=")));
    assert_eq!(done.parameter("state").as_deref(), Some("the app's"));
    assert!(browser.cookies.is_empty(), "neither a session nor a flow: {:?}", browser.cookies);
    let tokens = finish(&site, done.location()).await;
    is_promoted(&site, &tokens.access, &sub).await;

    let refreshed = site.refresh("web", &guest.refresh).await;
    assert_eq!(
        (refreshed.status, refreshed.error().1.as_str()),
        (StatusCode::BAD_REQUEST, "invalid_grant")
    );
    let info = site.userinfo(&guest.access).await;
    assert_eq!((info.status, info.error().1.as_str()), (StatusCode::UNAUTHORIZED, "invalid_token"));
}

#[tokio::test]
async fn with_cookies_the_sub_stays_and_the_old_cookie_is_dead() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let sub = browser.become_guest().await;
    let before = browser.cookies["session"].clone();
    let hint = code_hint(&browser.promotion_code().await);
    let page = browser.authorize(&[("response_type", "none"), ("login_hint", &hint)]).await;
    let done = browser.submit(&page, "ada@example.com", PASSWORD).await;
    assert_eq!(done.location(), format!("{REDIRECT_URI}?state=the+app%27s"));
    assert_ne!(browser.cookies["session"], before);
    let info = browser.userinfo().await.json();
    assert_eq!((info["sub"].as_str(), &info[IS_ANONYMOUS]), (Some(sub.as_str()), &json!(false)));
    browser.cookies.insert("session".to_owned(), before);
    assert_eq!(browser.userinfo().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn with_a_device_key_the_sub_stays_and_the_key_is_refused() {
    let site = Site::new();
    let device = Device::new(1);
    let first = Tokens::of(&device.enter(&site, KeyHeader::Jwk).await.json());
    let sub = sub_of(&site.userinfo(&first.access).await);
    let hint = key_hint(&device.request(&site, Action::Promote, KeyHeader::Kid).await);
    let mut browser = Browser::new(&site);
    let native =
        [("client_id", "native"), ("redirect_uri", NATIVE_URI), ("login_hint", hint.as_str())];
    let page = browser.authorize(&native).await;
    let csp = browser.get(&page).await.header("content-security-policy").unwrap().to_owned();
    assert!(csp.contains("form-action 'self' com.example.app:;"), "{csp}");
    let done = browser.submit(&page, "ada@example.com", PASSWORD).await;
    let tokens = finish(&site, done.location()).await;
    is_promoted(&site, &tokens.access, &sub).await;
    assert_eq!(site.refresh("native", &first.refresh).await.error().1, "invalid_grant");
    for header in [KeyHeader::Kid, KeyHeader::Jwk] {
        let (_, code, description) = device.enter(&site, header).await.error();
        assert_eq!((code.as_str(), description.as_str()), ("invalid_grant", "promoted"));
    }
    let again = key_hint(&device.request(&site, Action::Promote, KeyHeader::Kid).await);
    let answer = browser
        .get(&authorization(&[
            ("client_id", "native"),
            ("redirect_uri", NATIVE_URI),
            ("login_hint", &again),
        ]))
        .await;
    assert_eq!(answer.parameter("error").as_deref(), Some("invalid_request"));
    assert_eq!(answer.parameter("error_description").as_deref(), Some("promoted"));
}

#[tokio::test]
async fn a_deleted_guest_s_key_is_told_so() {
    let site = Site::new();
    let device = Device::new(1);
    let tokens = Tokens::of(&device.enter(&site, KeyHeader::Jwk).await.json());
    let user = sub_of(&site.userinfo(&tokens.access).await).parse().unwrap();
    site.engine().delete(user).await.unwrap();
    let (_, code, description) = device.enter(&site, KeyHeader::Kid).await.error();
    assert_eq!((code.as_str(), description.as_str()), ("invalid_grant", "deleted"));
}

#[tokio::test]
async fn a_request_signed_for_signing_in_does_not_promote() {
    let site = Site::new();
    let device = Device::new(1);
    device.enter(&site, KeyHeader::Jwk).await;
    let hint = key_hint(&device.request(&site, Action::Auth, KeyHeader::Kid).await);
    let answer = Browser::new(&site)
        .get(&authorization(&[
            ("client_id", "native"),
            ("redirect_uri", NATIVE_URI),
            ("login_hint", &hint),
        ]))
        .await;
    assert_eq!(answer.parameter("error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn a_taken_e_mail_leaves_the_guest_as_it_was() {
    let site = Site::new();
    site.regular("ada@example.com").await;
    let guest = site.guest().await;
    let hint = code_hint(&site.promotion_code(&guest.refresh).await);
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[("login_hint", &hint)]).await;
    for password in ["not the password", PASSWORD] {
        let refused = browser.submit(&page, "ada@example.com", password).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert!(refused.alert().is_some());
        assert!(refused.body.contains("value=\"ada@example.com\""));
        assert!(!refused.body.contains(password));
    }
    let log_in = page.replace("/signup", "/login");
    let refused = browser.submit(&log_in, "ada@example.com", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.alert().unwrap().contains("guest"));
    assert_eq!(site.userinfo(&guest.access).await.json()[IS_ANONYMOUS], true);
    let done = browser.submit(&page, "bob@example.com", PASSWORD).await;
    finish(&site, done.location()).await;
}

#[tokio::test]
async fn by_on_conflict_login_a_guest_is_joined_to_the_user_it_turns_out_to_be() {
    let site = Site::with(|policy| policy.anonymous.on_conflict = OnConflict::Login);
    let ada = site.regular("ada@example.com").await;
    let owner = sub_of(&site.userinfo(&ada.access).await);
    let guest = site.guest().await;
    let hint = code_hint(&site.promotion_code(&guest.refresh).await);
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[("login_hint", &hint)]).await;
    let refused = browser.submit(&page, "ada@example.com", "not the password").await;
    assert!(refused.alert().unwrap().contains("already an account"));
    let log_in = page.replace("/signup", "/login");
    let told = "what that guest did will be joined to the account you log in to.";
    assert!(browser.get(&log_in).await.body.contains(told));
    assert!(browser.get(&page).await.body.contains("what that guest did will be yours"));
    let refused = browser.submit(&log_in, "ada@example.com", "not the password").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(site.userinfo(&guest.access).await.json()[IS_ANONYMOUS], true);
    let done = browser.submit(&log_in, "ada@example.com", PASSWORD).await;
    let tokens = finish(&site, done.location()).await;
    assert_eq!(sub_of(&site.userinfo(&tokens.access).await), owner);
    assert_eq!(site.refresh("web", &guest.refresh).await.error().1, "invalid_grant");
    assert_eq!(site.userinfo(&guest.access).await.error().1, "invalid_token");
    assert_eq!(site.userinfo(&ada.access).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_opens_one_flow_in_one_browser() {
    let site = Site::new();
    let guest = site.guest().await;
    let hint = code_hint(&site.promotion_code(&guest.refresh).await);
    let request = authorization(&[("login_hint", &hint)]);
    let mut browser = Browser::new(&site);
    let page = browser.get(&request).await.location().to_owned();
    assert_eq!(browser.get(&request).await.location(), page, "a reload is the same flow");
    let stolen = Browser::new(&site).get(&request).await;
    assert_eq!(stolen.parameter("error").as_deref(), Some("invalid_request"));
    assert_eq!(stolen.set_cookies(), Vec::<&str>::new());
    let other = browser.get(&authorization(&[("login_hint", &hint), ("state", "other")])).await;
    assert_eq!(other.parameter("error").as_deref(), Some("invalid_request"));
    let elsewhere = Browser::new(&site).submit(&page, "eve@example.com", PASSWORD).await;
    assert_eq!(elsewhere.status, StatusCode::BAD_REQUEST);
    site.clock.advance(Duration::from_secs(1800));
    assert_eq!(browser.get(&request).await.location(), page, "also once the code has expired");
    let done = browser.submit(&page, "ada@example.com", PASSWORD).await;
    finish(&site, done.location()).await;
}

#[tokio::test]
async fn a_code_that_expired_or_is_none_opens_nothing() {
    let site = Site::new();
    let guest = site.guest().await;
    let code = site.promotion_code(&guest.refresh).await;
    site.clock.advance(Duration::from_secs(301));
    let mut browser = Browser::new(&site);
    for code in [code.as_str(), "nonsense", &"A".repeat(32)] {
        let answer = browser.get(&authorization(&[("login_hint", &code_hint(code))])).await;
        assert_eq!(answer.parameter("error").as_deref(), Some("invalid_request"));
        assert_eq!(answer.parameter("state").as_deref(), Some("the app's"));
    }
}

#[tokio::test]
async fn a_flow_that_has_begun_may_take_its_time_but_not_for_ever() {
    let site = Site::new();
    let guest = site.guest().await;
    let hint = code_hint(&site.promotion_code(&guest.refresh).await);
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[("login_hint", &hint)]).await;
    site.clock.advance(Duration::from_secs(2 * 3600));
    let late = browser.submit(&page, "ada@example.com", PASSWORD).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
    assert!(late.alert().unwrap().contains("This page is over"));
}

#[tokio::test]
async fn only_a_guest_without_a_key_gets_a_code() {
    let site = Site::new();
    let ask = async |body: serde_json::Value| {
        let (status, name, reason) = site.post_json(CODE, &body).await.reason();
        (status.as_u16(), name, reason)
    };
    let invalid = (400, "Invalid".to_owned(), "Invalid".to_owned());
    let unauthorized = (401, "Unauthorized".to_owned(), "Unauthorized".to_owned());
    let forbidden = (403, "Forbidden".to_owned(), "Forbidden".to_owned());
    let with = |token: &str| json!({ "session_type": "refresh_token", "refresh_token": token });
    assert_eq!(ask(with(&site.regular("ada@example.com").await.refresh)).await, invalid);
    let keyed = Tokens::of(&Device::new(1).enter(&site, KeyHeader::Jwk).await.json());
    assert_eq!(ask(with(&keyed.refresh)).await, invalid);
    assert_eq!(ask(with("nonsense")).await, forbidden);
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    assert_eq!(ask(with(&browser.cookies["session"])).await, forbidden, "a cookie's token");
    assert_eq!(ask(with(&"A".repeat(43))).await, forbidden);
    assert_eq!(ask(json!({ "session_type": "refresh_token" })).await, unauthorized);
    assert_eq!(ask(json!({ "session_type": "cookie" })).await, unauthorized);
    assert_eq!(ask(json!({})).await.2, "ValidationFailed");
}

#[tokio::test]
async fn with_cookies_only_the_guest_s_own_browser_goes_on() {
    let site = Site::new();
    let mut victim = Browser::new(&site);
    victim.become_guest().await;
    let mut attacker = Browser::new(&site);
    attacker.become_guest().await;
    let hint = code_hint(&attacker.promotion_code().await);
    let request = authorization(&[("response_type", "none"), ("login_hint", &hint)]);
    let refused = victim.get(&request).await;
    assert_eq!(refused.parameter("error").as_deref(), Some("invalid_request"));
    let without = Browser::new(&site).get(&request).await;
    assert_eq!(without.parameter("error").as_deref(), Some("invalid_request"));

    let hint = code_hint(&attacker.promotion_code().await);
    let page = attacker.authorize(&[("response_type", "none"), ("login_hint", &hint)]).await;
    let flow = attacker.cookies.iter().find(|(name, _)| name.starts_with("flow_")).unwrap();
    victim.cookies.insert(flow.0.clone(), flow.1.clone());
    assert_eq!(victim.get(&page).await.status, StatusCode::FORBIDDEN);
    assert_eq!(victim.submit(&page, "v@example.com", PASSWORD).await.status, StatusCode::FORBIDDEN);
    assert_eq!(victim.userinfo().await.json()[IS_ANONYMOUS], true);
}

#[tokio::test]
async fn of_two_tabs_the_second_is_told_and_issued_nothing() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let sub = browser.become_guest().await;
    let mut pages = Vec::new();
    for _ in 0..2 {
        let hint = code_hint(&browser.promotion_code().await);
        let none = [("response_type", "none"), ("login_hint", hint.as_str())];
        pages.push(browser.authorize(&none).await);
    }
    browser.submit(&pages[0], "ada@example.com", PASSWORD).await.location();
    let session = browser.cookies["session"].clone();
    let refused = browser.submit(&pages[1], "other@example.com", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.alert().unwrap().contains("already signed up"));
    assert_eq!(browser.cookies["session"], session);
    assert_eq!(browser.sub().await, sub);
    let same = browser.submit(&pages[1], "ada@example.com", PASSWORD).await;
    assert!(same.location().starts_with(REDIRECT_URI), "asking twice is asking once");
    assert_eq!(browser.sub().await, sub);
    browser.cookies.insert("session".to_owned(), session);
    assert_eq!(browser.userinfo().await.status, StatusCode::UNAUTHORIZED, "it was replaced");
}

#[tokio::test]
async fn promotion_counts_against_the_sign_ups_of_its_address() {
    let site = Site::with(|policy| policy.rate_limits.signup_anonymous.per_ip.burst = 1);
    let guest = site.guest().await;
    let hint = code_hint(&site.promotion_code(&guest.refresh).await);
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[("login_hint", &hint)]).await;
    let limited = browser.submit(&page, "ada@example.com", PASSWORD).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(limited.header("retry-after").is_some());
    site.clock.advance(Duration::from_secs(61));
    finish(&site, browser.submit(&page, "ada@example.com", PASSWORD).await.location()).await;
}

#[tokio::test]
async fn after_promotion_the_same_device_starts_over_with_a_new_key() {
    let site = Site::new();
    let old = Device::new(1);
    let first = Tokens::of(&old.enter(&site, KeyHeader::Jwk).await.json());
    let sub = sub_of(&site.userinfo(&first.access).await);
    let hint = key_hint(&old.request(&site, Action::Promote, KeyHeader::Kid).await);
    let mut browser = Browser::new(&site);
    let page = browser
        .authorize(&[("client_id", "native"), ("redirect_uri", NATIVE_URI), ("login_hint", &hint)])
        .await;
    browser.submit(&page, "ada@example.com", PASSWORD).await.location();
    let second = Tokens::of(&Device::new(2).enter(&site, KeyHeader::Jwk).await.json());
    assert_ne!(sub_of(&site.userinfo(&second.access).await), sub);
    let none = present(&site, &old.request(&site, Action::Auth, KeyHeader::Jwk).await).await;
    assert_eq!(none.status, StatusCode::BAD_REQUEST);
}

/// A guest who comes by the site's own links is promoted by its cookie. In a second tab, opened before,
/// the cookie was the regular user's by then, and signing up there made a second user and took the
/// first one's place in the browser.
#[tokio::test]
async fn of_two_tabs_without_a_code_the_second_makes_no_second_user() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let sub = browser.become_guest().await;
    let own_links = [("response_type", "none"), ("x_page", "signup")];
    let one = browser.authorize(&own_links).await;
    let two = browser.authorize(&own_links).await;
    browser.submit(&one, "ada@example.com", PASSWORD).await;
    assert_eq!(browser.userinfo().await.json()["sub"], sub.as_str());

    // Before anything is filled in, too.
    let shown = browser.get(&two).await;
    let refused = browser.submit(&two, "ada@example.org", PASSWORD).await;
    for page in [shown, refused] {
        assert_eq!(page.status, StatusCode::CONFLICT);
        assert!(page.body.contains("You are signed in already."), "{}", page.body);
    }
    assert_eq!(browser.userinfo().await.json()["email"], "ada@example.com");
}

/// Two codes of one guest, each open in a tab. The second said that the person had signed up already, and beneath
/// that what would become of the guest.
#[tokio::test]
async fn a_page_of_a_guest_that_is_over_says_nothing_more_of_it() {
    let site = Site::with(|policy| policy.anonymous.on_conflict = OnConflict::Login);
    let mut browser = Browser::new(&site);
    let guest = site.guest().await;
    let mut tabs = Vec::new();
    for _ in 0..2 {
        let hint = code_hint(&site.promotion_code(&guest.refresh).await);
        tabs.push(browser.authorize(&[("login_hint", &hint), ("x_page", "signup")]).await);
    }
    browser.submit(&tabs[0], "ada@example.com", PASSWORD).await;
    let page = browser.submit(&tabs[1], "ada@example.org", PASSWORD).await;
    assert!(page.body.contains("You have already signed up or logged in"), "{}", page.body);
    assert!(!page.body.contains("that guest"), "{}", page.body);
    // Whoever has lost the answer of the first, or sends its form again.
    let again = browser.submit(&tabs[1], "ada@example.com", PASSWORD).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.body);
}

/// Anybody can send somebody else a link with a code of a guest of his own. The page said that it was
/// about what was done in this browser.
#[tokio::test]
async fn a_page_never_vouches_for_a_guest_that_a_link_has_brought() {
    for (on_conflict, page, note) in [
        (OnConflict::Login, "login", "will be joined to the account you log in to. Go on only if"),
        (OnConflict::Login, "signup", "joined to your account if you already have one"),
        (OnConflict::Error, "signup", "what that guest did will be yours. Go on only if"),
    ] {
        let site = Site::with(|policy| policy.anonymous.on_conflict = on_conflict);
        let mallory = site.guest().await;
        let hint = code_hint(&site.promotion_code(&mallory.refresh).await);
        let mut browser = Browser::new(&site);
        let page = browser.authorize(&[("login_hint", &hint), ("x_page", page)]).await;
        let shown = browser.get(&page).await.body;
        assert!(shown.contains(note), "{shown}");
        assert!(!shown.contains("in this browser"), "{shown}");
    }
}

/// Without the address of the peer, every limit by address let everything pass.
#[tokio::test]
async fn clients_without_an_address_share_one_limit() {
    let site = Site::new();
    let mut answers = Vec::new();
    for _ in 0..61 {
        let request = http::Request::post("/api/anonymous_user/signup")
            .header("content-type", "application/json")
            .header("x-forwarded-for", "192.0.2.1")
            .body(br#"{"session_type":"cookie"}"#.to_vec())
            .unwrap();
        answers.push(site.http.respond(request, None).await.status());
    }
    assert_eq!(answers.pop(), Some(StatusCode::TOO_MANY_REQUESTS));
    assert!(answers.iter().all(|status| *status == StatusCode::OK), "{answers:?}");
}

/// A guest that was deleted, or whose time was over, was told that it had signed up already.
#[tokio::test]
async fn a_guest_that_is_over_is_told_what_became_of_it() {
    let site = Site::new();
    for (end, says) in [
        ("promote", "already signed up"),
        ("delete", "time as this guest is over"),
        ("sign out", "time as this guest is over"),
        ("sign out all", "time as this guest is over"),
        ("sweep", "time as this guest is over"),
    ] {
        let guest = site.guest().await;
        let user = sub_of(&site.userinfo(&guest.access).await).parse().unwrap();
        let mut pages = Vec::new();
        for _ in 0..2 {
            let hint = code_hint(&site.promotion_code(&guest.refresh).await);
            let mut browser = Browser::new(&site);
            let page = browser.authorize(&[("login_hint", &hint)]).await;
            pages.push((browser, page));
        }
        let (mut browser, page) = pages.pop().unwrap();
        match end {
            "promote" => {
                let (mut first, page) = pages.pop().unwrap();
                first.submit(&page, "ada@example.com", PASSWORD).await.location();
            }
            "delete" => site.engine().delete(user).await.unwrap(),
            "sign out all" => site.engine().sign_out_all(user).await.unwrap(),
            _ => {
                site.post_form("/oauth2/revoke", &[("token", &guest.refresh)]).await;
                if end == "sweep" {
                    assert!(0 < site.engine().sweep(10).await.unwrap().guests);
                }
            }
        }
        let refused = browser.submit(&page, "other@example.com", PASSWORD).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{end}");
        assert!(refused.alert().unwrap().contains(says), "{end}: {:?}", refused.alert());
    }
}

/// The page of a guest whose promotion was done, and whose browser never heard of it, was called another
/// guest's.
#[tokio::test]
async fn with_cookies_whoever_lost_the_answer_asks_again() {
    let site = Site::with(|policy| policy.anonymous.on_conflict = OnConflict::Login);
    for (number, path) in ["signup", "login"].into_iter().enumerate() {
        let mut browser = Browser::new(&site);
        let guest = browser.become_guest().await;
        let hint = code_hint(&browser.promotion_code().await);
        let parameters = [("response_type", "none"), ("x_page", path), ("login_hint", &hint)];
        let page = browser.authorize(&parameters).await;
        let email = format!("user-{number}@example.com");
        let expected = if path == "login" {
            sub_of(&site.userinfo(&site.regular(&email).await.access).await)
        } else {
            guest
        };
        let before = browser.cookies.clone();
        for _ in 0..2 {
            browser.cookies = before.clone();
            let done = browser.submit(&page, &email, PASSWORD).await;
            assert_eq!(
                done.location(),
                format!("{REDIRECT_URI}?state=the+app%27s"),
                "{}",
                done.body
            );
            assert_eq!(browser.sub().await, expected);
        }
        browser.cookies = before;
        let shown = browser.get(&page).await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
        let refused = browser.submit(&page, &email, "another password").await;
        assert!(refused.alert().is_some() && refused.header("location").is_none());
    }
}
