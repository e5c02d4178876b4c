//! What the site refuses, and that nothing typed is lost by it.

use std::time::Duration;

use super::{Browser, Folder, PASSWORD, begin_log_in, begin_sign_up, enter, post, sub};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[test]
fn a_message_that_does_not_fit_is_kept_in_the_box() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let long = "é".repeat(501);
    let page = post(&mut browser, &long);
    assert_eq!(page.status, 422);
    assert_eq!(page.alert(), Some("That is 501 characters. At most 500 fit."));
    assert!(page.body.contains(&format!("{long}</textarea>")));
    let page = post(&mut browser, " \r\n ");
    assert_eq!((page.status, page.alert()), (422, Some("Write something first.")));
    assert!(!browser.has_cookies(), "nobody is a guest by what was refused");
    assert_eq!(post(&mut browser, &"é".repeat(500)).messages().len(), 1);
}

#[test]
fn what_people_type_stays_text() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let form = browser.open("/preferences").form("/preferences");
    browser.submit(&form, &[("display_name", "<b>\"&'"), ("colour", "red\"><script>")]);
    let page = post(&mut browser, "</p><script>alert(1)</script>");
    assert!(!page.body.contains("<script"), "{page:?}");
    assert!(page.body.contains("&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;"), "{page:?}");
    assert!(page.body.contains("&lt;b&gt;&quot;&amp;&#39;"), "{page:?}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
}

#[test]
fn only_the_sites_own_pages_can_change_anything() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    post(&mut browser, "mine");
    let own = ("origin", site.origin.as_str());
    for headers in [
        vec![FORM],
        vec![FORM, ("origin", "null")],
        vec![FORM, ("origin", "http://localhost:1")],
        vec![FORM, ("sec-fetch-site", "same-site")],
    ] {
        let account = ["/account/password", "/account/delete"];
        for path in ["/", "/preferences", "/sign-up", "/log-out"].into_iter().chain(account) {
            let body = "message=theirs&display_name=theirs&sure=yes";
            let page = browser.request("POST", path, &headers, body);
            assert_eq!(page.status, 403, "{path} {headers:?}");
        }
    }
    assert_eq!(browser.open("/").own_messages(), ["mine"]);
    let page = browser.request("POST", "/", &[FORM, own], "message=more");
    assert_eq!(page.status, 303);
}

#[test]
fn with_a_cookie_the_api_takes_json_from_the_sites_own_pages_only() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    post(&mut browser, "mine");
    let json = ("content-type", "application/json");
    let own = ("origin", site.origin.as_str());
    let text = r#"{"text":"by script"}"#;
    let mut status = |headers: &[(&str, &str)], body: &str| {
        browser.request("POST", "/api/messages", headers, body).status
    };
    assert_eq!(status(&[json], text), 403);
    assert_eq!(status(&[json, ("origin", "http://localhost:1")], text), 403);
    let basic = ("authorization", "Basic dXNlcjpzZWNyZXQ=");
    assert_eq!(status(&[json, basic], text), 403, "browsers add this by themselves");
    assert_eq!(status(&[("content-type", "text/plain"), own], text), 415);
    assert_eq!(status(&[json, own], r#"{"text":""}"#), 422);
    assert_eq!(status(&[json, own], text), 201);
    let nobody = Browser::at(&site).request("POST", "/api/messages", &[json, own], text);
    assert_eq!(nobody.status, 401);
}

/// A person with an account, whose session has ended unnoticed, would otherwise write on as somebody
/// new, and find out later.
#[test]
fn nobody_becomes_a_new_guest_by_a_session_that_is_over() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let form = post(&mut browser, "as a guest").form("/");
    let mut other_window = browser.clone();
    let page = begin_sign_up(&mut browser);
    enter(&mut browser, &page, "ada@example.com", PASSWORD);

    let page = other_window.submit(&form, &[("message", "and more")]);
    assert_eq!(page.status, 401);
    assert!(page.alert().unwrap().starts_with("Your session is over."), "{page:?}");
    assert!(page.body.contains("and more</textarea>"), "{page:?}");
    assert_eq!(page.messages(), ["as a guest"]);
    let page = other_window.submit(&page.form("/"), &[("message", "and more")]);
    assert_eq!(page.own_messages(), ["and more"]);
    assert_ne!(sub(&mut other_window), sub(&mut browser));
}

