//! What people do: write first, sign up later, come back.

use super::{Browser, Folder, PASSWORD, begin_log_in, begin_sign_up, enter, post, sub};

#[test]
fn a_guest_keeps_everything_by_signing_up() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);

    let page = post(&mut browser, "Hello from somebody new");
    assert_eq!(page.own_messages(), ["Hello from somebody new"]);
    assert!(page.body.contains("You are a guest"), "{page:?}");
    let guest = sub(&mut browser).unwrap();

    let mut browser = browser.reopened_at(&site);
    assert_eq!(sub(&mut browser).as_ref(), Some(&guest));
    let form = browser.open("/preferences").form("/preferences");
    let page = browser.submit(&form, &[("display_name", "Ada"), ("colour", "plum")]);
    assert!(page.body.contains("Saved."), "{page:?}");

    let page = begin_sign_up(&mut browser);
    let page = enter(&mut browser, &page, "ada@example.com", PASSWORD);
    assert_eq!((page.status, page.own_messages()), (200, vec!["Hello from somebody new"]));
    assert!(page.body.contains("Welcome."), "{page:?}");
    assert!(page.body.contains("You have an account"), "{page:?}");
    assert!(page.body.contains("<bdi class=\"name plum\">Ada</bdi>"), "{page:?}");
    assert_eq!(sub(&mut browser).as_ref(), Some(&guest));

    let form = browser.open("/").form("/log-out");
    let page = browser.submit(&form, &[]);
    assert_eq!((page.own_messages().len(), page.messages().len()), (0, 1));
    assert_eq!(sub(&mut browser), None);

    let page = begin_log_in(&mut browser);
    let page = enter(&mut browser, &page, "ada@example.com", PASSWORD);
    assert_eq!(page.own_messages(), ["Hello from somebody new"]);
    assert_eq!(sub(&mut browser), Some(guest));
}

#[test]
fn a_visit_makes_nobody() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    for path in ["/", "/preferences", "/after-promote", "/sdk", "/healthz", "/nowhere"] {
        browser.open(path);
        assert!(!browser.has_cookies(), "{path}");
    }
    assert!(browser.open("/").body.contains("Be our guest"));
}

#[test]
fn choosing_a_name_is_enough_to_become_a_guest() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let form = browser.open("/preferences").form("/preferences");
    browser.submit(&form, &[("display_name", "Grace"), ("colour", "")]);
    let page = post(&mut browser, "hello");
    assert!(page.body.contains("Grace</bdi>"), "{page:?}");
}

#[test]
fn a_guest_who_logs_in_brings_everything_along() {
    let folder = Folder::new();
    let site = folder.start();
    let mut first = Browser::at(&site);
    post(&mut first, "at home");
    let page = begin_sign_up(&mut first);
    enter(&mut first, &page, "ada@example.com", PASSWORD);
    let account = sub(&mut first);

    let mut second = Browser::at(&site);
    post(&mut second, "on the way");
    let form = second.open("/preferences").form("/preferences");
    second.submit(&form, &[("display_name", "Ada"), ("colour", "moss")]);
    let page = begin_log_in(&mut second);
    let page = enter(&mut second, &page, "ada@example.com", PASSWORD);
    assert_eq!(page.own_messages(), ["on the way", "at home"]);
    assert!(page.body.contains("<bdi class=\"name moss\">Ada</bdi>"), "{page:?}");
    assert_eq!(sub(&mut second), account);
}

#[test]
fn signing_up_with_an_address_that_one_has_is_logging_in() {
    let folder = Folder::new();
    let site = folder.start();
    let mut first = Browser::at(&site);
    post(&mut first, "at home");
    let page = begin_sign_up(&mut first);
    enter(&mut first, &page, "ada@example.com", PASSWORD);

    let mut second = Browser::at(&site);
    post(&mut second, "on the way");
    let guest = sub(&mut second);
    let page = begin_sign_up(&mut second);
    let page = enter(&mut second, &page, "ada@example.com", "not the password");
    assert!(page.alert().is_some(), "{page:?}");
    assert_eq!(sub(&mut second), guest, "the guest stays usable");
    let page = enter(&mut second, &page, "ada@example.com", PASSWORD);
    assert_eq!(page.own_messages(), ["on the way", "at home"]);
}

