//! The signed requests of devices: what is read, and whose signature verifies.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use guestpass::Rejection;
use guestpass::credential::signed_request::SKEW;
use guestpass::credential::{Action, KeyHeader, RequestError, SignedRequest};
use guestpass::model::{PublicKey, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::NOW;
use super::three_keys::{Device, PAYLOAD};
use crate::support::{Place, World, cookie, refused, run};

fn parse(text: &str) -> Result<(), RequestError> {
    SignedRequest::parse(text).map(|_| ())
}

#[test]
fn every_kind_of_key_is_proven_by_its_signature() {
    for device in Device::all() {
        for header in [KeyHeader::Jwk, KeyHeader::Kid] {
            let request = SignedRequest::parse(&device.request(header)).unwrap();
            assert_eq!(request.challenge(), "challenge");
            assert_eq!(request.action(), Action::Auth);
            assert_eq!(request.kid(), &device.key().kid);
            assert_eq!(request.jwk().is_some(), header == KeyHeader::Jwk);
            assert!(request.jwk().is_none_or(|key| *key == device.key()));
            let proven = request.verify(&device.key(), NOW).unwrap();
            assert_eq!((proven.key(), proven.action()), (&device.key(), Action::Auth));
        }
    }
}

#[test]
fn what_the_sdk_sends_is_read() {
    // Header and payload as the SDKs write them, RSA with the sign octet that Android adds.
    let device = Device::rsa();
    let PublicKey::Rsa { n, e } = device.key().public else { panic!("not RSA") };
    let kid = "0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0";
    let n = BASE64.encode([&[0], n.as_slice()].concat());
    let jwk = json!({"kid": kid, "alg": "RS256", "kty": "RSA", "n": n, "e": BASE64.encode(e)});
    let header = json!({
        "typ": "vnd.authgear.anonymous-request", "kid": kid, "alg": "RS256", "jwk": jwk,
    });
    let iat = NOW.as_seconds();
    let payload = json!({"iat": iat, "exp": iat + 60, "challenge": "c", "action": "promote"});
    let text = device.forge(&header.to_string(), &payload.to_string());
    let request = SignedRequest::parse(&text).unwrap();
    let key = request.jwk().unwrap();
    assert_eq!(key.thumbprint, device.key().thumbprint);
    assert_eq!(key.kid.as_str(), kid);
    assert_eq!(request.verify(key, NOW).unwrap().action(), Action::Promote);
}

#[test]
fn attack_1_no_algorithm_is_no_algorithm() {
    let device = Device::ed25519(1);
    for alg in ["none", "None", "NONE", "nOnE", "none ", ""] {
        assert_eq!(parse(&device.with_header("alg", json!(alg))), Err(RequestError::Algorithm));
        let input = device.with_header("alg", json!(alg));
        let unsigned = format!("{}.", input.rsplit_once('.').unwrap().0);
        assert_eq!(parse(&unsigned), Err(RequestError::Algorithm));
    }
}

#[test]
fn attack_2_a_mac_is_no_signature() {
    for device in Device::all() {
        for alg in ["HS256", "HS384", "HS512", "PS256", "RS512", "ES384", "ES256K", "dir"] {
            assert_eq!(parse(&device.with_header("alg", json!(alg))), Err(RequestError::Algorithm));
        }
    }
}

/// The public key in the forms in which somebody may have it, to be taken for the key of a MAC.
fn forms(key: &PublicKey, jwk: &Value) -> Vec<Vec<u8>> {
    let (prefix, raw): (&[u8], Vec<u8>) = match key {
        PublicKey::Ed25519(point) => (&ED25519_DER, point.to_vec()),
        PublicKey::P256 { x, y } => (&P256_DER, [&[4], x.as_slice(), y].concat()),
        // Without the numbers around it, which nobody looks at here either.
        PublicKey::Rsa { n, .. } => (&[], n.clone()),
    };
    let der = [prefix, &raw].concat();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----");
    let text = jwk.to_string().into_bytes();
    vec![Vec::new(), raw, der, format!("{pem}\n").into_bytes(), pem.into_bytes(), text]
}

#[test]
fn attack_2_a_mac_with_the_public_key_in_any_form_proves_nothing() {
    use hmac::{Hmac, KeyInit, Mac};
    for device in Device::all() {
        let own = device.header()["alg"].as_str().unwrap().to_owned();
        for secret in forms(&device.key().public, &device.header()["jwk"]) {
            for alg in ["HS256", "none", own.as_str()] {
                for with_key in [true, false] {
                    let mut header = device.header();
                    header["alg"] = json!(alg);
                    if !with_key {
                        header.as_object_mut().unwrap().remove("jwk");
                    }
                    let input =
                        format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(PAYLOAD));
                    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap();
                    mac.update(input.as_bytes());
                    let forged = SignedRequest::assemble(&input, &mac.finalize().into_bytes());
                    let verdict = SignedRequest::parse(&forged)
                        .and_then(|request| request.verify(&device.key(), NOW));
                    let expected =
                        if alg == own { RequestError::Signature } else { RequestError::Algorithm };
                    assert_eq!(verdict, Err(expected), "{alg}");
                }
            }
        }
    }
}

