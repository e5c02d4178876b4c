//! Logging a browser out.

use http::StatusCode;

use super::site::{Browser, LOGGED_OUT_URI, ORIGIN_URL, Site, form, get, with};

fn target(parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/oauth2/end_session?{query}")
}

async fn id_token(browser: &mut Browser<'_>) -> String {
    let grant = "urn:authgear:params:oauth:grant-type:id-token";
    let fields = [("grant_type", grant), ("client_id", "web")];
    let answer = browser.ask(form("/oauth2/token", &fields)).await;
    answer.json()["id_token"].as_str().unwrap().to_owned()
}

/// Somebody who has signed up, and is not lost by logging out.
async fn become_regular(browser: &mut Browser<'_>) {
    let page = browser.authorize(&[("response_type", "none"), ("x_page", "signup")]).await;
    let answer = browser.submit(&page, "ada@example.com", "correct horse battery").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}

const BACK: (&str, &str) = ("post_logout_redirect_uri", LOGGED_OUT_URI);

#[tokio::test]
async fn from_our_own_site_a_browser_is_logged_out_at_once() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    become_regular(&mut browser).await;
    let session = browser.cookies["session"].clone();
    let answer = browser.get(&target(&[BACK, ("state", "a b")])).await;
    assert_eq!(answer.location(), format!("{LOGGED_OUT_URI}?state=a+b"));
    assert!(browser.cookies.is_empty());
    browser.cookies.insert("session".to_owned(), session);
    assert_eq!(browser.userinfo().await.error().1, "invalid_grant");
}

/// A link that somebody wrote on a page of the site, or a form on a neighbouring host, was enough, and with
/// the session a guest lost all that it had.
#[tokio::test]
async fn a_guest_who_has_no_way_back_is_asked_also_on_our_own_site() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    let page = browser.get(&target(&[BACK])).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Nothing can let you in again"), "{}", page.body);
    let unconfirmed = with(form("/oauth2/end_session", &[BACK]), "origin", ORIGIN_URL);
    assert_eq!(browser.ask(unconfirmed).await.status, StatusCode::OK, "asked");
    assert_eq!(browser.userinfo().await.status, StatusCode::OK);
    let confirmed = form("/oauth2/end_session", &[("confirm", "true"), BACK]);
    let answer = browser.ask(with(confirmed, "origin", ORIGIN_URL)).await;
    assert_eq!(answer.location(), LOGGED_OUT_URI);
    assert_eq!(browser.userinfo().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_form_on_a_neighbouring_host_logs_nobody_out_unasked() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    become_regular(&mut browser).await;
    let request = with(form("/oauth2/end_session", &[BACK]), "origin", "https://evil.example");
    let page = browser.ask(request).await;
    assert_eq!(page.status, StatusCode::OK, "asked");
    assert!(!page.body.contains("Nothing can let you in again"), "a user has a way back");
    assert_eq!(browser.userinfo().await.status, StatusCode::OK);
}

/// Beside a cookie that a neighbouring host had planted, the person was told to be logged out, and was not.
#[tokio::test]
async fn beside_a_planted_cookie_every_session_is_ended() {
    let planted = "A".repeat(43);
    for first in [true, false] {
        let site = Site::new();
        let mut browser = Browser::new(&site);
        become_regular(&mut browser).await;
        let session = browser.cookies["session"].clone();
        let both = if first { [&planted, &session] } else { [&session, &planted] };
        let cookies = format!("session={}; same_site_strict=true; session={}", both[0], both[1]);
        let answer = site.ask(with(get(&target(&[BACK])), "cookie", &cookies)).await;
        assert_eq!(answer.location(), LOGGED_OUT_URI);
        assert_eq!(answer.set_cookies().len(), 2);
        assert_eq!(browser.userinfo().await.status, StatusCode::UNAUTHORIZED, "{first}");
    }
}

#[tokio::test]
async fn beside_more_cookies_than_can_be_ended_nobody_is_told_to_be_logged_out() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    become_regular(&mut browser).await;
    let planted = format!("session={}; ", "A".repeat(43)).repeat(8);
    let cookies = format!("{planted}session={}; same_site_strict=true", browser.cookies["session"]);
    let answer = site.ask(with(get(&target(&[BACK])), "cookie", &cookies)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn whoever_plants_a_cookie_and_knows_its_id_token_logs_nobody_else_out() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    let mut other = Browser::new(&site);
    other.become_guest().await;
    let known = id_token(&mut other).await;
    let theirs = format!("session={}", other.cookies["session"]);
    let request = get(&target(&[("id_token_hint", &known), BACK]));
    let answer = browser.ask(with(request, "cookie", &theirs)).await;
    assert_eq!(answer.status, StatusCode::OK, "asked");
    assert_eq!(browser.userinfo().await.status, StatusCode::OK);
}

