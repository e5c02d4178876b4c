//! What a policy may say: each value up to its edge, and not beyond.

use guestpass::Policy;
use guestpass::rules::{ApplicationType, Bucket, ClientPolicy, OnConflict};

/// The key of the value that cannot be, if there is one.
fn refused(change: impl FnOnce(&mut Policy)) -> Option<String> {
    let mut policy = Policy {
        clients: vec![ClientPolicy::new("app", ApplicationType::Native)],
        ..Policy::default()
    };
    assert_eq!(policy.check(), Ok(()));
    change(&mut policy);
    policy.check().err().map(|error| error.key().to_owned())
}

/// Ten years of 365 days.
const MOST_SECONDS: u64 = 315_360_000;

#[test]
fn times_are_one_second_to_ten_years() {
    type Time = fn(&mut Policy) -> &mut u64;
    let times: [(&str, Time); 5] = [
        ("session.lifetime_seconds", |policy| &mut policy.session.lifetime_seconds),
        ("session.idle_timeout_seconds", |policy| &mut policy.session.idle_timeout_seconds),
        ("clients[0].access_token_lifetime_seconds", |policy| {
            &mut policy.clients[0].access_token_lifetime_seconds
        }),
        ("clients[0].refresh_token_lifetime_seconds", |policy| {
            &mut policy.clients[0].refresh_token_lifetime_seconds
        }),
        ("clients[0].refresh_token_idle_timeout_seconds", |policy| {
            &mut policy.clients[0].refresh_token_idle_timeout_seconds
        }),
    ];
    for (key, time) in times {
        for good in [1, MOST_SECONDS] {
            assert_eq!(refused(|policy| *time(policy) = good), None, "{key} = {good}");
        }
        for wrong in [0, MOST_SECONDS + 1, u64::MAX] {
            assert_eq!(refused(|policy| *time(policy) = wrong).as_deref(), Some(key), "{wrong}");
        }
    }
}

#[test]
fn a_limit_has_a_period_and_a_burst() {
    type Limit = fn(&mut Policy) -> &mut Bucket;
    let limits: [(&str, Limit); 4] = [
        ("rate_limits.signup_anonymous.per_ip", |policy| {
            &mut policy.rate_limits.signup_anonymous.per_ip
        }),
        ("rate_limits.password.per_ip", |policy| &mut policy.rate_limits.password.per_ip),
        ("rate_limits.password.per_login_id_per_ip", |policy| {
            &mut policy.rate_limits.password.per_login_id_per_ip
        }),
        ("rate_limits.password.per_login_id", |policy| {
            &mut policy.rate_limits.password.per_login_id
        }),
    ];
    for (key, limit) in limits {
        for good in [Bucket::new(1, 1), Bucket::new(u32::MAX, MOST_SECONDS)] {
            assert_eq!(refused(|policy| *limit(policy) = good), None, "{key}");
        }
        for wrong in [Bucket::new(1, 0), Bucket::new(0, 1), Bucket::new(1, MOST_SECONDS + 1)] {
            assert_eq!(refused(|policy| *limit(policy) = wrong).as_deref(), Some(key));
        }
    }
}

#[test]
fn the_names_of_cookies_begin_with_what_a_name_may_have() {
    let prefix = |prefix: &str| refused(|policy| policy.http.cookie_prefix = prefix.to_owned());
    for good in ["", "my_App2", &"x".repeat(32)] {
        assert_eq!(prefix(good), None, "{good}");
    }
    for wrong in ["a-b", "ä", "a b", &"x".repeat(33), &"-".repeat(33), &"x".repeat(34)] {
        assert_eq!(prefix(wrong).as_deref(), Some("http.cookie_prefix"), "{wrong}");
    }
}

#[test]
fn a_client_has_at_most_a_hundred_sessions() {
    let most = |most| refused(|policy| policy.clients[0].max_concurrent_session = most);
    assert_eq!(most(100), None);
    assert_eq!(most(101).as_deref(), Some("clients[0].max_concurrent_session"));
    assert_eq!(most(u32::MAX).as_deref(), Some("clients[0].max_concurrent_session"));
}

#[test]
fn a_client_comes_back_to_an_absolute_uri() {
    type Uris = fn(&mut Policy) -> &mut Vec<String>;
    let uris: [(&str, Uris); 2] = [
        ("clients[0].redirect_uris", |policy| &mut policy.clients[0].redirect_uris),
        ("clients[0].post_logout_redirect_uris", |policy| {
            &mut policy.clients[0].post_logout_redirect_uris
        }),
    ];
    let long = |length: usize| format!("https://a/{}", "b".repeat(length - 10));
    for (key, uris) in uris {
        for good in ["https://a/b", "a2+b-c.d:e", &long(1024)] {
            assert_eq!(refused(|policy| uris(policy).push(good.to_owned())), None, "{good}");
        }
        for wrong in ["a", "2a:b", "A:b", "a_b:c", "data:b", "https:", "http:///a", &long(1025)] {
            let told = refused(|policy| uris(policy).push(wrong.to_owned()));
            assert_eq!(told.as_deref(), Some(key), "{wrong}");
        }
    }
}

#[test]
fn an_unset_time_is_what_the_manual_says() {
    let (policy, client) = (Policy::default(), ClientPolicy::new("app", ApplicationType::Native));
    let weeks_52 = 31_449_600;
    let days_30 = 2_592_000;
    assert_eq!(policy.session.lifetime_seconds, weeks_52);
    assert_eq!(policy.session.idle_timeout_seconds, days_30);
    assert_eq!(client.refresh_token_lifetime_seconds, weeks_52);
    assert_eq!(client.refresh_token_idle_timeout_seconds, days_30);
    assert_eq!(client.access_token_lifetime_seconds, 1800);
    let text = "[[clients]]\nclient_id = \"app\"\napplication_type = \"native\"";
    assert_eq!(Policy::from_toml(text).unwrap().clients, [client]);
}

#[test]
fn the_file_that_the_readme_shows_is_read() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("## Configuration").unwrap();
    let (_, rest) = rest.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let policy = Policy::from_toml(text).unwrap();
    policy.check().unwrap();
    assert_eq!(policy.anonymous.on_conflict, OnConflict::Error);
    assert_eq!(policy.rate_limits.password.per_ip.burst, 20);
    assert_eq!(policy.clients[0].client_id, "web");
}
