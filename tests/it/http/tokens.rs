//! The token and revocation endpoints.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::site::{
    Browser, ORIGIN_URL, PASSWORD, REDIRECT_URI, Site, Tokens, VERIFIER, authorization, form, get,
    parameter, sub_of, with, with_bearer,
};

/// A code for a new regular user.
async fn code(site: &Site, email: &str) -> String {
    let mut browser = Browser::new(site);
    let page = browser.authorize(&[("x_page", "signup")]).await;
    browser.submit(&page, email, PASSWORD).await.parameter("code").unwrap()
}

fn invalid_grant(answer: &super::site::Answer) -> bool {
    let (status, code, _) = answer.error();
    (status, code.as_str()) == (StatusCode::BAD_REQUEST, "invalid_grant")
}

#[tokio::test]
async fn refreshing_gives_a_new_access_token_and_keeps_the_refresh_token() {
    let site = Site::new();
    let guest = site.guest().await;
    let answer = site.refresh("web", &guest.refresh).await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();
    assert_eq!(body["refresh_token"], Value::Null);
    assert_eq!(
        (body["token_type"].as_str(), body["expires_in"].as_u64()),
        (Some("Bearer"), Some(1800))
    );
    assert!(body["id_token"].is_string());
    let sub = sub_of(&site.userinfo(body["access_token"].as_str().unwrap()).await);
    assert_eq!(sub, sub_of(&site.userinfo(&guest.access).await));
}

#[tokio::test]
async fn a_refresh_token_that_is_over_is_an_invalid_grant() {
    let site = Site::with(|policy| policy.clients[0].refresh_token_lifetime_seconds = 3600);
    let guest = site.guest().await;
    assert!(invalid_grant(&site.refresh("web", &"A".repeat(43)).await));
    assert!(invalid_grant(&site.refresh("web", "nonsense").await));
    assert!(invalid_grant(&site.refresh("web", &guest.access).await));
    site.clock.advance(Duration::from_secs(3600));
    assert!(invalid_grant(&site.refresh("web", &guest.refresh).await));
}

#[tokio::test]
async fn another_client_s_refresh_token_is_refused_without_ending_it() {
    let site = Site::new();
    let guest = site.guest().await;
    assert_eq!(site.refresh("native", &guest.refresh).await.error().1, "invalid_request");
    assert_eq!(site.refresh("web", &guest.refresh).await.status, StatusCode::OK);
    assert_eq!(site.refresh("nobody", &guest.refresh).await.error().1, "invalid_client");
}