/// RFC 8410 section 4 and RFC 5480 section 2: what stands before the point.
const ED25519_DER: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
const P256_DER: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 3, 1, 7, 3, 0x42, 0,
];

/// Of every ES256 signature there is a twin that verifies as well. So it is the challenge that is used up,
/// and never the bytes of a signature.
#[test]
fn attack_20_the_twin_of_a_signature_answers_no_challenge_again() {
    let device = Device::p256();
    let world = World::new(Place::Memory);
    let engine = &world.engine;
    let input = SignedRequest::signing_input(
        &engine.challenge().unwrap().text,
        Action::Auth,
        &device.key(),
        KeyHeader::Jwk,
        engine.now(),
    );
    let signature = device.sign(&input);
    let (r, s) = signature.split_at(32);
    let twin = [r, negated(s.try_into().unwrap()).as_slice()].concat();
    assert_ne!(signature, twin);
    let enter = |signature: &[u8]| {
        let request = SignedRequest::assemble(&input, signature);
        run(engine.sign_in_with_device_key(&request, cookie(), None))
    };
    for signature in [&signature, &twin] {
        let request = SignedRequest::parse(&SignedRequest::assemble(&input, signature)).unwrap();
        assert!(request.verify(&device.key(), engine.now()).is_ok());
    }
    assert!(enter(&twin).is_ok());
    assert_eq!(refused(enter(&signature)), Rejection::TicketSpent);
    assert_eq!(refused(enter(&twin)), Rejection::TicketSpent);
}

/// The order of P-256 less `s`, both with the highest byte first.
fn negated(s: [u8; 32]) -> [u8; 32] {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut difference = [0; 32];
    let mut borrow = 0;
    for index in (0..32).rev() {
        let next = 256 + i16::from(ORDER[index]) - i16::from(s[index]) - borrow;
        difference[index] = next.to_le_bytes()[0];
        borrow = i16::from(next < 256);
    }
    difference
}

#[test]
fn attacks_3_4_and_5_a_key_that_is_not_public_is_refused() {
    for device in Device::all() {
        let oct = device.with_header("jwk", json!({"kty": "oct", "k": "AAAA", "kid": "device-1"}));
        assert_eq!(parse(&oct), Err(RequestError::Malformed));
        for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            let text = device.with_jwk(name, json!("AQAB"));
            assert_eq!(parse(&text), Err(RequestError::Malformed), "{name}");
        }
        let mut header = device.header();
        header["jwk"].as_object_mut().unwrap().remove("alg");
        assert_eq!(parse(&device.forge(&header.to_string(), PAYLOAD)), Ok(()));
        header["alg"] = json!("HS256");
        let text = device.forge(&header.to_string(), PAYLOAD);
        assert_eq!(parse(&text), Err(RequestError::Algorithm));
    }
}

