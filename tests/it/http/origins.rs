//! Which origins may read what.

use http::{Method, StatusCode};

use super::site::{Answer, Browser, Site, bare, get, json, with};

const SHARED: [(&str, Method); 6] = [
    ("/api/anonymous_user/signup", Method::POST),
    ("/api/anonymous_user/promotion_code", Method::POST),
    ("/oauth2/challenge", Method::POST),
    ("/oauth2/token", Method::POST),
    ("/oauth2/userinfo", Method::GET),
    ("/oauth2/revoke", Method::POST),
];

fn shared_with(answer: &Answer) -> (Option<&str>, Option<&str>) {
    (
        answer.header("access-control-allow-origin"),
        answer.header("access-control-allow-credentials"),
    )
}

fn preflight(path: &str, origin: &str) -> http::Request<Vec<u8>> {
    let request = with(bare(Method::OPTIONS, path), "origin", origin);
    let request = with(request, "access-control-request-method", "POST");
    with(request, "access-control-request-headers", "authorization,content-type")
}

#[tokio::test]
async fn a_listed_origin_may_ask_and_read_with_credentials() {
    let site =
        Site::with(|policy| policy.http.allowed_origins = vec!["https://b.example".to_owned()]);
    for origin in ["http://localhost:3000", "https://app.example.com", "https://b.example"] {
        for (path, method) in SHARED {
            let asked = site.ask(preflight(path, origin)).await;
            assert_eq!(asked.status, StatusCode::OK);
            assert_eq!(shared_with(&asked), (Some(origin), Some("true")), "{path}");
            assert_eq!(asked.header("access-control-allow-methods"), Some("POST"));
            assert_eq!(
                asked.header("access-control-allow-headers"),
                Some("authorization,content-type")
            );
            assert_eq!(asked.header("access-control-max-age"), Some("900"));
            assert_eq!(asked.header("vary"), Some("Origin"));
            // Also the answer to a bad request, or a script could not read why.
            let answer = site.ask(with(bare(method, path), "origin", origin)).await;
            assert_eq!(shared_with(&answer), (Some(origin), Some("true")), "{path}");
        }
    }
}

#[tokio::test]
async fn another_origin_gets_no_permission_at_all() {
    let site = Site::new();
    for origin in
        ["https://evil.example", "null", "http://localhost:3001", "com.example.app://callback"]
    {
        for (path, method) in SHARED {
            let asked = site.ask(preflight(path, origin)).await;
            assert_eq!(asked.status, StatusCode::OK, "OPTIONS is always answered");
            let answer = site.ask(with(bare(method, path), "origin", origin)).await;
            for answer in [asked, answer] {
                assert_eq!(answer.header("vary"), Some("Origin"));
                let names = answer.parts.headers.keys();
                let allowed = names.filter(|name| name.as_str().starts_with("access-control-"));
                assert_eq!(allowed.count(), 0, "{path} {origin}");
            }
        }
    }
}

#[tokio::test]
async fn discovery_and_keys_are_everybody_s_without_credentials() {
    let site = Site::new();
    for path in ["/.well-known/openid-configuration", "/oauth2/jwks"] {
        let request = with(bare(Method::GET, path), "origin", "https://evil.example");
        assert_eq!(shared_with(&site.ask(request).await), (Some("*"), None));
        assert_eq!(
            shared_with(&site.ask(preflight(path, "https://evil.example")).await),
            (Some("*"), None)
        );
    }
}

#[tokio::test]
async fn pages_and_the_resolver_are_for_no_script() {
    let site = Site::new();
    for path in
        ["/oauth2/authorize", "/oauth2/signup", "/oauth2/login", "/oauth2/end_session", "/resolve"]
    {
        for origin in ["http://localhost:3000", "https://app.example.com"] {
            let answer = site.ask(preflight(path, origin)).await;
            assert_eq!(
                (answer.status, shared_with(&answer)),
                (StatusCode::OK, (None, None)),
                "{path}"
            );
        }
    }
}

/// The redirect URIs of every client were listed origins. A partner, which may not act for people, could
/// read with their cookies who visited its pages, and ask for a code to their account.
#[tokio::test]
async fn a_client_that_may_not_act_for_people_lists_no_origin() {
    const PARTNER: &str = "https://partner.example";
    for client in [2, 3] {
        let site = Site::with(|policy| {
            policy.clients[client].redirect_uris = vec![format!("{PARTNER}/cb")];
        });
        let mut browser = Browser::new(&site);
        browser.become_guest().await;
        let answer = browser.ask(with(get("/oauth2/userinfo"), "origin", PARTNER)).await;
        assert_eq!(shared_with(&answer), (None, None));
        let code = json("/api/anonymous_user/promotion_code", r#"{"session_type":"cookie"}"#);
        let answer = browser.ask(with(code, "origin", PARTNER)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    }
}