/// Whoever logged out in one tab and posted in another, which still showed the account, wrote as somebody
/// new without a word.
#[test]
fn a_form_that_was_shown_to_somebody_else_is_not_taken() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let form = post(&mut browser, "as ada").form("/");
    let preferences = browser.open("/preferences").form("/preferences");
    let page = begin_sign_up(&mut browser);
    let page = enter(&mut browser, &page, "ada@example.com", PASSWORD);
    browser.submit(&form, &[("message", "still as ada")]);
    browser.submit(&page.form("/log-out"), &[]);

    let page = browser.submit(&form, &[("message", "and more")]);
    assert_eq!(page.status, 401);
    assert!(page.alert().unwrap().starts_with("Your session is over."), "{page:?}");
    assert!(page.body.contains("and more</textarea>"), "{page:?}");
    assert_eq!(page.messages(), ["still as ada", "as ada"]);
    let refused = browser.submit(&preferences, &[("display_name", "Ada"), ("colour", "")]);
    assert_eq!(refused.status, 401);
    assert!(refused.body.contains("value=\"Ada\""), "{refused:?}");
    assert!(!browser.has_cookies(), "nobody is a guest by what was refused");
    let page = browser.submit(&page.form("/"), &[("message", "as a guest")]);
    assert_eq!(page.own_messages(), ["as a guest"]);

    let page = browser.submit(&form, &[("message", "and more")]);
    assert_eq!(page.status, 409);
    assert!(page.alert().unwrap().starts_with("You are somebody else here"), "{page:?}");
    assert!(page.body.contains("and more</textarea>"), "{page:?}");
    let refused = browser.submit(&preferences, &[("display_name", "Ada"), ("colour", "")]);
    assert_eq!((refused.status, refused.alert()), (409, page.alert()));
    let page = browser.submit(&page.form("/"), &[("message", "as a guest")]);
    assert_eq!(page.own_messages(), ["as a guest", "as a guest"]);
}

#[test]
fn a_name_that_does_not_fit_is_where_the_keyboard_starts() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let form = browser.open("/preferences").form("/preferences");
    let page = browser.submit(&form, &[("display_name", &"é".repeat(41)), ("colour", "")]);
    assert_eq!(page.status, 422);
    let (_, field) = page.body.split_once("<input id=\"display_name\"").unwrap();
    let field = field.split('>').next().unwrap();
    for part in ["aria-invalid=\"true\"", "aria-describedby=\"alert name-hint\"", " autofocus"] {
        assert!(field.contains(part), "{part}: {page:?}");
    }
    assert!(page.body.contains("<p id=\"alert\""), "{page:?}");
}

#[test]
fn too_many_guests_from_one_address_are_asked_to_wait() {
    let folder = Folder::new();
    let limit = "[rate_limits.signup_anonymous.per_ip]\nperiod_seconds = 3600\nburst = 2\n";
    let site = folder.start_with(limit);
    for text in ["first", "second"] {
        assert_eq!(post(&mut Browser::at(&site), text).status, 200);
    }
    let page = post(&mut Browser::at(&site), "third");
    assert_eq!((page.status, page.header("retry-after")), (429, Some("60")));
    assert!(page.alert().unwrap().contains("Wait a minute"), "{page:?}");
    assert!(page.body.contains("third</textarea>"), "{page:?}");
}

#[test]
fn what_no_page_of_the_site_sends_is_answered_with_a_page_too() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let own = ("origin", site.origin.as_str());
    let large = format!("message={}", "a".repeat(256 * 1024));
    let answers = [
        (405, browser.request("GET", "/sign-up", &[], "")),
        (400, browser.request("GET", "/?before=1&before=2", &[], "")),
        (415, browser.request("POST", "/", &[own, ("content-type", "text/plain")], "hello")),
        (413, browser.request("POST", "/", &[own, FORM], &large)),
    ];
    for (status, page) in answers {
        assert_eq!(page.status, status);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{page:?}");
        assert!(page.alert().is_some() && page.body.contains("Back to the wall"), "{page:?}");
        assert!(page.header("content-security-policy").is_some(), "{page:?}");
        assert_eq!(page.header("allow").is_some(), status == 405, "{page:?}");
    }
}

/// Whoever pasted a whole file into the password was shown `{"error":"too_large"}`.
#[test]
fn a_password_that_is_too_long_to_be_read_is_answered_with_a_page() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let page = begin_log_in(&mut browser);
    let answer = enter(&mut browser, &page, "ada@example.com", &"x".repeat(200_000));
    assert_eq!(answer.status, 413);
    assert!(answer.alert().unwrap().contains("longer than can be"), "{answer:?}");
    assert!(answer.body.contains("Back to the wall"), "{answer:?}");
}

#[test]
fn without_guests_people_are_asked_to_log_in() {
    let folder = Folder::new();
    let site = folder.start_with("[anonymous]\nenabled = false\n");
    let page = post(&mut Browser::at(&site), "hello");
    assert_eq!(page.status, 403);
    assert!(page.alert().unwrap().contains("Log in first"), "{page:?}");
}

/// Whoever was deleted while the message was on its way was sent to the wall as if it were there.
#[test]
fn a_message_that_nobody_is_left_to_have_written_is_kept_in_the_box() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let form = post(&mut browser, "before").form("/");
    let guest = sub(&mut browser).unwrap();
    // As the site's own tables are for a moment: the deletion is there, and the session was asked before.
    let tables = rusqlite::Connection::open(folder.database()).unwrap();
    tables.busy_timeout(Duration::from_secs(10)).unwrap();
    let gone = "INSERT INTO guestbook_former (sub, successor) VALUES (?1, NULL)";
    tables.execute(gone, [guest]).unwrap();
    let page = browser.submit(&form, &[("message", "and more")]);
    assert_eq!(page.status, 401);
    assert!(page.alert().unwrap().contains("were deleted"), "{page:?}");
    assert!(page.body.contains("and more</textarea>"), "{page:?}");
    assert_eq!(page.messages(), ["before"]);
}
