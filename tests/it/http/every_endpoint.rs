//! What all endpoints have in common.

use guestpass::http::{Http, MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_TARGET_BYTES};
use http::{Method, StatusCode};

use super::site::{ORIGIN_URL, Site, bare, form, get, json, with};

fn methods() -> [Method; 7] {
    [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ]
}

#[tokio::test]
async fn nothing_but_public_documents_is_stored_by_a_cache() {
    let site = Site::new();
    for path in Http::routes().chain(["/nothing/here"]) {
        for method in methods() {
            let answer = site.ask(bare(method.clone(), path)).await;
            let expected = match (path, &method) {
                (
                    "/.well-known/openid-configuration" | "/oauth2/jwks",
                    &Method::GET | &Method::HEAD,
                ) => "public, max-age=300",
                ("/oauth2/style.css", &Method::GET | &Method::HEAD) => "public, max-age=3600",
                _ => "no-store",
            };
            assert_eq!(answer.header("cache-control"), Some(expected), "{method} {path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert!(!answer.status.is_server_error(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_named_with_those_it_has() {
    let site = Site::new();
    for path in Http::routes() {
        let answer = site.ask(bare(Method::DELETE, path)).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(answer.header("allow").unwrap().ends_with(", OPTIONS"));
    }
    for path in
        ["/oauth2/token", "/oauth2/revoke", "/oauth2/challenge", "/api/anonymous_user/signup"]
    {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
    }
}

#[tokio::test]
async fn a_path_that_is_none_of_ours_is_not_found() {
    let site = Site::new();
    for path in [
        "/",
        "/oauth2",
        "/oauth2/token/",
        "//oauth2/token",
        "/OAUTH2/token",
        "/oauth2/%74oken",
        "/oauth2/../oauth2/token",
    ] {
        assert!(!Http::owns(path));
        let answer = site.get(path).await;
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (StatusCode::NOT_FOUND, Some("not_found"))
        );
    }
    assert!(Http::routes().all(Http::owns));
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let site = Site::new();
    let large = "x".repeat(MAX_BODY_BYTES + 1);
    let answer = site.ask(with(json("/oauth2/challenge", &large), "origin", ORIGIN_URL)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN_URL));
    let answer = site.get(&format!("/oauth2/authorize?{}", "x".repeat(MAX_TARGET_BYTES))).await;
    assert_eq!(answer.status, StatusCode::URI_TOO_LONG);
    let request = with(get("/resolve"), "cookie", &"x".repeat(MAX_HEADER_BYTES));
    assert_eq!(site.ask(request).await.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let deep = "[".repeat(MAX_BODY_BYTES);
    assert_eq!(site.ask(json("/oauth2/challenge", &deep)).await.reason().2, "InvalidJSON");
}

#[tokio::test]
async fn too_many_or_too_long_fields_are_refused() {
    let site = Site::new();
    let names: Vec<String> = (0..100).map(|number| format!("f{number}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let long = "x".repeat(10_000);
    for fields in [many, vec![("token", long.as_str())]] {
        let answer = site.ask(form("/oauth2/revoke", &fields)).await;
        assert_eq!(answer.error().1, "invalid_request");
    }
}

#[tokio::test]
async fn discovery_names_every_endpoint_at_the_public_origin() {
    let site = Site::with(|policy| policy.public_origin = "https://auth.example.com".into());
    let document = site.get("/.well-known/openid-configuration").await.json();
    assert_eq!(document["issuer"], "https://auth.example.com");
    for name in ["authorization", "token", "userinfo", "revocation", "end_session"] {
        let url = document[format!("{name}_endpoint")].as_str().unwrap();
        assert!(Http::owns(url.strip_prefix("https://auth.example.com").unwrap()));
    }
    assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    let keys = site.get("/oauth2/jwks").await.json();
    assert!(!keys["keys"].as_array().unwrap().is_empty());
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()));
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let site = Site::new();
    for path in ["/.well-known/openid-configuration", "/oauth2/jwks", "/oauth2/style.css"] {
        let answer = site.ask(bare(Method::HEAD, path)).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
    }
}