#[tokio::test]
async fn from_elsewhere_a_person_is_asked_first() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    browser.cookies.remove("same_site_strict");
    let hostile = "\"><script>";
    let page = browser.get(&target(&[BACK, ("state", hostile)])).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains(">Log out</button>") && !page.body.contains("<script"));
    assert_eq!(browser.userinfo().await.status, StatusCode::OK);

    let confirmed = [("confirm", "true"), BACK, ("state", hostile)];
    for headers in
        [None, Some("https://evil.example"), Some("null"), Some("https://app.example.com")]
    {
        let request = form("/oauth2/end_session", &confirmed);
        let request = match headers {
            Some(origin) => with(request, "origin", origin),
            None => request,
        };
        assert_eq!(browser.ask(request).await.status, StatusCode::FORBIDDEN);
    }
    let unconfirmed = with(form("/oauth2/end_session", &[BACK]), "origin", "https://evil.example");
    assert_eq!(browser.ask(unconfirmed).await.status, StatusCode::OK);
    let by_link = browser.get(&target(&[("confirm", "true"), BACK])).await;
    assert_eq!(by_link.status, StatusCode::OK);
    assert_eq!(browser.userinfo().await.status, StatusCode::OK);

    let own = with(form("/oauth2/end_session", &confirmed), "origin", ORIGIN_URL);
    let answer = browser.ask(own).await;
    assert_eq!(answer.parameter("state").as_deref(), Some(hostile));
    assert_eq!(browser.userinfo().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_user_s_own_id_token_stands_for_the_question() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    browser.cookies.remove("same_site_strict");
    let mut other = Browser::new(&site);
    other.become_guest().await;
    let theirs = id_token(&mut other).await;
    for hint in [theirs.as_str(), "nonsense", "a.b.c"] {
        let answer = browser.get(&target(&[("id_token_hint", hint), BACK])).await;
        assert_eq!(answer.status, StatusCode::OK, "asked");
    }
    let own = id_token(&mut browser).await;
    site.clock.advance(std::time::Duration::from_secs(3600));
    let answer = browser.get(&target(&[("id_token_hint", &own), BACK])).await;
    assert_eq!(answer.location(), LOGGED_OUT_URI);
    assert_eq!(browser.userinfo().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_ask_and_nothing_to_take_away() {
    let site = Site::new();
    let answer = site.get(&target(&[BACK])).await;
    assert_eq!(answer.location(), LOGGED_OUT_URI);
    assert_eq!(answer.set_cookies(), Vec::<&str>::new(), "a foreign form comes without cookies");
}

#[tokio::test]
async fn a_state_that_is_longer_than_the_limit_is_not_taken_along() {
    let site = Site::new();
    let most = guestpass::http::MAX_STATE_BYTES;
    for (length, is_taken) in [(most, true), (most + 1, false)] {
        let state = "s".repeat(length);
        let answer = site.get(&target(&[BACK, ("state", &state)])).await;
        assert_eq!(answer.parameter("state"), is_taken.then_some(state));
    }
}

#[tokio::test]
async fn only_a_registered_address_is_gone_to() {
    let site = Site::new();
    for uri in [
        "https://evil.example",
        "//evil.example",
        "http://localhost:3000/bye/",
        "javascript:alert(1)",
        "http://localhost:3000/after-promote",
    ] {
        let answer = site.get(&target(&[("post_logout_redirect_uri", uri)])).await;
        assert_eq!(answer.location(), "http://localhost:3000/", "{uri}");
    }
    assert_eq!(site.get("/oauth2/end_session").await.location(), "http://localhost:3000/");
}

#[tokio::test]
async fn a_disabled_guest_does_not_lose_its_only_session_to_a_link() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let user = browser.become_guest().await.parse().unwrap();
    site.engine().disable(user).await.unwrap();
    browser.cookies.remove("same_site_strict");
    assert_eq!(browser.get(&target(&[BACK])).await.status, StatusCode::OK, "asked");
    site.engine().enable(user).await.unwrap();
    assert_eq!(browser.userinfo().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_dead_session_s_cookie_is_taken_away() {
    let site = Site::new();
    let request = with(get(&target(&[BACK])), "cookie", &format!("session={}", "A".repeat(43)));
    let answer = site.ask(request).await;
    assert_eq!(answer.location(), LOGGED_OUT_URI);
    assert_eq!(answer.set_cookies().len(), 2);
}

/// Any page of a neighbouring host could have an image at this address, and browsers load pages before
/// anybody asks for them: the strict cookie came along, and a guest lost all that it had for good.
#[tokio::test]
async fn nobody_is_logged_out_but_by_going_there() {
    const NAVIGATE: (&str, &str) = ("sec-fetch-mode", "navigate");
    const DOCUMENT: (&str, &str) = ("sec-fetch-dest", "document");
    let site = Site::new();
    let mut browser = Browser::new(&site);
    become_regular(&mut browser).await;
    let own = id_token(&mut browser).await;
    let no_visits: [&[(&'static str, &str)]; 8] = [
        &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
        &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
        &[NAVIGATE, ("sec-fetch-dest", "iframe")],
        &[NAVIGATE],
        &[NAVIGATE, DOCUMENT, ("sec-purpose", "prefetch")],
        &[NAVIGATE, DOCUMENT, ("sec-purpose", "prefetch;prerender")],
        &[NAVIGATE, DOCUMENT, ("purpose", "prefetch")],
        &[("purpose", "prefetch")],
    ];
    let asking = |query: &[(&str, &str)], headers: &[(&'static str, &str)]| {
        headers
            .iter()
            .fold(get(&target(query)), |request, (name, value)| with(request, name, value))
    };
    for headers in no_visits {
        for query in [&[BACK][..], &[BACK, ("id_token_hint", &own)]] {
            let answer = browser.ask(asking(query, headers)).await;
            assert_eq!(answer.status, StatusCode::OK, "asked first: {headers:?}");
            assert_eq!(browser.userinfo().await.status, StatusCode::OK, "{headers:?}");
        }
    }
    let answer = browser.ask(asking(&[BACK], &[NAVIGATE, DOCUMENT])).await;
    assert_eq!(answer.location(), LOGGED_OUT_URI);
    assert_eq!(browser.userinfo().await.status, StatusCode::UNAUTHORIZED);
}