#[test]
fn attack_6_an_algorithm_of_another_key_is_refused_in_all_pairs() {
    let devices = Device::all();
    for (own, device) in devices.iter().enumerate() {
        for (other, alg) in ["EdDSA", "ES256", "RS256"].into_iter().enumerate() {
            let expected = if own == other { Ok(()) } else { Err(RequestError::Algorithm) };
            assert_eq!(parse(&device.with_header("alg", json!(alg))), expected);
            // Without the key in the header it is the stored one that decides.
            let header = json!({"typ": SignedRequest::TYPE, "alg": alg, "kid": "device-1"});
            let text = device.forge(&header.to_string(), PAYLOAD);
            let request = SignedRequest::parse(&text).unwrap();
            assert_eq!(request.verify(&device.key(), NOW).map(|_| ()), expected);
        }
    }
    // Each of the two names of one algorithm, but not one in the header and the other in the key.
    for alg in ["EdDSA", "Ed25519"] {
        for of_key in ["EdDSA", "Ed25519"] {
            let mut header = devices[0].header();
            header["alg"] = json!(alg);
            header["jwk"]["alg"] = json!(of_key);
            let expected = if alg == of_key { Ok(()) } else { Err(RequestError::Algorithm) };
            assert_eq!(parse(&devices[0].forge(&header.to_string(), PAYLOAD)), expected);
        }
    }
}

#[test]
fn attacks_7_8_and_9_a_signature_by_another_key_is_none() {
    let (honest, attacker) = (Device::ed25519(1), Device::ed25519(2));
    let request = SignedRequest::parse(&attacker.request(KeyHeader::Jwk)).unwrap();
    assert_eq!(request.verify(&honest.key(), NOW), Err(RequestError::Signature));
    for device in Device::all() {
        // The honest key in the header, and a signature by somebody else or by nobody.
        let text = device.request(KeyHeader::Jwk);
        let (input, signature) = text.rsplit_once('.').unwrap();
        let length = BASE64.decode(signature).unwrap().len();
        for forged in [attacker.sign(input), vec![0; length], vec![0xff; length], vec![]] {
            let request = SignedRequest::parse(&SignedRequest::assemble(input, &forged)).unwrap();
            let key = request.jwk().unwrap();
            assert_eq!(request.verify(key, NOW), Err(RequestError::Signature));
        }
    }
}

#[test]
fn attack_12_a_kid_is_short_and_plain_and_one() {
    let device = Device::ed25519(1);
    let long = "k".repeat(65);
    let wrong =
        ["", "short", "../../etc/passwd", "' or 1=1 --", "kid\0\0\0\0\0\0", "dеvice-1", &long];
    for kid in wrong {
        let mut header = device.header();
        header["kid"] = json!(kid);
        header["jwk"]["kid"] = json!(kid);
        let text = device.forge(&header.to_string(), PAYLOAD);
        assert_eq!(parse(&text), Err(RequestError::Malformed), "{kid}");
    }
    // Two names for one key are one too many, but either may be missing.
    assert_eq!(parse(&device.with_jwk("kid", json!("device-2"))), Err(RequestError::Malformed));
    assert_eq!(parse(&device.with_header("kid", json!(1))), Err(RequestError::Malformed));
    assert_eq!(parse(&device.with_header("kid", Value::Null)), Err(RequestError::Malformed));
    let mut header = device.header();
    header.as_object_mut().unwrap().remove("kid");
    assert_eq!(parse(&device.forge(&header.to_string(), PAYLOAD)), Ok(()));
    header["jwk"].as_object_mut().unwrap().remove("kid");
    let text = device.forge(&header.to_string(), PAYLOAD);
    assert_eq!(parse(&text), Err(RequestError::Malformed));
}

#[test]
fn attack_13_references_to_other_keys_do_nothing() {
    let device = Device::ed25519(1);
    for name in ["jku", "x5u", "x5c", "x5t", "x5t#S256", "cty"] {
        let text = device.with_header(name, json!("http://127.0.0.1:9/keys"));
        let request = SignedRequest::parse(&text).unwrap();
        assert!(request.verify(&device.key(), NOW).is_ok(), "{name}");
    }
}

