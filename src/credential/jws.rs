//! The compact form of a JWS (RFC 7515 section 7.1), taken apart; nothing is verified here.

#[cfg(test)]
mod vectors;

use serde::Deserialize;

use crate::credential::base64url;
use crate::credential::device_key::Jwk;
use crate::credential::strict_json::{self, Absent, some, some_object};

/// The parts of a compact JWS.
pub(crate) struct Jws<'a> {
    /// What the signature is over, as it came.
    pub(crate) signing_input: &'a str,
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// The members of a header that mean anything to us.
///
/// `jku`, `x5u`, `x5c` and others do nothing. `crit`, `b64` and `zip` must not be there, because they
/// would change what the rest means.
#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    #[serde(default, deserialize_with = "some")]
    pub(crate) typ: Option<String>,
    #[serde(default, deserialize_with = "some")]
    pub(crate) kid: Option<String>,
    #[serde(default, deserialize_with = "some_object")]
    pub(crate) jwk: Option<Jwk>,
    #[serde(default, rename = "crit")]
    _crit: Absent,
    #[serde(default, rename = "b64")]
    _b64: Absent,
    #[serde(default, rename = "zip")]
    _zip: Absent,
}

impl<'a> Jws<'a> {
    /// The parts of `text`, each in its one spelling. How long it may be is the caller's to say.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (signing_input, signature) = text.rsplit_once('.')?;
        let (header, payload) = signing_input.split_once('.')?;
        Some(Self {
            signing_input,
            header: strict_json::object(&base64url::decode(header)?)?,
            payload: base64url::decode(payload)?,
            signature: base64url::decode(signature)?,
        })
    }
}
