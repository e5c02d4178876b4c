//! Challenges.

use http::StatusCode;
use serde_json::json;

use super::site::{Site, challenge};

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