#[test]
fn attack_23_only_one_compact_signature_with_nothing_critical_is_read() {
    let device = Device::ed25519(1);
    for name in ["crit", "b64", "zip"] {
        for value in [Value::Null, json!(false), json!(["exp"]), json!("DEF")] {
            let text = device.with_header(name, value);
            assert_eq!(parse(&text), Err(RequestError::Malformed), "{name}");
        }
    }
    let text = device.request(KeyHeader::Jwk);
    let parts: Vec<_> = text.split('.').collect();
    let flattened = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]});
    let wrong = [
        flattened.to_string(),
        format!("{text}.{}", parts[2]),
        format!("{text}."),
        format!(".{text}"),
        format!("{}..{}", parts[0], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        String::new(),
        "..".to_owned(),
        "....".to_owned(),
    ];
    for text in wrong {
        assert_eq!(parse(&text), Err(RequestError::Malformed), "{text}");
    }
}

#[test]
fn attack_24_a_name_that_occurs_twice_is_refused() {
    let device = Device::ed25519(1);
    let header = device.header().to_string();
    let twice = |json: &str, name: &str| json.replacen('{', &format!("{{\"{name}\":\"x\","), 1);
    assert_eq!(parse(&device.forge(&header, PAYLOAD)), Ok(()));
    for name in ["typ", "alg", "kid", "jwk"] {
        let text = device.forge(&twice(&header, name), PAYLOAD);
        assert_eq!(parse(&text), Err(RequestError::Malformed), "{name}");
    }
    let unknown = twice(&twice(&header, "unknown"), "unknown");
    assert_eq!(parse(&device.forge(&unknown, PAYLOAD)), Err(RequestError::Malformed));
    for name in ["challenge", "action"] {
        let text = device.forge(&header, &twice(PAYLOAD, name));
        assert_eq!(parse(&text), Err(RequestError::Malformed), "{name}");
    }
}

#[test]
fn attack_25_base64_has_one_spelling() {
    let device = Device::ed25519(1);
    let text = device.request(KeyHeader::Jwk);
    let parts: Vec<_> = text.split('.').collect();
    for part in 0..3 {
        for change in ["=", "==", " ", "\n", "\r\n", "+", "/", "\u{e9}"] {
            for (before, after) in [("", change), (change, "")] {
                let mut parts: Vec<String> = parts.iter().map(|&part| part.to_owned()).collect();
                parts[part] = format!("{before}{}{after}", parts[part]);
                assert_eq!(parse(&parts.join(".")), Err(RequestError::Malformed), "{change:?}");
            }
        }
    }
    assert_eq!(parse(&format!(" {text}")), Err(RequestError::Malformed));
    // 64 bytes leave four unused bits in the last character.
    let last = text.len() - 1;
    let spellings = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*b"-_");
    let read =
        spellings.filter(|byte| parse(&format!("{}{}", &text[..last], *byte as char)).is_ok());
    assert_eq!(read.count(), 4);
}

#[test]
fn attack_26_what_is_deep_huge_or_no_json_is_refused() {
    let device = Device::ed25519(1);
    let header = device.header().to_string();
    assert_eq!(parse(&"a".repeat(1_000_000)), Err(RequestError::TooLong));
    let padded = format!("{}{}", PAYLOAD, " ".repeat(6000));
    assert_eq!(parse(&device.forge(&header, &padded)), Err(RequestError::TooLong));
    assert_eq!(parse(&"a".repeat(8193)), Err(RequestError::TooLong));
    assert_eq!(parse(&"a".repeat(8192)), Err(RequestError::Malformed), "it is looked at");
    let deep = format!(
        r#"{{"challenge":"c","action":"auth","a":{}{}}}"#,
        "[".repeat(2500),
        "]".repeat(2500)
    );
    assert_eq!(parse(&device.forge(&header, &deep)), Err(RequestError::Malformed));
    let wrong = [
        "",
        "null",
        "[]",
        "{}",
        r#"{"challenge":"c"}"#,
        r#"{"action":"auth"}"#,
        r#"{"challenge":1,"action":"auth"}"#,
        r#"{"challenge":null,"action":"auth"}"#,
        r#"{"challenge":"c","action":["auth"]}"#,
        r#"{"challenge":"c","action":"auth"}x"#,
        r#"{"challenge":"c","action":"auth","exp":1e999}"#,
        r#"{"challenge":"c","action":"auth","exp":-9223372036854775809}"#,
        r#"{"challenge":"c","action":"auth","exp":18446744073709551616}"#,
        r#"{"challenge":"c","action":"auth","exp":null}"#,
        "{\"challenge\":\"c\",\"action\":\"auth\",}",
        "\u{feff}{\"challenge\":\"c\",\"action\":\"auth\"}",
    ];
    for payload in wrong {
        let text = device.forge(&header, payload);
        assert_eq!(parse(&text), Err(RequestError::Malformed), "{payload}");
    }
}

