//! The authorization endpoint.

use http::StatusCode;

use super::site::{Browser, NATIVE_URI, REDIRECT_URI, Site, authorization, code_hint, form};

#[tokio::test]
async fn a_redirect_uri_that_is_not_exactly_registered_gets_no_redirect() {
    let site = Site::new();
    let tricks = [
        "http://localhost:3000/after-promote/",
        "http://localhost:3000/after-promote?",
        "http://localhost:3000/after-promote?a=b",
        "http://localhost:3000/after-promote#",
        "http://localhost:3000/after-promote#a",
        "http://localhost:3000/after-promote/../after-promote",
        "http://localhost:3000/./after-promote",
        "http://localhost:3000//after-promote",
        "http://localhost:3000/After-Promote",
        "http://localhost:3000/after%2Dpromote",
        "http://localhost:3000/after-promote%20",
        "http://localhost:3000/after-promote ",
        " http://localhost:3000/after-promote",
        "http://localhost:3000/after-promote\t",
        "http://localhost:3000/after-promote\r\nLocation: https://evil.example",
        "http://localhost:3000/after-promote\0",
        "http://localhost/after-promote",
        "http://localhost:80/after-promote",
        "http://localhost:03000/after-promote",
        "https://localhost:3000/after-promote",
        "HTTP://localhost:3000/after-promote",
        "http://LOCALHOST:3000/after-promote",
        "http://localhost.:3000/after-promote",
        "http://127.0.0.1:3000/after-promote",
        "http://[::1]:3000/after-promote",
        "http://localhost:3000@evil.example/after-promote",
        "http://user@localhost:3000/after-promote",
        "http://localhost:3000\\@evil.example/after-promote",
        "http://localhost:3000.evil.example/after-promote",
        "http://evil.example/http://localhost:3000/after-promote",
        "http://evil.example/?http://localhost:3000/after-promote",
        "http://evil.example#http://localhost:3000/after-promote",
        "//localhost:3000/after-promote",
        "/after-promote",
        "\\\\localhost:3000\\after-promote",
        "http:localhost:3000/after-promote",
        "http:///localhost:3000/after-promote",
        "http://ⓛocalhost:3000/after-promote",
        "http://xn--localhost:3000/after-promote",
        "javascript:alert(1)",
        "data:text/html,x",
        "com.example.app://callback",
        "http://localhost:3000/oauth2/authorize",
        "*",
        "null",
    ];
    for trick in tricks {
        let answer = site.get(&authorization(&[("redirect_uri", trick)])).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{trick}");
        assert_eq!(answer.header("location"), None, "{trick}");
        assert!(answer.alert().is_some());
        assert_eq!(answer.set_cookies(), Vec::<&str>::new());
    }
    let long = format!("{REDIRECT_URI}?{}", "a".repeat(1024));
    for (name, value) in [
        ("redirect_uri", ""),
        ("redirect_uri", &long),
        ("client_id", ""),
        ("client_id", "nobody"),
        ("client_id", "native"),
    ] {
        let answer = site.get(&authorization(&[(name, value)])).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name} {value}");
    }
}

