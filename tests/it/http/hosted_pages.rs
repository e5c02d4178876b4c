//! The sign-up and log-in pages.

use guestpass::credential::Keyring;
use guestpass::http::{Http, MAX_BODY_BYTES, MAX_FIELD_BYTES, Page, Pages};
use guestpass::model::SystemEntropy;
use guestpass::rules::OnConflict;
use guestpass::store::sqlite::SqliteBackend;
use http::StatusCode;

use super::site::{Answer, Browser, ORIGIN_URL, PASSWORD, REDIRECT_URI, Site, form, get, with};

const FIELDS: [(&str, &str); 2] = [("email", "ada@example.com"), ("password", PASSWORD)];

async fn sign_up_page(browser: &mut Browser<'_>) -> String {
    let page = browser.authorize(&[("x_page", "signup")]).await;
    page.strip_prefix(ORIGIN_URL).unwrap().to_owned()
}

#[tokio::test]
async fn each_page_leads_to_the_other() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let page = sign_up_page(&mut browser).await;
    let other = page.replace("/signup", "/login");
    assert!(browser.get(&page).await.body.contains(&format!("<a href=\"{other}\">Log in</a>")));
    assert!(browser.get(&other).await.body.contains(&format!("<a href=\"{page}\">Sign up</a>")));
}

#[tokio::test]
async fn a_page_can_neither_run_scripts_nor_be_framed() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let page = sign_up_page(&mut browser).await;
    let check = |answer: &Answer| {
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'; ",
            "style-src 'self'; ",
            "frame-ancestors 'none'; ",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(!answer.body.contains("<script") && !answer.body.contains("style="));
    };
    let shown = browser.get(&page).await;
    check(&shown);
    assert!(
        shown
            .header("content-security-policy")
            .unwrap()
            .contains("form-action 'self' http://localhost:3000;")
    );
    check(&browser.submit(&page, "", "").await);
    check(&site.get("/oauth2/signup").await);
    check(&site.get("/oauth2/authorize").await);
}

#[tokio::test]
async fn a_form_counts_only_from_our_own_page_with_the_flow_s_cookie() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let page = sign_up_page(&mut browser).await;
    let foreign: [&[(&'static str, &str)]; 9] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "https://app.example.com")],
        &[("origin", "http://localhost:3001")],
        &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "none")],
    ];
    for headers in foreign {
        for content_type in ["application/x-www-form-urlencoded", "text/plain"] {
            let mut request = form(&page, &FIELDS);
            request.headers_mut().insert("content-type", content_type.parse().unwrap());
            let request =
                headers.iter().fold(request, |request, (name, value)| with(request, name, value));
            let answer = site.ask(browser.dress(request)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
            assert!(answer.alert().is_some());
            assert_eq!(answer.set_cookies(), Vec::<&str>::new());
        }
    }
    let own = || with(form(&page, &FIELDS), "origin", ORIGIN_URL);
    assert_eq!(site.ask(own()).await.status, StatusCode::BAD_REQUEST, "without the cookie");
    let mut text = own();
    text.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(site.ask(browser.dress(text)).await.status, StatusCode::BAD_REQUEST);
    let same = with(form(&page, &FIELDS), "sec-fetch-site", "same-origin");
    assert!(site.ask(browser.dress(same)).await.location().starts_with(REDIRECT_URI));
}

#[tokio::test]
async fn reading_a_page_changes_nothing() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let page = sign_up_page(&mut browser).await;
    let target = format!("{page}&email=ada%40example.com&password=correct+horse+battery");
    let request = with(get(&target), "origin", ORIGIN_URL);
    assert_eq!(browser.ask(request).await.status, StatusCode::OK);
    let overridden = with(get(&target), "x-http-method-override", "POST");
    assert_eq!(browser.ask(overridden).await.status, StatusCode::OK);
    let log_in = page.replace("/signup", "/login");
    let denied = browser.submit(&log_in, "ada@example.com", PASSWORD).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_wrong_is_said_and_the_password_is_never_shown() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let page = sign_up_page(&mut browser).await;
    for (email, password, status, says) in [
        ("", "hunter2hunter2", 400, "Enter"),
        ("ada@example.com", "", 400, "Enter"),
        ("not an address", "hunter2hunter2", 400, "e-mail"),
        ("ada@example.com", "hunter2", 400, "too short"),
        ("ada@example.com", &"hunter2".repeat(200), 400, "too long: use at most 256 characters"),
    ] {
        let answer = browser.submit(&page, email, password).await;
        assert_eq!(answer.status.as_u16(), status, "{email}");
        assert!(answer.alert().unwrap().contains(says), "{:?}", answer.alert());
        assert!(answer.body.contains(&format!("value=\"{email}\"")));
        assert!(!answer.body.contains("hunter2"));
    }
}

/// Whoever pasted a whole file into the password was shown `{"error":"too_large"}`.
#[tokio::test]
async fn what_is_too_large_is_said_on_a_page() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let page = sign_up_page(&mut browser).await;
    for long in [MAX_FIELD_BYTES + 1, MAX_BODY_BYTES] {
        let answer = browser.submit(&page, "ada@example.com", &"x".repeat(long)).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answer.alert().unwrap().contains("longer than can be"), "{}", answer.body);
        assert!(answer.header("content-security-policy").is_some());
    }
    assert!(browser.submit(&page, "ada@example.com", PASSWORD).await.parameter("code").is_some());
}

