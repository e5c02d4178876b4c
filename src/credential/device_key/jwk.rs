//! Public keys as JWK (RFC 7517, RFC 7518 section 6, RFC 8037 section 2), read strictly.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::credential::base64url;
use crate::credential::device_key::{Algorithm, WeakKey, name};
use crate::credential::strict_json::{Absent, some};
use crate::model::{DeviceKey, KeyId, PublicKey};

/// The members of a JWK that mean anything to us. Others, such as `x5c` or `x5u`, do nothing.
#[derive(Deserialize)]
pub(crate) struct Jwk {
    kty: String,
    #[serde(default, deserialize_with = "some")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "some")]
    alg: Option<String>,
    #[serde(default, rename = "use", deserialize_with = "some")]
    key_use: Option<String>,
    #[serde(default, deserialize_with = "some")]
    key_ops: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some")]
    crv: Option<String>,
    #[serde(default, deserialize_with = "some")]
    x: Option<String>,
    #[serde(default, deserialize_with = "some")]
    y: Option<String>,
    #[serde(default, deserialize_with = "some")]
    n: Option<String>,
    #[serde(default, deserialize_with = "some")]
    e: Option<String>,
    // The members that only a private or symmetric key has (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1).
    #[serde(default, rename = "d")]
    _d: Absent,
    #[serde(default, rename = "p")]
    _p: Absent,
    #[serde(default, rename = "q")]
    _q: Absent,
    #[serde(default, rename = "dp")]
    _dp: Absent,
    #[serde(default, rename = "dq")]
    _dq: Absent,
    #[serde(default, rename = "qi")]
    _qi: Absent,
    #[serde(default, rename = "oth")]
    _oth: Absent,
    #[serde(default, rename = "k")]
    _k: Absent,
}

/// Why a JWK is none that we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwkError {
    Malformed,
    Weak,
}

impl Jwk {
    /// The name that the JWK has in itself.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm that the JWK says it is for, if it says so (RFC 7517 section 4.4).
    pub(crate) fn alg(&self) -> Option<&str> {
        self.alg.as_deref()
    }

    /// The device key in the JWK, called `kid`.
    pub(crate) fn into_key(self, kid: KeyId) -> Result<DeviceKey, JwkError> {
        if !self.is_for_signatures() {
            return Err(JwkError::Malformed);
        }
        let public = self.public().ok_or(JwkError::Malformed)?;
        let algorithm = Algorithm::of(&public);
        if self.alg.is_some_and(|alg| Algorithm::named(&alg) != Some(algorithm)) {
            return Err(JwkError::Malformed);
        }
        name(public, kid).map_err(|WeakKey| JwkError::Weak)
    }

    /// RFC 7517 sections 4.2 and 4.3, which wants a key to be for one thing and no operation said twice.
    fn is_for_signatures(&self) -> bool {
        self.key_use.as_ref().is_none_or(|key_use| key_use == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops == &["verify"])
    }

    fn public(&self) -> Option<PublicKey> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => {
                Some(PublicKey::Ed25519(base64url::decode_exactly(self.x.as_deref()?)?))
            }
            ("EC", Some("P-256")) => Some(PublicKey::P256 {
                x: base64url::decode_exactly(self.x.as_deref()?)?,
                y: base64url::decode_exactly(self.y.as_deref()?)?,
            }),
            ("RSA", None) => {
                let n = base64url::decode(self.n.as_deref()?)?;
                let e = base64url::decode(self.e.as_deref()?)?;
                Some(PublicKey::Rsa { n: without_sign(n), e: without_sign(e) })
            }
            _ => None,
        }
    }
}

/// Without the one zero octet that some libraries put before a number so that it is not negative;
/// RFC 7518 section 6.3.1.1 knows of them, and the SDK for Android is one.
fn without_sign(mut number: Vec<u8>) -> Vec<u8> {
    if number.first() == Some(&0) && number.get(1).is_some_and(|second| 0x80 <= *second) {
        number.remove(0);
    }
    number
}

/// The key as a public JWK with its name and algorithm.
pub(crate) fn to_json(public: &PublicKey, kid: &str) -> Value {
    let alg = Algorithm::of(public).name();
    match public {
        PublicKey::Ed25519(x) => {
            json!({"kty": "OKP", "kid": kid, "alg": alg, "crv": "Ed25519", "x": base64url::encode(x)})
        }
        PublicKey::P256 { x, y } => json!({
            "kty": "EC", "kid": kid, "alg": alg, "crv": "P-256",
            "x": base64url::encode(x), "y": base64url::encode(y),
        }),
        PublicKey::Rsa { n, e } => json!({
            "kty": "RSA", "kid": kid, "alg": alg,
            "n": base64url::encode(n), "e": base64url::encode(e),
        }),
    }
}