#[tokio::test]
async fn a_disabled_guest_is_denied_and_keeps_its_session() {
    let site = Site::new();
    let guest = site.guest().await;
    let user = sub_of(&site.userinfo(&guest.access).await).parse().unwrap();
    site.engine().disable(user).await.unwrap();
    assert_eq!(site.refresh("web", &guest.refresh).await.error().1, "access_denied");
    let info = site.userinfo(&guest.access).await.error();
    assert_eq!((info.0, info.1.as_str()), (StatusCode::FORBIDDEN, "access_denied"));
    site.engine().enable(user).await.unwrap();
    assert_eq!(site.refresh("web", &guest.refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_cookie_s_token_is_no_refresh_token() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    let cookie = browser.cookies["session"].clone();
    let answer = site.refresh("web", &cookie).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    let guest = site.guest().await;
    let request = with(get("/oauth2/userinfo"), "cookie", &format!("session={}", guest.refresh));
    assert_eq!(site.ask(request).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(site.userinfo(&guest.refresh).await.error().1, "invalid_token");
}

#[tokio::test]
async fn a_code_without_offline_access_yields_working_tokens() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[("scope", "openid"), ("x_page", "signup")]).await;
    let done = browser.submit(&page, "ada@example.com", PASSWORD).await;
    let answer = site.redeem("web", REDIRECT_URI, &done.parameter("code").unwrap()).await;
    let tokens = Tokens::of(&answer.json());
    assert_eq!(site.userinfo(&tokens.access).await.json()["email"], "ada@example.com");
}

#[tokio::test]
async fn a_code_works_once_and_its_second_use_ends_what_the_first_opened() {
    let site = Site::new();
    let code = code(&site, "ada@example.com").await;
    let first = site.redeem("web", REDIRECT_URI, &code).await;
    assert_eq!(first.status, StatusCode::OK);
    let tokens = Tokens::of(&first.json());
    assert!(invalid_grant(&site.redeem("web", REDIRECT_URI, &code).await));
    assert!(invalid_grant(&site.refresh("web", &tokens.refresh).await));
}

#[tokio::test]
async fn a_code_is_bound_to_client_redirect_uri_and_verifier() {
    let site = Site::new();
    let code = code(&site, "ada@example.com").await;
    assert!(invalid_grant(&site.redeem("native", REDIRECT_URI, &code).await));
    assert!(invalid_grant(&site.redeem("web", "http://localhost:3000/", &code).await));
    assert!(invalid_grant(&site.redeem("web", REDIRECT_URI, "nonsense").await));
    let exchange = async |verifier: &str| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", "web"),
            ("redirect_uri", REDIRECT_URI),
            ("code", code.as_str()),
            ("code_verifier", verifier),
        ];
        site.post_form("/oauth2/token", &fields).await
    };
    assert_eq!(exchange("").await.error().1, "invalid_request");
    let other = VERIFIER.replace('a', "b");
    for wrong in
        ["a".repeat(42), "a".repeat(129), "ä".repeat(43), other, super::site::code_challenge()]
    {
        assert!(invalid_grant(&exchange(&wrong).await), "{wrong}");
    }
    assert_eq!(exchange(VERIFIER).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_expires() {
    let site = Site::new();
    let code = code(&site, "ada@example.com").await;
    site.clock.advance(Duration::from_secs(301));
    assert!(invalid_grant(&site.redeem("web", REDIRECT_URI, &code).await));
}

#[tokio::test]
async fn an_id_token_is_renewed_by_access_token_and_by_cookie() {
    const GRANT: &str = "urn:authgear:params:oauth:grant-type:id-token";
    let site = Site::new();
    let fields = [("grant_type", GRANT), ("client_id", "web")];
    let guest = site.guest().await;
    let request = with_bearer(form("/oauth2/token", &fields), &guest.access);
    let answer = site.ask(request).await;
    let claims =
        site.engine().id_token_claims(answer.json()["id_token"].as_str().unwrap()).unwrap();
    assert_eq!(claims["sub"], sub_of(&site.userinfo(&guest.access).await));
    assert_eq!(answer.json()["access_token"], Value::Null);

    let mut browser = Browser::new(&site);
    let sub = browser.become_guest().await;
    let answer = browser.ask(form("/oauth2/token", &fields)).await;
    let claims =
        site.engine().id_token_claims(answer.json()["id_token"].as_str().unwrap()).unwrap();
    assert_eq!(
        (claims["sub"].as_str(), &claims["aud"][0]),
        (Some(sub.as_str()), &Value::from("web"))
    );
    let foreign = with(form("/oauth2/token", &fields), "origin", "https://evil.example");
    assert_eq!(browser.ask(foreign).await.error().1, "invalid_token");

    let other = [("grant_type", GRANT), ("client_id", "native")];
    let request = with_bearer(form("/oauth2/token", &other), &guest.access);
    assert_eq!(site.ask(request).await.error().1, "invalid_request");
    assert_eq!(site.post_form("/oauth2/token", &fields).await.error().0, StatusCode::UNAUTHORIZED);
}

/// The cookie comes along by itself: a page that the operator lets read answers, and that belongs to no client
/// or to another one, got what proves to the backend of this one who somebody is.
#[tokio::test]
async fn by_cookie_only_a_page_of_the_client_gets_its_id_token() {
    const GRANT: &str = "urn:authgear:params:oauth:grant-type:id-token";
    let app = "https://app.example.com";
    let site = Site::with(|policy| {
        policy.http.allowed_origins.push("https://blog.example.com".to_owned());
        let uris = ["https://app.example.com/after".to_owned()];
        policy.clients[0].redirect_uris.extend(uris);
    });
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    for (client, origin, status) in [
        ("web", Some(app), StatusCode::OK),
        ("web", Some(ORIGIN_URL), StatusCode::OK),
        ("web", None, StatusCode::OK),
        ("native", Some(ORIGIN_URL), StatusCode::OK),
        ("native", Some(app), StatusCode::FORBIDDEN),
        ("native", Some("https://blog.example.com"), StatusCode::FORBIDDEN),
        ("web", Some("https://blog.example.com"), StatusCode::FORBIDDEN),
    ] {
        let request = form("/oauth2/token", &[("grant_type", GRANT), ("client_id", client)]);
        let request = match origin {
            Some(origin) => with(request, "origin", origin),
            None => request,
        };
        let answer = browser.ask(request).await;
        assert_eq!(answer.status, status, "{client} at {origin:?}: {}", answer.body);
        assert_eq!(answer.json()["id_token"].is_string(), status.is_success());
    }
}

#[tokio::test]
async fn a_grant_that_is_none_of_ours_is_refused() {
    let site = Site::new();
    for grant in ["password", "client_credentials", "implicit"] {
        let fields = [("grant_type", grant), ("client_id", "web"), ("password", "x")];
        assert_eq!(
            site.post_form("/oauth2/token", &fields).await.error().1,
            "unsupported_grant_type"
        );
    }
    assert_eq!(site.post_form("/oauth2/token", &[]).await.error().1, "invalid_request");
    let twice = [("grant_type", "refresh_token"), ("grant_type", "password"), ("client_id", "web")];
    assert_eq!(site.post_form("/oauth2/token", &twice).await.error().1, "invalid_request");
    let mut request =
        form("/oauth2/token", &[("grant_type", "refresh_token"), ("client_id", "web")]);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    assert_eq!(site.ask(request).await.error().1, "invalid_request");
    let query = super::site::bare(
        http::Method::POST,
        "/oauth2/token?grant_type=refresh_token&client_id=web",
    );
    assert_eq!(site.ask(query).await.error().1, "invalid_request");
}

#[tokio::test]
async fn revoking_ends_the_session_of_either_token() {
    let site = Site::new();
    for by_access in [false, true] {
        let guest = site.guest().await;
        let token = if by_access { &guest.access } else { &guest.refresh };
        let answer = site.post_form("/oauth2/revoke", &[("token", token)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
        assert!(invalid_grant(&site.refresh("web", &guest.refresh).await));
        let info = site.userinfo(&guest.access).await;
        assert_eq!(
            (info.error().0, info.error().1.as_str()),
            (StatusCode::UNAUTHORIZED, "invalid_grant")
        );
    }
}

#[tokio::test]
async fn revoking_an_unknown_token_is_a_success() {
    let site = Site::new();
    for token in ["nonsense", &"A".repeat(43)] {
        assert_eq!(
            site.post_form("/oauth2/revoke", &[("token", token)]).await.status,
            StatusCode::OK
        );
    }
    assert_eq!(site.post_form("/oauth2/revoke", &[]).await.error().1, "invalid_request");
}

#[tokio::test]
async fn a_jwt_access_token_is_taken_like_an_opaque_one() {
    let site = Site::with(|policy| policy.clients[0].issue_jwt_access_token = true);
    let guest = site.guest().await;
    assert_eq!(guest.access.split('.').count(), 3);
    assert_eq!(site.userinfo(&guest.access).await.status, StatusCode::OK);
    site.post_form("/oauth2/revoke", &[("token", &guest.access)]).await;
    assert_eq!(site.userinfo(&guest.access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_state_comes_back_as_it_was() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let state = "a&code=x=y #\r\nSet-Cookie: evil=1 é";
    let page = browser.get(&authorization(&[("state", state), ("x_page", "signup")])).await;
    let page = page.location().to_owned();
    let done = browser.submit(&page, "ada@example.com", PASSWORD).await;
    assert_eq!(parameter(done.location(), "state").as_deref(), Some(state));
    assert!(!done.location().contains(['\r', '\n']));
    assert!(done.set_cookies().iter().all(|line| !line.contains("evil")));
}

#[tokio::test]
async fn the_nonce_of_the_request_is_in_the_id_token_of_its_code_alone() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[("x_page", "signup"), ("nonce", "n-0S6_WzA2Mj \"é")]).await;
    let done = browser.submit(&page, "ada@example.com", PASSWORD).await;
    let with_nonce = done.parameter("code").unwrap();
    let tokens = site.redeem("web", REDIRECT_URI, &with_nonce).await.json();
    let nonce = |body: &Value| {
        let claims = site.engine().id_token_claims(body["id_token"].as_str().unwrap()).unwrap();
        claims.get("nonce").cloned()
    };
    assert_eq!(nonce(&tokens), Some("n-0S6_WzA2Mj \"é".into()));
    let refreshed = site.refresh("web", tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(nonce(&refreshed.json()), None);

    let without = code(&site, "grace@example.com").await;
    assert_eq!(nonce(&site.redeem("web", REDIRECT_URI, &without).await.json()), None);
    let long = "n".repeat(257);
    let refused = browser.authorize(&[("nonce", &long)]).await;
    assert_eq!(parameter(&refused, "error").as_deref(), Some("invalid_request"));
}
