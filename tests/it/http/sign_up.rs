//! Guests of the web sign up.

use http::StatusCode;
use serde_json::{Value, json};

use super::site::{
    Browser, CAN_REAUTHENTICATE, IS_ANONYMOUS, IS_VERIFIED, REDIRECT_URI, Site, Tokens,
    authorization, json as post, sub_of, while_its_guest_is_promoted, with,
};
const SIGNUP: &str = "/api/anonymous_user/signup";

fn invalid() -> (StatusCode, String, String) {
    (StatusCode::BAD_REQUEST, "Invalid".to_owned(), "Invalid".to_owned())
}

fn message(answer: &super::site::Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_guest_with_tokens_is_anonymous_unverified_and_cannot_reauthenticate() {
    let site = Site::new();
    let body = json!({ "session_type": "refresh_token", "client_id": "web" });
    let answer = site.post_json(SIGNUP, &body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let result = &answer.json()["result"];
    assert_eq!(result["token_type"], "Bearer");
    assert_eq!(result["expires_in"], 1800);
    assert_eq!(result["id_token"], Value::Null);
    assert_eq!(answer.set_cookies(), Vec::<&str>::new());
    let info = site.userinfo(&Tokens::of(result).access).await.json();
    assert_eq!(info[IS_ANONYMOUS], true);
    assert_eq!(info[IS_VERIFIED], false);
    assert_eq!(info[CAN_REAUTHENTICATE], false);
}

#[tokio::test]
async fn a_guest_with_a_cookie_needs_nothing_else() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let body = json!({ "session_type": "cookie", "client_id": "web" });
    let answer = browser.post_json(SIGNUP, &body).await;
    assert_eq!(answer.json(), json!({ "result": {} }));
    let cookies = answer.set_cookies();
    assert_eq!(cookies.len(), 2);
    assert!(cookies[0].starts_with("session="), "{}", cookies[0]);
    assert!(cookies[0].ends_with("; HttpOnly; SameSite=Lax; Path=/; Max-Age=31449600"));
    assert_eq!(
        cookies[1],
        "same_site_strict=true; HttpOnly; SameSite=Strict; Path=/; Max-Age=31449600"
    );
    assert_eq!(browser.userinfo().await.json()[IS_ANONYMOUS], true);
}

#[tokio::test]
async fn without_anonymous_users_nobody_signs_up_as_one() {
    let site = Site::with(|policy| policy.anonymous.enabled = false);
    for session_type in ["cookie", "refresh_token"] {
        let body = json!({ "session_type": session_type, "client_id": "web" });
        let answer = site.post_json(SIGNUP, &body).await;
        assert_eq!(answer.reason(), invalid());
        assert_eq!(message(&answer), "anonymous user disallowed");
    }
}

#[tokio::test]
async fn a_client_that_may_not_act_for_people_gets_no_guest() {
    let site = Site::new();
    for client in ["server", "partner", "nobody", "with space"] {
        let body = json!({ "session_type": "refresh_token", "client_id": client });
        assert_eq!(site.post_json(SIGNUP, &body).await.reason(), invalid(), "{client}");
    }
}

#[tokio::test]
async fn signing_up_again_with_the_refresh_token_is_the_same_guest() {
    let site = Site::new();
    let guest = site.guest().await;
    let body = json!({
        "session_type": "refresh_token",
        "client_id": "web",
        "refresh_token": guest.refresh,
    });
    let again = site.post_json(SIGNUP, &body).await;
    let result = &again.json()["result"];
    assert_eq!(result["refresh_token"], Value::Null);
    let access = result["access_token"].as_str().unwrap();
    let before = sub_of(&site.userinfo(&guest.access).await);
    assert_eq!(sub_of(&site.userinfo(access).await), before);
}

#[tokio::test]
async fn a_regular_user_does_not_become_a_guest() {
    let site = Site::new();
    let regular = site.regular("ada@example.com").await;
    let body = json!({
        "session_type": "refresh_token",
        "client_id": "web",
        "refresh_token": regular.refresh,
    });
    let answer = site.post_json(SIGNUP, &body).await;
    assert_eq!(answer.reason(), invalid());
    assert_eq!(message(&answer), "user logged in as normal user");

    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[("response_type", "none")]).await;
    let page = page.replace("/login", "/signup");
    let done = browser.submit(&page, "bob@example.com", super::site::PASSWORD).await;
    assert!(done.location().starts_with(REDIRECT_URI));
    let sub = browser.sub().await;
    let answer = browser.post_json(SIGNUP, &json!({ "session_type": "cookie" })).await;
    assert_eq!(answer.reason(), invalid());
    assert_eq!(browser.sub().await, sub);
}

/// An application that starts in another tab, or anew because it never heard of the promotion, asked for a
/// guest with the cookie that the promotion had ended. It got another one, whose cookie took the browser from
/// the user.
#[test]
fn a_guest_that_is_promoted_meanwhile_is_not_replaced() {
    let mut refused = 0;
    let ask = || post(SIGNUP, &json!({ "session_type": "cookie" }).to_string());
    while_its_guest_is_promoted(ask, |answer| {
        assert_eq!(answer.set_cookies(), Vec::<&str>::new());
        if answer.status != StatusCode::OK {
            assert_eq!(answer.reason(), invalid());
            assert_eq!(message(&answer), "user logged in as normal user");
            refused += 1;
        }
    });
    assert!(0 < refused);
}

#[tokio::test]
async fn signing_up_again_with_the_cookie_sets_no_cookie_and_is_the_same_guest() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let sub = browser.become_guest().await;
    let again = browser.post_json(SIGNUP, &json!({ "session_type": "cookie" })).await;
    assert_eq!(again.json(), json!({ "result": {} }));
    assert_eq!(again.set_cookies(), Vec::<&str>::new());
    assert_eq!(browser.sub().await, sub);
}

