//! JWTs that we sign with the keyring's Ed25519 key (RFC 7519, RFC 8037), for others to verify.

use ed25519_dalek::{Signature, Signer, SigningKey};
use serde::Serialize;
use serde_json::{Value, json};

use crate::credential::base64url;
use crate::credential::jws::Jws;
use crate::credential::keyring::{KeyLabel, Keyring};
use crate::credential::strict_json;
use crate::model::Timestamp;

/// Claims cannot be made a JWT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// They do not serialise to a JSON object.
    #[error("the claims are not a JSON object")]
    Claims,
    /// The JWT would be longer than [`MAX_LENGTH`].
    #[error("the JWT would be longer than the limit")]
    TooLong,
}

/// A JWT of the type `typ` that makes `claims`, signed with the key in use.
///
/// `typ` keeps the kinds of JWTs apart (RFC 8725 section 3.11): `JWT` for an ID token, `at+jwt` for an
/// access token (RFC 9068 section 2.1).
///
/// # Errors
///
/// [`JwtError`].
pub fn sign(claims: &impl Serialize, typ: &str, keyring: &Keyring) -> Result<String, JwtError> {
    let claims = serde_json::to_string(claims).map_err(|_| JwtError::Claims)?;
    if !claims.starts_with('{') {
        return Err(JwtError::Claims);
    }
    let (label, key) = keyring.current(|keys| &keys.id_token);
    let header = json!({"alg": ALGORITHM, "kid": label.to_string(), "typ": typ}).to_string();
    let mut text = format!("{}.{}", base64url::encode(header), base64url::encode(claims));
    let signature = key.sign(text.as_bytes());
    text.push('.');
    text.push_str(&base64url::encode(signature.to_bytes()));
    if MAX_LENGTH < text.len() {
        return Err(JwtError::TooLong);
    }
    Ok(text)
}

/// The public keys under which our JWTs verify at `now`, the one in use first: a JWK Set (RFC 7517
/// section 5). The retired ones are in it as long as they count: what a stolen key signs must not
/// verify elsewhere either.
///
/// Another process that shares the file may have put a key in use since: the file is read again first, on the
/// calling thread, at most once in a second.
pub fn jwks(keyring: &Keyring, now: Timestamp) -> Value {
    keyring.reread(now);
    let keys = keyring.read();
    let retired =
        keys.id_token.retired.iter().filter(|(_, until)| now < *until).map(|(key, _)| key);
    let jwks: Vec<_> = std::iter::once(&keys.id_token.current)
        .chain(retired)
        .map(|key| public_jwk(key.label, &key.prepared))
        .collect();
    json!({ "keys": jwks })
}

/// The claims of `text`, if it is a JWT of the type `typ` that we signed with a key that counts at
/// `now`. Its `exp`, `aud` and all other claims are the caller's to check.
pub fn verify_own(text: &str, typ: &str, keyring: &Keyring, now: Timestamp) -> Option<Value> {
    if MAX_LENGTH < text.len() {
        return None;
    }
    let jws = Jws::read(text)?;
    if jws.header.alg != ALGORITHM || jws.header.typ.as_deref() != Some(typ) {
        return None;
    }
    let label = KeyLabel::parse(jws.header.kid.as_deref()?)?;
    let key = keyring.find(|keys| &keys.id_token, label, now)?;
    let signature = Signature::from_slice(&jws.signature).ok()?;
    key.verifying_key().verify_strict(jws.signing_input.as_bytes(), &signature).ok()?;
    strict_json::object(&jws.payload)
}

fn public_jwk(label: KeyLabel, key: &SigningKey) -> Value {
    json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": ALGORITHM,
        "use": "sig",
        "kid": label.to_string(),
        "x": base64url::encode(key.verifying_key().as_bytes()),
    })
}

/// Most characters of a JWT.
pub const MAX_LENGTH: usize = 16 * 1024;

