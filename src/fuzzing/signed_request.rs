//! Signed requests of devices.

use crate::credential::signed_request::{LIFETIME, SKEW};
use crate::credential::{Action, KeyHeader, RequestError, SignedRequest};
use crate::fuzzing::input::{Input, mutate};
use crate::fuzzing::world::{Device, NOW};

/// Nothing verifies under our key but, byte for byte, what our key has signed.
pub fn signed_request(data: &[u8]) {
    let mut input = Input::new(data);
    let device = Device::new(0);
    match input.byte() % 2 {
        0 => {
            if let Ok(text) = std::str::from_utf8(input.rest()) {
                read(text, &device);
            }
        }
        _ => changed(&mut input, &device),
    }
}

/// Somebody's text.
fn read(text: &str, device: &Device) {
    let parsed = SignedRequest::parse(text);
    assert_eq!(parsed, SignedRequest::parse(text), "the same text reads the same");
    let Ok(request) = parsed else { return };
    assert!(text.len() <= SignedRequest::MAX_LENGTH);
    if let Some(key) = request.jwk() {
        assert_eq!(key.kid, *request.kid(), "one name");
        match request.verify(key, NOW) {
            Ok(proven) => assert_eq!((proven.key(), proven.action()), (key, request.action())),
            Err(RequestError::Signature | RequestError::Time) => {}
            Err(other) => panic!("the key in the header is of its own algorithm: {other}"),
        }
    }
    // A key that somebody else has brought says nothing about ours.
    let verified = request.verify(&device.key, NOW);
    if verified.is_ok() {
        assert!(is_ours(text, &request, device), "verified, but never signed");
    }
    for other in [1, 2] {
        let other = Device::new(other);
        let is_its_own = request.jwk().is_some_and(|key| key.public == other.key.public);
        assert!(is_its_own || request.verify(&other.key, NOW).is_err() || verified.is_err());
    }
}

/// Whether our device makes this very text.
fn is_ours(text: &str, request: &SignedRequest, device: &Device) -> bool {
    [KeyHeader::Jwk, KeyHeader::Kid]
        .into_iter()
        .any(|header| device.sign(request.challenge(), request.action(), header, NOW) == text)
}

/// A request of ours, and what becomes of it on its way.
fn changed(input: &mut Input<'_>, device: &Device) {
    let action = input.pick(&[Action::Auth, Action::Promote]);
    let header = input.pick(&[KeyHeader::Jwk, KeyHeader::Kid]);
    let challenge = String::from_utf8_lossy(input.few()).into_owned();
    let text = device.sign(&challenge, action, header, NOW);
    let request = SignedRequest::parse(&text).expect("what we make, we read");
    assert_eq!((request.challenge(), request.action()), (challenge.as_str(), action));
    assert_eq!(request.jwk().is_some(), header == KeyHeader::Jwk);
    assert!(request.verify(&device.key, NOW).is_ok());
    let over = NOW.plus(LIFETIME).plus(SKEW);
    assert_eq!(request.verify(&device.key, over), Err(RequestError::Time));
    assert_eq!(request.verify(&Device::new(1).key, NOW), Err(RequestError::Signature));

    let other = mutate(&text, input);
    if other == text {
        return;
    }
    if let Ok(request) = SignedRequest::parse(&other) {
        assert!(request.verify(&device.key, NOW).is_err(), "changed, and still verified");
        if let Some(key) = request.jwk() {
            assert!(request.verify(key, NOW).is_err(), "changed, and verified by itself");
        }
    }
}
