//! Guests with a device key.

use std::time::Duration;

use guestpass::credential::{Action, KeyHeader};
use http::StatusCode;

use super::site::{Device, IS_ANONYMOUS, Site, Tokens, challenge, present, sub_of};

async fn sub(site: &Site, answer: &super::site::Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    sub_of(&site.userinfo(&Tokens::of(&answer.json()).access).await)
}

#[track_caller]
fn refused(answer: &super::site::Answer) {
    let (status, code, description) = answer.error();
    assert_eq!((status, code.as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
    assert_eq!(description, "InvalidCredentials");
}

#[tokio::test]
async fn a_new_key_signs_up_and_is_the_same_guest_ever_after() {
    let site = Site::new();
    let device = Device::new(1);
    let first = device.enter(&site, KeyHeader::Jwk).await;
    let body = first.json();
    assert_eq!(body["token_type"], "Bearer");
    assert!(body["id_token"].is_string());
    let guest = sub(&site, &first).await;
    let info = site.userinfo(&Tokens::of(&body).access).await.json();
    assert_eq!(info[IS_ANONYMOUS], true);
    let again = device.enter(&site, KeyHeader::Kid).await;
    assert_eq!(sub(&site, &again).await, guest);
    let old = site.refresh("native", &Tokens::of(&body).refresh).await;
    assert_eq!(old.status, StatusCode::OK, "the earlier refresh token still works");
}

#[tokio::test]
async fn a_challenge_counts_once_and_not_for_ever() {
    let site = Site::new();
    let device = Device::new(1);
    let request = device.request(&site, Action::Auth, KeyHeader::Jwk).await;
    assert_eq!(present(&site, &request).await.status, StatusCode::OK);
    refused(&present(&site, &request).await);

    let late = challenge(&site).await;
    site.clock.advance(Duration::from_secs(301));
    refused(&present(&site, &device.sign(&site, &late, Action::Auth, KeyHeader::Jwk)).await);
    let guest = site.guest().await;
    let other = site.promotion_code(&guest.refresh).await;
    for wrong in [other.as_str(), "nonsense", &guest.refresh] {
        refused(&present(&site, &device.sign(&site, wrong, Action::Auth, KeyHeader::Jwk)).await);
    }
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_leaves_the_challenge_to_its_owner() {
    let site = Site::new();
    let (owner, thief) = (Device::new(1), Device::new(2));
    let guest = sub(&site, &owner.enter(&site, KeyHeader::Jwk).await).await;
    let challenge = challenge(&site).await;
    for header in [KeyHeader::Kid, KeyHeader::Jwk] {
        let forged = thief.posing_as(&owner).sign(&site, &challenge, Action::Auth, header);
        refused(&present(&site, &forged).await);
    }
    let honest = owner.sign(&site, &challenge, Action::Auth, KeyHeader::Kid);
    assert_eq!(sub(&site, &present(&site, &honest).await).await, guest);
}

#[tokio::test]
async fn a_new_key_with_a_wrong_signature_signs_nobody_up() {
    let site = Site::new();
    let forged = Device::new(2).posing_as(&Device::new(1));
    refused(&forged.enter(&site, KeyHeader::Jwk).await);
}

#[tokio::test]
async fn an_unknown_key_without_its_public_half_is_refused() {
    refused(&Device::new(1).enter(&Site::new(), KeyHeader::Kid).await);
}

#[tokio::test]
async fn what_is_no_signed_request_is_refused() {
    let site = Site::new();
    let request = Device::new(1).request(&site, Action::Auth, KeyHeader::Jwk).await;
    for wrong in
        ["a", "a.b.c", "..", &format!("{request}.x"), &request.replace('.', ""), &"a".repeat(8000)]
    {
        refused(&present(&site, wrong).await);
    }
}

#[tokio::test]
async fn a_request_for_promotion_does_not_sign_in() {
    let site = Site::new();
    let device = Device::new(1);
    device.enter(&site, KeyHeader::Jwk).await;
    refused(&present(&site, &device.request(&site, Action::Promote, KeyHeader::Kid).await).await);
}

#[tokio::test]
async fn a_new_key_at_once_from_two_places_is_one_guest() {
    let site = Site::new();
    let device = Device::new(1);
    let one = device.request(&site, Action::Auth, KeyHeader::Jwk).await;
    let two = device.request(&site, Action::Auth, KeyHeader::Jwk).await;
    let (one, two) = tokio::join!(present(&site, &one), present(&site, &two));
    assert_eq!(sub(&site, &one).await, sub(&site, &two).await);
}

#[tokio::test]
async fn signing_in_by_key_is_not_limited_as_signing_up_is() {
    let site = Site::with(|policy| policy.rate_limits.signup_anonymous.per_ip.burst = 1);
    let device = Device::new(1);
    assert_eq!(device.enter(&site, KeyHeader::Jwk).await.status, StatusCode::OK);
    assert_eq!(device.enter(&site, KeyHeader::Jwk).await.status, StatusCode::OK);
    let limited = Device::new(2).enter(&site, KeyHeader::Jwk).await;
    assert_eq!(limited.error().0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.error().1, "x_rate_limited");
}

#[tokio::test]
async fn without_anonymous_users_a_key_is_told_so() {
    let site = Site::with(|policy| policy.anonymous.enabled = false);
    let (status, code, description) = Device::new(1).enter(&site, KeyHeader::Jwk).await.error();
    assert_eq!((status, code.as_str()), (StatusCode::BAD_REQUEST, "unauthorized_client"));
    assert_eq!(description, "AnonymousUserDisallowed");
}

#[tokio::test]
async fn logging_out_keeps_the_key_good() {
    let site = Site::new();
    let device = Device::new(1);
    let first = device.enter(&site, KeyHeader::Jwk).await;
    let guest = sub(&site, &first).await;
    let tokens = Tokens::of(&first.json());
    site.post_form("/oauth2/revoke", &[("token", &tokens.refresh)]).await;
    assert_eq!(site.refresh("native", &tokens.refresh).await.error().1, "invalid_grant");
    assert_eq!(sub(&site, &device.enter(&site, KeyHeader::Kid).await).await, guest);
}
