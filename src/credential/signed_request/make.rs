//! The other side: making a signed request, for hosts that hold the key in the same process.

use std::time::Duration;

use serde_json::json;

use crate::credential::base64url;
use crate::credential::device_key::{self, Algorithm};
use crate::credential::signed_request::{Action, SignedRequest};
use crate::model::{DeviceKey, Timestamp};

/// Whether the header of a signed request brings the key along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHeader {
    /// The whole key: on its first use.
    Jwk,
    /// Its name only: on every later use.
    Kid,
}

impl SignedRequest {
    /// What the private half of `key` has to sign, so that [`assemble`](Self::assemble) makes a
    /// request of it that counts for [`LIFETIME`] from `now`.
    ///
    /// Ed25519 and RS256 sign the bytes of the answer as they are; ES256 signs them hashed with
    /// SHA-256, and its signature is the two numbers of 32 bytes each.
    pub fn signing_input(
        challenge: &str,
        action: Action,
        key: &DeviceKey,
        header: KeyHeader,
        now: Timestamp,
    ) -> String {
        let kid = key.kid.as_str();
        let alg = Algorithm::of(&key.public).name();
        let mut head = json!({"typ": Self::TYPE, "alg": alg, "kid": kid});
        match header {
            KeyHeader::Jwk => head["jwk"] = device_key::to_json(&key.public, kid),
            KeyHeader::Kid => {}
        }
        let claims = json!({
            "challenge": challenge,
            "action": action,
            "iat": now.as_seconds(),
            "exp": now.plus(LIFETIME).as_seconds(),
        });
        format!("{}.{}", base64url::encode(head.to_string()), base64url::encode(claims.to_string()))
    }

    /// The request with its signature: a compact JWS (RFC 7515 section 7.1).
    pub fn assemble(signing_input: &str, signature: &[u8]) -> String {
        format!("{signing_input}.{}", base64url::encode(signature))
    }
}

/// How long a request counts that is made here.
pub const LIFETIME: Duration = Duration::from_secs(60);