/// The members that make the key, in the order of their names, without whitespace (RFC 7638
/// section 3.3).
pub(crate) fn required_members(public: &PublicKey) -> String {
    match public {
        PublicKey::Ed25519(x) => {
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(x))
        }
        PublicKey::P256 { x, y } => {
            let (x, y) = (base64url::encode(x), base64url::encode(y));
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
        }
        PublicKey::Rsa { n, e } => {
            let (n, e) = (base64url::encode(n), base64url::encode(e));
            format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::device_key::thumbprint;

    fn read(json: &Value) -> Result<DeviceKey, JwkError> {
        let jwk: Jwk = serde_json::from_value(json.clone()).map_err(|_| JwkError::Malformed)?;
        jwk.into_key(KeyId::parse("12345678").unwrap())
    }

    fn ed25519() -> Value {
        // RFC 8037 appendix A.2.
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    fn rsa() -> Value {
        // RFC 7638 section 3.1.
        json!({"kty": "RSA", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"})
    }

    fn p256() -> Value {
        // RFC 7515 appendix A.3.1.
        json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        })
    }

    fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
        jwk[name] = value.into();
        jwk
    }

    #[test]
    fn thumbprints_are_those_of_the_standards() {
        let expect = |jwk: &Value, text: &str| {
            let key = read(jwk).unwrap();
            assert_eq!(base64url::encode(key.thumbprint.0), text);
        };
        // RFC 7638 section 3.1 and RFC 8037 appendix A.3.
        expect(&rsa(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        expect(&ed25519(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let dressed = with(with(rsa(), "use", "sig"), "alg", "RS256");
        expect(&with(dressed, "x5t", "abc"), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_key_survives_its_jwk() {
        for jwk in [rsa(), ed25519(), p256()] {
            let key = read(&jwk).unwrap();
            assert_eq!(read(&to_json(&key.public, "12345678")), Ok(key.clone()));
            assert_eq!(thumbprint(&key.public), key.thumbprint);
        }
    }

    #[test]
    fn a_modulus_with_a_sign_octet_is_the_same_key() {
        let n = base64url::decode(rsa()["n"].as_str().unwrap()).unwrap();
        let signed = base64url::encode([&[0], n.as_slice()].concat());
        assert_eq!(read(&with(rsa(), "n", signed)), read(&rsa()));
        let twice = base64url::encode([&[0, 0], n.as_slice()].concat());
        assert_eq!(read(&with(rsa(), "n", twice)), Err(JwkError::Weak));
    }

    #[test]
    fn attack_3_symmetric_keys_are_refused() {
        assert!(read(&json!({"kty": "oct", "k": "AAAA"})).is_err());
        assert!(read(&with(rsa(), "kty", "oct")).is_err());
    }

    #[test]
    fn attack_4_private_members_are_refused_whatever_their_value() {
        for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            for value in [Value::Null, json!("AQAB"), json!(1)] {
                assert!(read(&with(rsa(), name, value)).is_err(), "{name}");
            }
        }
        assert!(read(&with(ed25519(), "d", "AQAB")).is_err());
    }

    #[test]
    fn attack_6_an_alg_of_another_key_type_is_refused() {
        let keys = [(rsa(), "RS256"), (p256(), "ES256"), (ed25519(), "EdDSA")];
        for (jwk, own) in keys {
            for alg in ["RS256", "ES256", "EdDSA", "HS256", "none", "RS512", "ES384", ""] {
                assert_eq!(read(&with(jwk.clone(), "alg", alg)).is_ok(), alg == own, "{alg}");
            }
        }
        assert!(read(&with(ed25519(), "alg", "Ed25519")).is_ok());
    }

    #[test]
    fn attack_19_coordinates_have_32_octets_on_the_curve() {
        let x = base64url::decode(p256()["x"].as_str().unwrap()).unwrap();
        for wrong in [&x[1..], &[&[0], x.as_slice()].concat(), &[0; 32], &[]] {
            assert!(read(&with(p256(), "x", base64url::encode(wrong))).is_err());
        }
        assert!(read(&with(p256(), "crv", "P-384")).is_err());
        assert!(read(&with(p256(), "crv", "secp256k1")).is_err());
    }

    #[test]
    fn keys_for_other_uses_are_refused() {
        assert!(read(&with(rsa(), "use", "enc")).is_err());
        for ops in [json!(["encrypt"]), json!([]), json!(["verify", "encrypt"]), json!("verify")] {
            assert!(read(&with(rsa(), "key_ops", ops)).is_err());
        }
        assert!(read(&with(rsa(), "key_ops", json!(["verify", "verify"]))).is_err());
        assert!(read(&with(rsa(), "key_ops", json!(["verify"]))).is_ok());
        assert!(read(&with(ed25519(), "crv", "X25519")).is_err());
    }
}