#[tokio::test]
async fn unknown_e_mail_and_wrong_password_look_the_same() {
    let site = Site::new();
    site.regular("ada@example.com").await;
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[]).await;
    let one = browser.submit(&page, "ada@example.com", "not the password").await;
    let two = browser.submit(&page, "bob@example.com", "not the password").await;
    assert_eq!(one.status, StatusCode::FORBIDDEN);
    assert_eq!(one.status, two.status);
    assert_eq!(one.body.replace("ada@", "bob@"), two.body);
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let page = sign_up_page(&mut browser).await;
    for hostile in
        ["\"><script>alert(1)</script>", "' onfocus='alert(1)", "</title><img src=x>", "&quot;"]
    {
        let answer = browser.submit(&page, hostile, PASSWORD).await;
        assert!(!answer.body.contains(hostile), "{hostile}");
        let answer = site.get(&format!("/oauth2/signup?flow={}", "%22%3E%3Cscript%3E")).await;
        assert!(!answer.body.contains("<script"));
    }
}

#[tokio::test]
async fn a_taken_e_mail_without_a_guest_leads_to_the_log_in_page() {
    let site = Site::new();
    site.regular("ada@example.com").await;
    let mut browser = Browser::new(&site);
    let page = sign_up_page(&mut browser).await;
    let answer = browser.submit(&page, "ada@example.com", "not the password").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.alert().unwrap().contains("log in instead"));
    let log_in = page.replace("/signup", "/login");
    let done = browser.submit(&log_in, "ADA@example.com", PASSWORD).await;
    assert!(done.parameter("code").is_some());
}

#[tokio::test]
async fn logging_in_with_cookies_sets_the_session_s_cookies() {
    let site = Site::new();
    site.regular("ada@example.com").await;
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[("response_type", "none")]).await;
    let done = browser.submit(&page, "ada@example.com", PASSWORD).await;
    assert_eq!(done.parameter("code"), None);
    assert_eq!(done.set_cookies().len(), 3, "session, strict, and the flow's end");
    assert_eq!(browser.userinfo().await.json()["email"], "ada@example.com");
}

#[tokio::test]
async fn a_guest_with_a_cookie_is_told_that_it_cannot_be_joined() {
    let site = Site::new();
    site.regular("ada@example.com").await;
    let mut browser = Browser::new(&site);
    let sub = browser.become_guest().await;
    let page = browser.authorize(&[("response_type", "none")]).await;
    let refused = browser.submit(&page, "ada@example.com", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.alert().unwrap().contains("guest"));
    assert_eq!(browser.sub().await, sub);
}

#[tokio::test]
async fn a_disabled_user_is_told_only_with_the_right_password() {
    let site = Site::new();
    let ada = site.regular("ada@example.com").await;
    let user = super::site::sub_of(&site.userinfo(&ada.access).await).parse().unwrap();
    site.engine().disable(user).await.unwrap();
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[]).await;
    let wrong = browser.submit(&page, "ada@example.com", "not the password").await;
    assert!(wrong.alert().unwrap().contains("wrong"));
    let right = browser.submit(&page, "ada@example.com", PASSWORD).await;
    assert_eq!(right.status, StatusCode::FORBIDDEN);
    assert!(right.alert().unwrap().contains("locked"));
}