#[test]
fn attack_27_a_request_counts_in_its_time_only() {
    let device = Device::ed25519(1);
    let request = SignedRequest::parse(&device.request(KeyHeader::Kid)).unwrap();
    let key = device.key();
    let second = |count| Duration::from_secs(count);
    let end = NOW.plus(second(60)).plus(SKEW);
    assert!(request.verify(&key, NOW.minus(SKEW)).is_ok());
    assert_eq!(request.verify(&key, NOW.minus(SKEW).minus(second(1))), Err(RequestError::Time));
    assert!(request.verify(&key, end.minus(second(1))).is_ok());
    assert_eq!(request.verify(&key, end), Err(RequestError::Time));
    // Who does not hold the key is not told about times.
    let other = Device::ed25519(2).key();
    assert_eq!(request.verify(&other, end), Err(RequestError::Signature));
    assert!(request.verify(&key, Timestamp::MAX).is_err());
}

#[test]
fn attack_28_a_jws_of_another_type_is_refused() {
    let device = Device::ed25519(1);
    let other = [
        "vnd.authgear.biometric-request",
        "vnd.authgear.app2app-request",
        "VND.AUTHGEAR.ANONYMOUS-REQUEST",
        "application/vnd.authgear.anonymous-request",
        "JWT",
        "dpop+jwt",
        "",
    ];
    for typ in other {
        assert_eq!(parse(&device.with_header("typ", json!(typ))), Err(RequestError::Malformed));
    }
    let mut header = device.header();
    header.as_object_mut().unwrap().remove("typ");
    let text = device.forge(&header.to_string(), PAYLOAD);
    assert_eq!(parse(&text), Err(RequestError::Malformed));
}

/// The reader took an array for an object, its elements in the order in which the fields are declared:
/// `["vnd.authgear.anonymous-request","EdDSA","device-1"]` was a header, `["challenge","auth"]` were
/// claims. What one program reads and all others refuse is no request.
#[test]
fn a_header_a_payload_and_a_key_are_objects() {
    let device = Device::ed25519(1);
    let header = device.header();
    let (typ, kid) = (SignedRequest::TYPE, "device-1");
    assert_eq!(parse(&device.forge(&format!(" {header}\n"), PAYLOAD)), Ok(()));

    let array = json!([typ, "EdDSA", kid]).to_string();
    assert_eq!(parse(&device.forge(&array, PAYLOAD)), Err(RequestError::Malformed));
    let with_key = json!([typ, "EdDSA", kid, header["jwk"]]).to_string();
    assert_eq!(parse(&device.forge(&with_key, PAYLOAD)), Err(RequestError::Malformed));

    let claims = json!(["challenge", "auth"]).to_string();
    let text = device.forge(&header.to_string(), &claims);
    assert_eq!(parse(&text), Err(RequestError::Malformed));

    let key = json!(["OKP", kid, "EdDSA", "sig", ["verify"], "Ed25519", header["jwk"]["x"]]);
    assert_eq!(parse(&device.with_header("jwk", key)), Err(RequestError::Malformed));
}

proptest! {
    #[test]
    fn a_request_with_one_bit_changed_proves_nothing(
        kind in 0_usize..3,
        at in any::<prop::sample::Index>(),
        bit in 0_u8..7,
    ) {
        let device = &Device::all()[kind];
        let mut bytes = device.request(KeyHeader::Jwk).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let changed = String::from_utf8(bytes).unwrap();
        if let Ok(request) = SignedRequest::parse(&changed) {
            prop_assert!(request.verify(&device.key(), NOW).is_err());
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,300}", json in ".{0,100}") {
        prop_assert!(SignedRequest::parse(&text).is_err());
        let device = Device::ed25519(1);
        prop_assert!(SignedRequest::parse(&device.forge(&json, PAYLOAD)).is_err());
        let header = device.header().to_string();
        prop_assert!(SignedRequest::parse(&device.forge(&header, &json)).is_err());
    }
}
