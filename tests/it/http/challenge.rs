//! Challenges.

use http::StatusCode;
use serde_json::json;

use super::site::{Site, challenge, json as post};

#[tokio::test]
async fn a_challenge_names_its_purpose_and_its_end() {
    let site = Site::new();
    let body = json!({ "purpose": "anonymous_request" });
    let answer = site.post_json("/oauth2/challenge", &body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let result = &answer.json()["result"];
    assert_eq!(result["expire_at"], "2023-11-14T22:18:20Z");
    assert_ne!(challenge(&site).await, result["token"].as_str().unwrap());
}

#[tokio::test]
async fn a_purpose_that_is_missing_or_unknown_is_named() {
    let site = Site::new();
    for (body, location) in [
        (json!({}), ""),
        (json!({ "purpose": "biometric_request" }), "/purpose"),
        (json!({ "purpose": ["anonymous_request"] }), "/purpose"),
        (json!({ "purpose": "anonymous_request", "more": 1 }), "/more"),
    ] {
        let answer = site.post_json("/oauth2/challenge", &body).await;
        assert_eq!(answer.reason().2, "ValidationFailed", "{body}");
        assert_eq!(answer.json()["error"]["info"]["causes"][0]["location"], location);
    }
}

/// 7000 properties in 64 KiB were compared each with each, and their names came back twice, in an
/// answer of 315 KiB.
#[tokio::test]
async fn whatever_a_body_has_the_answer_to_it_is_short() {
    let site = Site::new();
    let of_names = |names: Vec<String>| {
        let properties: Vec<String> = names.iter().map(|name| format!("\"{name}\":1")).collect();
        format!("{{{}}}", properties.join(","))
    };
    let numbers = |count: u32, digits: usize| -> Vec<String> {
        (0..count).map(|number| format!("{number:/>digits$}")).collect()
    };
    for body in [
        of_names(numbers(7000, 1)),
        of_names(numbers(64, 1)),
        of_names(numbers(64, 64)),
        of_names(numbers(64, 900)),
        of_names(vec!["~".repeat(60_000)]),
    ] {
        let answer = site.ask(post("/oauth2/challenge", &body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.body.len() < 8 * 1024, "{} bytes to {}", answer.body.len(), body.len());
    }
}
