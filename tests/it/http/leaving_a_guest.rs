//! A guest who has an account already, where the policy joins no guest to one, leaves the guest and logs in.

use guestpass::model::{EventCursor, EventKind};
use guestpass::rules::OnConflict;
use http::StatusCode;

use super::site::{Answer, Browser, ORIGIN_URL, PASSWORD, Site, code_hint, form, sub_of, with};

const ADA: &str = "ada@example.com";
const BOX: &str = "name=\"leave_guest\"";

/// A guest, by a cookie, who is to log in where Ada has an account, and the address of the page.
async fn at_the_log_in_page(site: &Site) -> (Browser<'_>, String, String) {
    site.regular(ADA).await;
    let mut browser = Browser::new(site);
    let guest = browser.become_guest().await;
    let page = browser.authorize(&[("response_type", "none")]).await;
    (browser, guest, page)
}

/// Sends the form of the log-in page with the box as it is said.
async fn log_in(browser: &mut Browser<'_>, page: &str, password: &str, leaves: &str) -> Answer {
    let path = page.strip_prefix(ORIGIN_URL).unwrap_or(page);
    let fields = [("email", ADA), ("password", password), ("leave_guest", leaves)];
    browser.ask(with(form(path, &fields), "origin", ORIGIN_URL)).await
}

/// Whoever signed up with the e-mail address of their own account was told to log in, and the log-in page
/// refused them for being a guest: nothing was left but to lose the guest unasked, by logging out.
#[tokio::test]
async fn a_guest_with_a_cookie_leaves_it_by_choice_and_logs_in() {
    let site = Site::new();
    site.regular(ADA).await;
    let mut browser = Browser::new(&site);
    let guest = browser.become_guest().await;
    let page = browser.authorize(&[("response_type", "none"), ("x_page", "signup")]).await;
    let taken = browser.submit(&page, ADA, "not the password").await;
    assert!(taken.alert().unwrap().contains("log in to it"), "{}", taken.body);
    assert!(!taken.body.contains(BOX), "nothing is left by signing up");

    let page = page.replace("/signup", "/login");
    let shown = browser.get(&page).await.body;
    assert!(shown.contains(BOX) && shown.contains("does not come along"), "{shown}");
    assert!(!shown.contains("checked"), "nobody has chosen yet");
    let session = browser.cookies["session"].clone();
    for unticked in ["", "on", "false"] {
        let refused = log_in(&mut browser, &page, PASSWORD, unticked).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{unticked}");
        assert!(refused.alert().unwrap().contains("choose to leave the guest"));
    }
    assert_eq!(browser.sub().await, guest);

    let done = log_in(&mut browser, &page, PASSWORD, "true").await;
    assert_eq!(done.parameter("error"), None);
    assert_eq!(browser.userinfo().await.json()["email"], ADA);
    assert_ne!(browser.sub().await, guest, "nothing was joined");
    browser.cookies.insert("session".to_owned(), session);
    assert_eq!(browser.userinfo().await.error().1, "invalid_grant", "the guest's session is over");
}

#[tokio::test]
async fn a_log_in_that_fails_leaves_nobody() {
    let site = Site::new();
    let (mut browser, guest, page) = at_the_log_in_page(&site).await;
    let wrong = log_in(&mut browser, &page, "not the password", "true").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert_eq!(wrong.set_cookies(), Vec::<&str>::new());
    assert!(wrong.body.contains("required checked>"), "the choice stands: {}", wrong.body);
    assert_eq!(browser.sub().await, guest);
}

#[tokio::test]
async fn a_page_elsewhere_makes_nobody_leave_a_guest() {
    let site = Site::new();
    let (mut browser, guest, page) = at_the_log_in_page(&site).await;
    let path = page.strip_prefix(ORIGIN_URL).unwrap().to_owned();
    let fields = [("email", ADA), ("password", PASSWORD), ("leave_guest", "true")];
    let foreign = with(form(&path, &fields), "origin", "https://evil.example");
    assert_eq!(browser.ask(foreign).await.status, StatusCode::FORBIDDEN);
    let read = format!("{path}&leave_guest=true&email={ADA}&password={PASSWORD}").replace(' ', "+");
    let shown = browser.get(&read).await;
    assert!(!shown.body.contains("checked"), "an address makes no choice");
    assert_eq!(browser.sub().await, guest);
}

/// The application has the guest's tokens until it has redeemed the code, which may never happen.
#[tokio::test]
async fn with_tokens_the_guest_stays_the_application_s() {
    let site = Site::new();
    let ada = site.regular(ADA).await;
    let ada = sub_of(&site.userinfo(&ada.access).await);
    let guest = site.guest().await;
    let hint = code_hint(&site.promotion_code(&guest.refresh).await);
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[("login_hint", &hint), ("x_page", "login")]).await;
    assert!(browser.get(&page).await.body.contains("You came here as a guest"));
    assert_eq!(browser.submit(&page, ADA, PASSWORD).await.status, StatusCode::CONFLICT);
    let done = log_in(&mut browser, &page, PASSWORD, "true").await;
    let code = done.parameter("code").unwrap();
    let tokens = site.redeem("web", super::site::REDIRECT_URI, &code).await.json();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(sub_of(&site.userinfo(access).await), ada);
    assert_eq!(site.refresh("web", &guest.refresh).await.status, StatusCode::OK);
}

/// Whoever is joined to the account loses nothing, and whoever is no guest has nobody to leave.
#[tokio::test]
async fn only_a_guest_that_cannot_be_joined_is_left() {
    let site = Site::with(|policy| policy.anonymous.on_conflict = OnConflict::Login);
    let ada = site.regular(ADA).await;
    let ada = sub_of(&site.userinfo(&ada.access).await);
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[("response_type", "none")]).await;
    assert!(!browser.get(&page).await.body.contains(BOX), "nobody");
    let guest = browser.become_guest().await;
    assert!(!browser.get(&page).await.body.contains(BOX), "a guest who is joined");
    log_in(&mut browser, &page, PASSWORD, "true").await.location();
    assert_eq!(browser.sub().await, ada);
    let events = site.engine().events(EventCursor::START, 100).await.unwrap();
    let merged = events.iter().any(|(_, event)| {
        event.user.to_string() == guest && matches!(event.kind, EventKind::Merged { .. })
    });
    assert!(merged, "joined all the same");
}

/// The choice is no way to ask whether somebody has an account.
#[tokio::test]
async fn the_choice_tells_nothing_about_a_login_id() {
    for response_type in ["none", "code"] {
        let ask = async |is_taken: bool| {
            let site = Site::new();
            if is_taken {
                site.regular(ADA).await;
            }
            let mut browser = Browser::new(&site);
            let page = if response_type == "none" {
                browser.become_guest().await;
                browser.authorize(&[("response_type", "none")]).await
            } else {
                let hint = code_hint(&site.promotion_code(&site.guest().await.refresh).await);
                browser.authorize(&[("login_hint", &hint), ("x_page", "login")]).await
            };
            let id = page.rsplit('=').next().unwrap().to_owned();
            let mut seen = vec![browser.get(&page).await];
            for leaves in ["", "true"] {
                seen.push(log_in(&mut browser, &page, "not the password", leaves).await);
            }
            let seen = seen.into_iter().map(|one| (one.status, one.body.replace(&id, "ID")));
            seen.collect::<Vec<_>>()
        };
        assert_eq!(ask(true).await, ask(false).await, "{response_type}");
    }
}