#[tokio::test]
async fn other_errors_go_back_to_the_application() {
    let site = Site::new();
    let long = "s".repeat(1025);
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("response_mode", "fragment", "invalid_request"),
        ("prompt", "none", "login_required"),
        ("prompt", "strange", "invalid_request"),
        ("scope", "", "invalid_scope"),
        ("scope", "email openidx", "invalid_scope"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "too-short", "invalid_request"),
        ("code_challenge", "+123456789012345678901234567890123456789012", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("login_hint", "ada@example.com", "invalid_request"),
        ("login_hint", "https://authgear.com/login_hint?type=login_id&email=a", "invalid_request"),
        ("login_hint", "https://evil.example/login_hint?type=anonymous&jwt=a", "invalid_request"),
        (
            "login_hint",
            "https://authgear.com/login_hint?type=anonymous&jwt=a.b.c",
            "invalid_request",
        ),
        ("client_id", "server", "unauthorized_client"),
        ("client_id", "partner", "unauthorized_client"),
        ("state", &long, "invalid_request"),
    ] {
        let answer = site.get(&authorization(&[(name, value)])).await;
        assert!(answer.location().starts_with(&format!("{REDIRECT_URI}?error=")), "{name} {value}");
        assert_eq!(answer.parameter("error").as_deref(), Some(error), "{name} {value}");
        let state = (name != "state").then_some("the app's");
        assert_eq!(answer.parameter("state").as_deref(), state, "{name} {value}");
        assert_eq!(answer.set_cookies(), Vec::<&str>::new());
    }
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused_without_a_redirect() {
    let site = Site::new();
    for extra in ["&redirect_uri=https://evil.example", "&state=x", "&client_id=web", "&%73tate=x"]
    {
        let answer = site.get(&format!("{}{extra}", authorization(&[]))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{extra}");
        assert_eq!(answer.header("location"), None);
    }
}

#[tokio::test]
async fn the_page_that_comes_first_is_what_was_asked_for() {
    let site = Site::new();
    let guest = site.guest().await;
    let hint = code_hint(&site.promotion_code(&guest.refresh).await);
    let mut browser = Browser::new(&site);
    for (parameters, page) in [
        (vec![], "login"),
        (vec![("x_page", "signup")], "signup"),
        (vec![("prompt", "create")], "signup"),
        (vec![("x_page", "login"), ("prompt", "create")], "login"),
        (vec![("x_page", "other")], "login"),
        (vec![("login_hint", hint.as_str())], "signup"),
    ] {
        let location = browser.authorize(&parameters).await;
        let expected = format!("http://localhost:3000/oauth2/{page}?flow=");
        assert!(location.starts_with(&expected), "{parameters:?} {location}");
    }
}

#[tokio::test]
async fn a_form_may_ask_too() {
    let site = Site::new();
    let query = authorization(&[]);
    let fields = form_urlencoded::parse(query.split_once('?').unwrap().1.as_bytes());
    let fields: Vec<(String, String)> = fields.into_owned().collect();
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = site.ask(form("/oauth2/authorize", &fields)).await;
    assert!(answer.location().contains("/oauth2/login?flow="));
}

#[tokio::test]
async fn parameters_that_mean_nothing_here_do_nothing() {
    let site = Site::new();
    let answer = site
        .get(&authorization(&[
            ("ui_locales", "de"),
            ("x_sso_enabled", "true"),
            ("x_suppress_idp_session_cookie", "true"),
            ("x_state", "x"),
            ("x_platform", "ios"),
            ("x_color_scheme", "dark"),
            ("dpop_jkt", "abc"),
        ]))
        .await;
    assert!(answer.location().contains("/oauth2/login?flow="));
}

/// What is asked for in a request object alone was not heard, and the rest was done.
#[tokio::test]
async fn request_objects_are_refused_and_not_passed_over() {
    let site = Site::new();
    for (name, code) in
        [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")]
    {
        let answer = site.get(&authorization(&[(name, "x"), ("state", "here")])).await;
        let expected = format!("{REDIRECT_URI}?error={code}&");
        assert!(answer.location().starts_with(&expected), "{}", answer.location());
        assert!(answer.location().ends_with("&state=here"));
    }
    let document = site.get("/.well-known/openid-configuration").await.json();
    for name in ["request_parameter_supported", "request_uri_parameter_supported"] {
        assert_eq!(document[name], false, "{name}");
    }
}

#[tokio::test]
async fn neither_host_nor_forwarded_headers_choose_an_address() {
    let site = Site::new();
    for name in ["host", "x-forwarded-host", "forwarded", "x-forwarded-proto", "x-original-host"] {
        let request =
            super::site::with(super::site::get(&authorization(&[])), name, "evil.example");
        assert!(
            site.ask(request).await.location().starts_with("http://localhost:3000/oauth2/login")
        );
        let request = super::site::get("/.well-known/openid-configuration");
        let answer = site.ask(super::site::with(request, name, "evil.example")).await;
        assert!(!answer.body.contains("evil.example"));
    }
}

#[tokio::test]
async fn a_query_of_the_redirect_uri_is_kept() {
    let site = Site::new();
    let uri = "https://app.example.com/cb?a=b";
    let answer = site.get(&authorization(&[("redirect_uri", uri), ("prompt", "none")])).await;
    assert!(answer.location().starts_with("https://app.example.com/cb?a=b&error=login_required&"));
    let native = [("client_id", "native"), ("redirect_uri", NATIVE_URI), ("prompt", "none")];
    let answer = site.get(&authorization(&native)).await;
    assert!(answer.location().starts_with("com.example.app://callback?error=login_required&"));
}

#[tokio::test]
async fn a_browser_keeps_few_flows_and_forgets_the_oldest() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let mut pages = Vec::new();
    for _ in 0..guestpass::http::MAX_OPEN_FLOWS + 3 {
        pages.push(browser.authorize(&[]).await);
        site.clock.advance(std::time::Duration::from_secs(1));
    }
    assert_eq!(browser.cookies.len(), guestpass::http::MAX_OPEN_FLOWS);
    assert_eq!(browser.get(&pages[0]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.get(pages.last().unwrap()).await.status, StatusCode::OK);
}

/// A page elsewhere that led a browser here four times left it with 13 KB of cookies, which many a server in
/// front of an application refuses; so the person was shut out of the whole site for an hour.
#[tokio::test]
async fn all_flows_of_a_browser_together_take_no_more_than_other_servers_let_through() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    for number in 0..8 {
        // Each takes six bytes in JSON.
        let state = format!("{number}{}", "\u{1}".repeat(370));
        let page = browser.authorize(&[("state", &state)]).await;
        assert_eq!(browser.get(&page).await.status, StatusCode::OK, "the latest counts");
        let bytes: usize =
            browser.cookies.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes < 4096, "{bytes} bytes of cookies");
    }
    // Of usual length, as many are open as may.
    let mut browser = Browser::new(&site);
    let mut pages = Vec::new();
    for _ in 0..guestpass::http::MAX_OPEN_FLOWS {
        pages.push(browser.authorize(&[]).await);
    }
    for page in pages {
        assert_eq!(browser.get(&page).await.status, StatusCode::OK);
    }
}

/// As many cookies as a request may have, which a neighbouring host has planted, were all taken away at once,
/// in more headers than other servers let through; so nobody could log in, and they stayed.
#[tokio::test]
async fn planted_cookies_of_flows_are_taken_away_a_few_at_a_time() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    for _ in 0..guestpass::http::MAX_OPEN_FLOWS {
        browser.authorize(&[]).await;
    }
    browser.cookies.extend((0..60).map(|number| (format!("flow_{number:x}"), String::new())));
    for round in 1.. {
        let answer = browser.get(&authorization(&[])).await;
        let bytes: usize = answer.set_cookies().iter().map(|line| line.len() + 14).sum();
        assert!(bytes < 3072, "{bytes} bytes of headers");
        let page = answer.location().to_owned();
        assert_eq!(browser.get(&page).await.status, StatusCode::OK);
        if browser.cookies.len() == guestpass::http::MAX_OPEN_FLOWS {
            break;
        }
        assert!(round < 10, "they go");
    }

    // Some do not go at our word, because they were set for a domain.
    for number in 0..20 {
        browser.cookies.extend((0..20).map(|number| (format!("flow_{number:x}"), String::new())));
        let page = browser.authorize(&[]).await;
        assert_eq!(browser.get(&page).await.status, StatusCode::OK);
        let own = browser.cookies.values().filter(|ticket| !ticket.is_empty()).count();
        assert!(own <= guestpass::http::MAX_OPEN_FLOWS, "{own} after {number}");
    }
}

#[tokio::test]
async fn a_flow_s_cookie_is_small_enough_for_every_browser() {
    let site = Site::with(|policy| {
        policy.clients[0].redirect_uris.push(format!("https://a.example/{}", "r".repeat(1006)));
    });
    let uri = format!("https://a.example/{}", "r".repeat(1006));
    let state = "s".repeat(1024);
    let answer = site.get(&authorization(&[("redirect_uri", &uri), ("state", &state)])).await;
    let cookie = answer.set_cookies()[0];
    assert!(cookie.len() <= 4096, "{}", cookie.len());
    let controls = "\u{1}".repeat(1024);
    let answer = site.get(&authorization(&[("redirect_uri", &uri), ("state", &controls)])).await;
    assert_eq!(answer.parameter("error").as_deref(), Some("invalid_request"));
}