#[tokio::test]
async fn a_dead_refresh_token_signs_nobody_up() {
    let site = Site::new();
    let guest = site.guest().await;
    let other = site.guest().await;
    site.post_form("/oauth2/revoke", &[("token", &guest.refresh)]).await;
    let unknown = "A".repeat(43);
    for (client, token) in [
        ("web", guest.refresh.as_str()),
        ("web", &unknown),
        ("web", "nonsense"),
        ("native", &other.refresh),
    ] {
        let body = json!({
            "session_type": "refresh_token",
            "client_id": client,
            "refresh_token": token,
        });
        let answer = site.post_json(SIGNUP, &body).await;
        assert_eq!(answer.reason(), invalid(), "{token}");
        assert_eq!(message(&answer), "invalid refresh token");
    }
}

#[tokio::test]
async fn a_dead_cookie_is_replaced_by_a_new_guest() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    browser.cookies.insert("session".to_owned(), "A".repeat(43));
    browser.become_guest().await;
}

#[tokio::test]
async fn two_session_cookies_are_refused_instead_of_making_a_guest_each_time() {
    let site = Site::new();
    let request = post(SIGNUP, r#"{"session_type":"cookie"}"#);
    let request = with(request, "cookie", "session=a; session=b");
    assert_eq!(site.ask(request).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_body_of_another_shape_is_refused_with_what_is_wrong() {
    let site = Site::new();
    let cause = |location: &str, kind: &str| (location.to_owned(), kind.to_owned());
    for (body, expected) in [
        (r#"{"session_type":"cookie","is_anonymous":false}"#, cause("/is_anonymous", "general")),
        (r#"{"session_type":"cookie","a/b~":1}"#, cause("/a~1b~0", "general")),
        (r#"{"session_type":"jwt"}"#, cause("/session_type", "enum")),
        (r#"{"session_type":1}"#, cause("/session_type", "type")),
        ("{}", cause("", "required")),
        (r#"{"session_type":"refresh_token"}"#, cause("", "required")),
        (r#"{"session_type":"cookie","client_id":null}"#, cause("/client_id", "type")),
        ("[]", cause("", "type")),
    ] {
        let answer = site.ask(post(SIGNUP, body)).await;
        let reason = answer.reason();
        assert_eq!(
            (reason.1.as_str(), reason.2.as_str()),
            ("Invalid", "ValidationFailed"),
            "{body}"
        );
        let first = &answer.json()["error"]["info"]["causes"][0];
        assert_eq!(
            (first["location"].as_str(), first["kind"].as_str()),
            (Some(expected.0.as_str()), Some(expected.1.as_str())),
            "{body}"
        );
    }
    for body in ["", "{", "{\"session_type\":\"cookie\",\"session_type\":\"cookie\"}", "\u{0}"] {
        assert_eq!(site.ask(post(SIGNUP, body)).await.reason().2, "InvalidJSON", "{body}");
    }
    let deep = format!("{{\"session_type\":{}{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(site.ask(post(SIGNUP, &deep)).await.reason().2, "InvalidJSON");
}

#[tokio::test]
async fn a_form_of_another_site_cannot_send_the_content_type() {
    let site = Site::new();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let mut request = post(SIGNUP, r#"{"session_type":"cookie"}"#);
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        let answer = site.ask(request).await;
        assert_eq!(answer.reason().2, "BadRequest");
        assert_eq!(answer.set_cookies(), Vec::<&str>::new());
    }
}

#[tokio::test]
async fn a_foreign_origin_gets_no_cookie() {
    let site = Site::new();
    for (name, value) in
        [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
    {
        let request = with(post(SIGNUP, r#"{"session_type":"cookie"}"#), name, value);
        let answer = site.ask(request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.set_cookies(), Vec::<&str>::new());
    }
}

#[tokio::test]
async fn guests_of_one_address_are_limited_and_others_are_not() {
    let site = Site::with(|policy| {
        policy.rate_limits.signup_anonymous.per_ip.burst = 2;
        policy.http.trusted_proxies = vec!["10.0.0.0/8".to_owned()];
    });
    let body = r#"{"session_type":"refresh_token","client_id":"web"}"#;
    let from = async |peer: &str, forwarded: &str| {
        let request = with(post(SIGNUP, body), "x-forwarded-for", forwarded);
        site.ask_from(request, peer).await
    };
    assert_eq!(from("192.0.2.7", "198.51.100.1").await.status, StatusCode::OK);
    assert_eq!(from("192.0.2.7", "198.51.100.2").await.status, StatusCode::OK);
    let limited = from("192.0.2.7", "198.51.100.3").await;
    let reason = limited.reason();
    assert_eq!(
        (reason.0, reason.1.as_str(), reason.2.as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "TooManyRequest", "RateLimited")
    );
    assert!(limited.json()["error"]["info"]["rate_limit"]["name"].is_string());
    assert!(limited.header("retry-after").is_some());
    assert_eq!(from("10.0.0.1", "198.51.100.4").await.status, StatusCode::OK);
    assert_eq!(from("10.0.0.1", "192.0.2.7").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_guest_of_the_site_s_own_links_is_promoted_without_a_hint() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let sub = browser.become_guest().await;
    let page =
        browser.get(&authorization(&[("response_type", "none"), ("x_page", "signup")])).await;
    let page = page.location().to_owned();
    let done = browser.submit(&page, "ada@example.com", super::site::PASSWORD).await;
    assert_eq!(done.location(), format!("{REDIRECT_URI}?state=the+app%27s"));
    let info = browser.userinfo().await.json();
    assert_eq!((info["sub"].as_str(), &info[IS_ANONYMOUS]), (Some(sub.as_str()), &json!(false)));
}