#[test]
fn a_member_changes_the_password_and_other_browsers_log_in_anew() {
    const OTHER: &str = "another long password";
    let folder = Folder::new();
    let site = folder.start();
    let [mut first, mut second] = [(); 2].map(|()| Browser::at(&site));
    post(&mut first, "hello");
    let page = begin_sign_up(&mut first);
    enter(&mut first, &page, "ada@example.com", PASSWORD);
    let page = begin_log_in(&mut second);
    enter(&mut second, &page, "ada@example.com", PASSWORD);

    let account = first.open("/").link("Account");
    let page = first.open(&account);
    assert!(page.body.contains("ada@example.com"), "{page:?}");
    let form = page.form("/account/password");
    let page = first.submit(&form, &[("old", "not the password"), ("new", OTHER)]);
    assert_eq!((page.status, page.alert()), (403, Some("The old password is wrong.")));
    let page = first.submit(&form, &[("old", PASSWORD), ("new", "short")]);
    assert_eq!(page.status, 422);
    assert!(page.alert().unwrap().contains("at least 8"), "{page:?}");
    assert!(sub(&mut second).is_some(), "nothing has changed");
    let page = first.submit(&form, &[("old", PASSWORD), ("new", OTHER)]);
    assert!(page.body.contains("Your password is changed."), "{page:?}");
    assert!(sub(&mut first).is_some());

    assert_eq!(sub(&mut second), None);
    assert!(second.open("/").body.contains("Your session is over"));
    let page = second.open("/account");
    let page = enter(&mut second, &page, "ada@example.com", OTHER);
    assert_eq!(page.status, 200);
    assert_eq!(sub(&mut second), sub(&mut first));
}

#[test]
fn a_member_deletes_the_account_and_what_it_wrote() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    post(&mut Browser::at(&site), "theirs");
    post(&mut browser, "mine");
    let page = begin_sign_up(&mut browser);
    enter(&mut browser, &page, "ada@example.com", PASSWORD);

    let form = browser.open("/account").form("/account/delete");
    let asked = browser.submit(&form, &[]);
    assert!(asked.body.contains("Delete the account?"), "{asked:?}");
    assert_eq!(browser.open("/").messages().len(), 2);
    let page = browser.submit(&asked.form("/account/delete"), &[]);
    assert_eq!(page.messages(), ["theirs"]);
    assert!(page.body.contains("Be our guest"), "{page:?}");
    let page = begin_log_in(&mut browser);
    let page = enter(&mut browser, &page, "ada@example.com", PASSWORD);
    assert!(page.alert().is_some(), "{page:?}");
}

/// Tabs share their cookies.
#[test]
fn a_form_about_an_account_that_was_left_does_nothing_to_the_next_one() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let sign_up = |browser: &mut Browser, name: &str| {
        post(browser, &format!("by {name}"));
        let page = begin_sign_up(browser);
        enter(browser, &page, &format!("{name}@example.com"), PASSWORD);
    };
    sign_up(&mut browser, "ada");
    let account = browser.open("/account");
    let end = browser.submit(&account.form("/account/delete"), &[]);
    let log_out = browser.open("/").form("/log-out");
    browser.submit(&log_out, &[]);
    sign_up(&mut browser, "grace");

    let page = browser.submit(&end.form("/account/delete"), &[]);
    assert_eq!(page.status, 409, "{page:?}");
    let passwords = [("old", PASSWORD), ("new", "another long password")];
    let page = browser.submit(&account.form("/account/password"), &passwords);
    assert_eq!(page.status, 409, "{page:?}");
    assert_eq!(browser.open("/").own_messages(), ["by grace"]);
}

#[test]
fn nobody_but_a_member_has_an_account_to_see() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    assert!(browser.open("/account").body.contains("Log in"));
    post(&mut browser, "hello");
    let page = browser.open("/account");
    assert_eq!((page.status, page.own_messages()), (200, vec!["hello"]));
}

#[test]
fn a_guest_who_logs_out_is_warned_first() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let form = post(&mut browser, "hello").form("/log-out");
    let guest = sub(&mut browser);
    let warning = browser.submit(&form, &[]);
    assert!(warning.body.contains("Leave this guest behind?"), "{warning:?}");
    assert_eq!(sub(&mut browser), guest);
    let page = browser.submit(&warning.form("/log-out"), &[]);
    assert!(page.body.contains("Be our guest"), "{page:?}");
    assert_eq!(page.messages(), ["hello"]);
}

#[test]
fn the_wall_has_pages() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    for number in 0..25 {
        post(&mut browser, &format!("message {number}"));
    }
    let page = browser.open("/");
    assert_eq!((page.messages().len(), page.messages()[0]), (20, "message 24"));
    let page = browser.open(&page.link("Older messages"));
    assert_eq!((page.messages().len(), page.messages()[4]), (5, "message 0"));
}

#[test]
fn a_script_with_an_access_token_is_the_same_person() {
    let folder = Folder::new();
    let site = folder.start();
    let mut script = Browser::at(&site);
    let json = ("content-type", "application/json");
    let asked = r#"{"session_type":"refresh_token","client_id":"web"}"#;
    let answer = script.request("POST", "/api/anonymous_user/signup", &[json], asked);
    let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let bearer = format!("Bearer {}", answer["result"]["access_token"].as_str().unwrap());
    let bearer = ("authorization", bearer.as_str());
    let posted =
        script.request("POST", "/api/messages", &[json, bearer], r#"{"text":"by script"}"#);
    assert_eq!(posted.status, 201, "{posted:?}");
    let wall = script.request("GET", "/api/messages", &[bearer], "");
    let wall: serde_json::Value = serde_json::from_str(&wall.body).unwrap();
    assert_eq!(wall["messages"][0]["text"], "by script");
    assert_eq!(wall["messages"][0]["is_own"], true);
    assert_eq!(Browser::at(&site).open("/").messages(), ["by script"]);
}