/// RFC 8037 section 3.1. RFC 9864 prefers `Ed25519`, which fewer libraries know.
const ALGORITHM: &str = "EdDSA";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::credential::SignedRequest;
    use crate::credential::keyring::Purpose;
    use crate::model::SystemEntropy;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn keyring() -> Keyring {
        Keyring::ephemeral(&SystemEntropy).unwrap()
    }

    #[test]
    fn a_jwt_verifies_as_what_it_is_and_as_nothing_else() {
        let keyring = keyring();
        let claims = json!({"sub": "usr_1", "exp": 1});
        let text = sign(&claims, "JWT", &keyring).unwrap();
        assert_eq!(verify_own(&text, "JWT", &keyring, NOW), Some(claims));
        assert_eq!(verify_own(&text, "at+jwt", &keyring, NOW), None);
        assert_eq!(verify_own(&text, "JWT", &self::keyring(), NOW), None);
    }

    #[test]
    fn verifies_under_the_published_key() {
        let keyring = keyring();
        let text = sign(&json!({}), "JWT", &keyring).unwrap();
        let jwks = jwks(&keyring, NOW);
        let jwk = &jwks["keys"][0];
        let x = base64url::decode_exactly(jwk["x"].as_str().unwrap()).unwrap();
        let (input, signature) = text.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        let key = crate::model::PublicKey::Ed25519(x);
        assert!(crate::credential::device_key::verify(&key, input.as_bytes(), &signature));
        let header = base64url::decode(input.split_once('.').unwrap().0).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["kid"], jwk["kid"]);
        assert!(jwk.get("d").is_none());
    }

    #[test]
    fn outlives_a_rotation_for_as_long_as_the_key_is_kept() {
        let keyring = keyring();
        let text = sign(&json!({}), "JWT", &keyring).unwrap();
        let minute = Duration::from_secs(60);
        keyring.rotate(Purpose::IdToken, minute, NOW, &SystemEntropy).unwrap();
        let published = |now| jwks(&keyring, now)["keys"].as_array().map(Vec::len);
        assert_eq!(published(NOW), Some(2));
        assert_eq!(published(NOW.plus(minute)), Some(1));
        assert!(verify_own(&text, "JWT", &keyring, NOW).is_some());
        assert!(verify_own(&text, "JWT", &keyring, NOW.plus(minute)).is_none());
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let keyring = keyring();
        let text = sign(&json!({"sub": "usr_1"}), "JWT", &keyring).unwrap();
        for at in 0..text.len() {
            for other in ["A", "B", ".", "=", "\u{0}", ""] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, other);
                let is_same = changed == text;
                assert_eq!(verify_own(&changed, "JWT", &keyring, NOW).is_some(), is_same);
            }
        }
    }

    #[test]
    fn a_header_that_says_more_than_ours_is_refused() {
        let keyring = keyring();
        let (label, key) = keyring.current(|keys| &keys.id_token);
        let forge = |header: Value| {
            let header = base64url::encode(header.to_string());
            let input = format!("{header}.{}", base64url::encode("{}"));
            SignedRequest::assemble(&input, &key.sign(input.as_bytes()).to_bytes())
        };
        let header = json!({"alg": "EdDSA", "kid": label.to_string(), "typ": "JWT"});
        assert!(verify_own(&forge(header.clone()), "JWT", &keyring, NOW).is_some());
        let changes = [
            ("alg", json!("none")),
            ("alg", json!("HS256")),
            ("kid", json!("0000000000000000")),
            ("typ", json!("jwt")),
            ("crit", json!([])),
            ("b64", json!(false)),
            ("zip", Value::Null),
        ];
        for (name, value) in changes {
            let mut header = header.clone();
            header[name] = value;
            assert!(verify_own(&forge(header), "JWT", &keyring, NOW).is_none(), "{name}");
        }
    }

    #[test]
    fn claims_are_an_object_within_the_limit() {
        let keyring = keyring();
        assert_eq!(sign(&[1], "JWT", &keyring), Err(JwtError::Claims));
        let long = json!({"a": "a".repeat(MAX_LENGTH)});
        assert_eq!(sign(&long, "JWT", &keyring), Err(JwtError::TooLong));
    }

    #[test]
    fn the_longest_that_is_signed_verifies() {
        assert_eq!(MAX_LENGTH, 16_384);
        let keyring = keyring();
        // In base64url not every number of characters can come out, and with another header others can.
        let longest = ["JWT", "JWT+", "JWT++"].map(|typ| {
            let sign = |length| sign(&json!({"a": "a".repeat(length)}), typ, &keyring);
            let text = (0..MAX_LENGTH / 4 * 3).rev().find_map(|length| sign(length).ok()).unwrap();
            assert!(verify_own(&text, typ, &keyring, NOW).is_some());
            text.len()
        });
        assert!(longest.contains(&MAX_LENGTH), "{longest:?}");
    }
}