/// Whose session would be promoted, or ended, cannot be told.
#[tokio::test]
async fn beside_a_second_session_cookie_no_page_deals_with_anybody() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    let page = browser.authorize(&[("response_type", "none"), ("x_page", "signup")]).await;
    let path = page.strip_prefix(ORIGIN_URL).unwrap_or(&page);
    let other = format!("session={}", "A".repeat(43));
    let planted = |request| with(browser.dress(request), "cookie", &other);
    let fields = [("email", "ada@example.com"), ("password", PASSWORD)];
    let submitted = with(form(path, &fields), "origin", ORIGIN_URL);
    for request in [planted(get(path)), planted(submitted)] {
        assert_eq!(site.ask(request).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(browser.get(&page).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_flow_is_its_browser_s_under_its_own_name_only() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let page = sign_up_page(&mut browser).await;
    let own = |id: &str| page.replace(page.rsplit('=').next().unwrap(), id);
    for id in ["", "zz", "0123456789abcdef", "../x", &"a".repeat(65)] {
        assert_eq!(browser.get(&own(id)).await.status, StatusCode::BAD_REQUEST, "{id}");
    }
    let (name, ticket) = browser.cookies.first_key_value().unwrap();
    let tampered = format!("{name}={ticket}x");
    let answer = site.ask(with(get(&page), "cookie", &tampered)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let renamed = format!("flow_0123456789abcdef={ticket}");
    let answer = site.ask(with(get(&own("0123456789abcdef")), "cookie", &renamed)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let twice = format!("{name}={ticket}; {name}={ticket}");
    assert_eq!(site.ask(with(get(&page), "cookie", &twice)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn after_a_restart_a_flow_goes_on_unless_its_client_may_not_come_back_there() {
    let directory = tempfile::tempdir().unwrap();
    let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
    let start = |change: Change| {
        let backend = SqliteBackend::open(directory.path().join("users.db")).unwrap();
        Site::with_keyring(backend, keyring.clone(), change)
    };
    let before = start(|_| {});
    let mut browser = Browser::new(&before);
    let page = sign_up_page(&mut browser).await;
    let cookies = browser.cookies;
    drop(before);
    let changes: [(Change, StatusCode); 3] = [
        (|_| {}, StatusCode::OK),
        (|policy| policy.clients[0].redirect_uris.clear(), StatusCode::BAD_REQUEST),
        (|policy| policy.clients.clear(), StatusCode::BAD_REQUEST),
    ];
    for (change, status) in changes {
        let after = start(change);
        let mut browser = Browser { site: &after, cookies: cookies.clone() };
        assert_eq!(browser.get(&page).await.status, status);
    }
}

/// What an operator changes in the policy.
type Change = fn(&mut guestpass::Policy);

#[derive(Debug)]
struct OwnPages;

impl Pages for OwnPages {
    fn html(&self, page: &Page<'_>) -> String {
        match page {
            Page::SignUp(form) => format!("join us at {} as {}", form.action, form.client_id),
            Page::LogIn(_) | Page::SignOut(_) | Page::Problem(_) => String::new(),
        }
    }
}

#[tokio::test]
async fn a_host_can_write_the_pages_itself() {
    let site = Site::new();
    let site = Site { http: Http::new(site.engine().clone()).with_pages(OwnPages), ..site };
    let mut browser = Browser::new(&site);
    let page = sign_up_page(&mut browser).await;
    let answer = browser.get(&page).await;
    assert_eq!(answer.body, format!("join us at {page} as web"));
    assert!(answer.header("content-security-policy").is_some());
}

/// On the pages without a code, a guest who was locked out counted as nobody: whoever signed up or logged
/// in took the place of its only session, which it keeps for the day that it is enabled.
#[tokio::test]
async fn a_disabled_guest_keeps_its_cookie() {
    let site = Site::new();
    site.regular("ada@example.com").await;
    let mut browser = Browser::new(&site);
    let user = browser.become_guest().await.parse().unwrap();
    let sign_up = browser.authorize(&[("response_type", "none"), ("x_page", "signup")]).await;
    let log_in = sign_up.replace("/signup", "/login");
    site.engine().disable(user).await.unwrap();
    let session = browser.cookies["session"].clone();
    for answer in [
        browser.get(&sign_up).await,
        browser.submit(&sign_up, "bob@example.com", PASSWORD).await,
        browser.submit(&log_in, "ada@example.com", PASSWORD).await,
    ] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.alert().unwrap().contains("locked"), "{}", answer.body);
    }
    assert_eq!(browser.cookies["session"], session);
    site.engine().enable(user).await.unwrap();
    assert_eq!(browser.sub().await, user.to_string());
}

/// A session that a browser has lost by logging in again went on for up to 52 weeks, and nobody was left
/// to end it (ASVS 7.2.4).
#[tokio::test]
async fn logging_in_again_ends_the_session_that_the_browser_had() {
    let site = Site::new();
    site.regular("ada@example.com").await;
    site.regular("bob@example.com").await;
    let log_in = async |browser: &mut Browser<'_>, email: &str| {
        let page = browser.authorize(&[("response_type", "none")]).await;
        browser.submit(&page, email, PASSWORD).await.location();
        browser.cookies["session"].clone()
    };
    let mut elsewhere = Browser::new(&site);
    log_in(&mut elsewhere, "ada@example.com").await;
    let mut browser = Browser::new(&site);
    let mut lost = Vec::new();
    for email in ["ada@example.com", "ada@example.com", "bob@example.com"] {
        lost.push(log_in(&mut browser, email).await);
    }
    assert_eq!(browser.userinfo().await.json()["email"], "bob@example.com");
    lost.pop();
    for session in lost {
        browser.cookies.insert("session".to_owned(), session);
        assert_eq!(browser.userinfo().await.error().1, "invalid_grant");
    }
    assert_eq!(elsewhere.userinfo().await.json()["email"], "ada@example.com");
}

/// On a device that two people use, the second one took over what the first had done as a guest, and no
/// word was said.
#[tokio::test]
async fn whoever_signs_up_is_told_whose_the_guest_s_things_will_be() {
    for on_conflict in [OnConflict::Error, OnConflict::Login] {
        let site = Site::with(|policy| policy.anonymous.on_conflict = on_conflict);
        let mut browser = Browser::new(&site);
        let page = browser.authorize(&[("response_type", "none"), ("x_page", "signup")]).await;
        let note = "What was done in this browser without an account will belong to";
        assert!(!browser.get(&page).await.body.contains(note), "nothing was done");
        browser.become_guest().await;
        let shown = browser.get(&page).await.body;
        assert!(shown.contains(note), "{on_conflict:?}: {shown}");
    }
}
