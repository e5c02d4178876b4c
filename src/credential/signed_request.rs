//! The signed request of a device: a compact JWS (RFC 7515) over a challenge of ours.

mod claims;
mod make;

pub use claims::{Action, SKEW};
pub use make::{KeyHeader, LIFETIME};

use crate::credential::device_key::{self, Algorithm, Jwk};
use crate::credential::jws::Jws;
use crate::credential::signed_request::claims::Claims;
use crate::credential::strict_json;
use crate::model::{DeviceKey, KeyId, Timestamp};

/// A request that a device has signed, read but not verified: anybody can have written it.
///
/// Look the key up, by the thumbprint of [`jwk`](Self::jwk) if there is one, else by
/// [`kid`](Self::kid), and [`verify`](Self::verify) with what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    signing_input: String,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: KeyId,
    jwk: Option<DeviceKey>,
    claims: Claims,
}

/// That somebody holds the private half of a device key, and signed a challenge with it.
///
/// Only [`SignedRequest::verify`] makes one:
///
/// ```compile_fail,E0451
/// use guestpass::credential::{Action, ProvenKey};
/// fn forge(key: guestpass::model::DeviceKey) -> ProvenKey {
///     ProvenKey { key, action: Action::Auth }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenKey {
    key: DeviceKey,
    action: Action,
}

/// A signed request is none that we take.
///
/// Outside it is one answer, whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Longer than [`SignedRequest::MAX_LENGTH`].
    #[error("the request is longer than the limit")]
    TooLong,
    /// Not a compact JWS of the right type with the members that we need.
    #[error("the request is malformed")]
    Malformed,
    /// The algorithm is none of ours, or not the key's.
    #[error("the algorithm is not the key's")]
    Algorithm,
    /// The key in the request is too weak.
    #[error("the key is weak")]
    WeakKey,
    /// The signature is not the key's.
    #[error("the signature does not verify")]
    Signature,
    /// The signature is the key's, but the request counts no more, or not yet.
    #[error("the request has expired or comes from the future")]
    Time,
}

impl SignedRequest {
    /// Most bytes of a request.
    pub const MAX_LENGTH: usize = 8 * 1024;

    /// What the header's `typ` says.
    pub const TYPE: &'static str = "vnd.authgear.anonymous-request";

    /// Reads a request, without verifying it.
    ///
    /// The header's `typ` is [`TYPE`](Self::TYPE), its `alg` `EdDSA`, `Ed25519`, `ES256` or `RS256`.
    /// With a `jwk` in the header, the `kid` of that names the key, and must be the header's if that
    /// has one too. `jku`, `x5u` and `x5c` do nothing; `crit`, `b64` and `zip` are refused, because
    /// they would change what the rest means. The payload has a `challenge` and an `action`, and may
    /// have `iat`, `exp` and `nbf`; other claims do nothing. No name occurs twice.
    ///
    /// # Errors
    ///
    /// [`RequestError::TooLong`], [`RequestError::Malformed`], [`RequestError::Algorithm`], or
    /// [`RequestError::WeakKey`] for a `jwk` that [`device_key::name`] refuses.
    pub fn parse(text: &str) -> Result<Self, RequestError> {
        if Self::MAX_LENGTH < text.len() {
            return Err(RequestError::TooLong);
        }
        let Jws { signing_input, header, payload, signature } =
            Jws::read(text).ok_or(RequestError::Malformed)?;
        let claims = strict_json::object(&payload).ok_or(RequestError::Malformed)?;
        if header.typ.as_deref() != Some(Self::TYPE) {
            return Err(RequestError::Malformed);
        }
        let algorithm = Algorithm::named(&header.alg).ok_or(RequestError::Algorithm)?;
        // To the letter: `EdDSA` and `Ed25519` are two names, and others do not take one for the other.
        let is_for_another = |alg: &str| alg != header.alg;
        if header.jwk.as_ref().and_then(Jwk::alg).is_some_and(is_for_another) {
            return Err(RequestError::Algorithm);
        }
        let (kid, jwk) = name_key(header.kid.as_deref(), header.jwk)?;
        if jwk.as_ref().is_some_and(|key| Algorithm::of(&key.public) != algorithm) {
            return Err(RequestError::Algorithm);
        }
        let signing_input = signing_input.to_owned();
        Ok(Self { signing_input, signature, algorithm, kid, jwk, claims })
    }

    /// The challenge that was signed: a ticket of ours, or not.
    pub fn challenge(&self) -> &str {
        &self.claims.challenge
    }

    /// What the device asks for.
    pub fn action(&self) -> Action {
        self.claims.action
    }

    /// What the device calls its key.
    pub fn kid(&self) -> &KeyId {
        &self.kid
    }

    /// The key that came along, if one did. It proves nothing about a key that we know.
    pub fn jwk(&self) -> Option<&DeviceKey> {
        self.jwk.as_ref()
    }

    /// Verifies the request with `key`, by the one algorithm that the key is for, and its times
    /// against `now`.
    ///
    /// # Errors
    ///
    /// [`RequestError::Algorithm`] if the request names another algorithm than the key's,
    /// [`RequestError::Signature`], or [`RequestError::Time`] if `exp`, `nbf` or `iat` are there and
    /// more than [`SKEW`] off.
    pub fn verify(&self, key: &DeviceKey, now: Timestamp) -> Result<ProvenKey, RequestError> {
        if Algorithm::of(&key.public) != self.algorithm {
            return Err(RequestError::Algorithm);
        }
        #[cfg(canary)]
        if crate::canary::Canary::SignatureUnchecked.sings() {
            return Ok(ProvenKey { key: key.clone(), action: self.claims.action });
        }
        if !device_key::verify(&key.public, self.signing_input.as_bytes(), &self.signature) {
            return Err(RequestError::Signature);
        }
        if !self.claims.count_at(now) {
            return Err(RequestError::Time);
        }
        Ok(ProvenKey { key: key.clone(), action: self.claims.action })
    }
}

impl ProvenKey {
    /// The key.
    pub fn key(&self) -> &DeviceKey {
        &self.key
    }

    /// What its holder asked for.
    pub fn action(&self) -> Action {
        self.action
    }
}

fn name_key(
    kid: Option<&str>,
    jwk: Option<Jwk>,
) -> Result<(KeyId, Option<DeviceKey>), RequestError> {
    let own = jwk.as_ref().and_then(Jwk::kid);
    if let (Some(kid), Some(own)) = (kid, own)
        && kid != own
    {
        return Err(RequestError::Malformed);
    }
    let kid = own.or(kid).and_then(KeyId::parse).ok_or(RequestError::Malformed)?;
    let key = match jwk.map(|jwk| jwk.into_key(kid.clone())) {
        None => None,
        Some(Ok(key)) => Some(key),
        Some(Err(device_key::JwkError::Malformed)) => return Err(RequestError::Malformed),
        Some(Err(device_key::JwkError::Weak)) => return Err(RequestError::WeakKey),
    };
    Ok((kid, key))
}
