//! Signed tokens as they should be, and what somebody might make of them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD as BASE64};
use guestpass::credential::{Keyring, SignedRequest, jwt};
use guestpass::model::SystemEntropy;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::credentials::NOW;
use crate::credentials::three_keys::Device;
use crate::support::Random;

/// A token, and what the verifier is given with it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) token: String,
    /// The key that the verifier knows; `None` where the one in the token counts.
    pub(super) jwk: Option<Value>,
    /// Our verdict.
    pub(super) is_accepted: bool,
    /// Whether the key has signed exactly this text.
    pub(super) is_signed: bool,
    /// Whether nothing was done to it, or only what makes no difference.
    pub(super) is_honest: bool,
    /// What the header and the key in it say about the algorithm.
    pub(super) algorithms: Vec<String>,
    /// What was done to it.
    #[expect(dead_code, reason = "printed when a verdict is wrong")]
    changes: Vec<&'static str>,
}

/// Everybody who signs.
pub(super) struct Cases {
    devices: [Device; 3],
    strangers: [Device; 2],
    keyring: Keyring,
}

/// A token on its way to being signed.
struct Draft {
    header: Value,
    claims: Value,
    is_honest: bool,
    changes: Vec<&'static str>,
}

impl Draft {
    fn harmless(&mut self, change: &'static str) {
        self.changes.push(change);
    }

    fn odd(&mut self, change: &'static str) {
        self.changes.push(change);
        self.is_honest = false;
    }
}

impl Cases {
    pub(super) fn new() -> Self {
        Self {
            devices: Device::all(),
            strangers: [Device::ed25519(2), Device::p256()],
            keyring: Keyring::ephemeral(&SystemEntropy).unwrap(),
        }
    }

    pub(super) fn draw(&self, random: &mut Random) -> Case {
        if random.below(8) == 0 { self.token_of_ours(random) } else { self.request(random) }
    }

    fn request(&self, random: &mut Random) -> Case {
        let device = random.pick(&self.devices);
        let (now, is_embedded) = (NOW.as_seconds(), random.below(2) == 0);
        let own = device.header();
        let mut draft = Draft {
            header: own.clone(),
            claims: json!({"challenge": "c", "action": "auth", "iat": now, "exp": now + 60}),
            is_honest: true,
            changes: Vec::new(),
        };
        if !is_embedded {
            draft.header.as_object_mut().unwrap().remove("jwk");
        }
        for _ in 0..*random.pick(&[0, 0, 0, 1, 1, 2]) {
            match random.below(5) {
                0 | 1 => change_header(&mut draft, random),
                2 if is_embedded => self.change_key(&mut draft, random),
                2 | 3 => change_claims(&mut draft, random),
                _ => {}
            }
        }
        let named_key = if is_embedded { &draft.header["jwk"] } else { &own["jwk"] }.clone();
        let named = |value: &Value| value["alg"].as_str().map(str::to_owned);
        let algorithms = [named(&draft.header), named(&draft.header["jwk"])];
        let header = spell(draft.header.to_string(), &mut draft, random);
        let claims = spell(draft.claims.to_string(), &mut draft, random);
        let input = format!(
            "{}.{}",
            encode(&header, &mut draft, random),
            encode(&claims, &mut draft, random)
        );
        let (signature, by) = self.signature(device, &input, &mut draft, random);
        let signed = SignedRequest::assemble(&input, &signature);
        let token = on_the_way(&signed, &mut draft, random);

        let is_accepted = SignedRequest::parse(&token).is_ok_and(|request| {
            let known = device.key();
            let key = if is_embedded { request.jwk() } else { Some(&known) };
            key.is_some_and(|key| request.verify(key, NOW).is_ok())
        });
        Case {
            is_accepted,
            is_signed: by.is_some_and(|key| is_same_key(&named_key, &key)) && token == signed,
            is_honest: draft.is_honest,
            jwk: (!is_embedded).then(|| own["jwk"].clone()),
            algorithms: algorithms.into_iter().flatten().collect(),
            changes: draft.changes,
            token,
        }
    }

    /// A JWT that we have signed ourselves, perhaps changed on its way.
    fn token_of_ours(&self, random: &mut Random) -> Case {
        let typ = *random.pick(&["JWT", "JWT", "at+jwt"]);
        let mut draft = Draft {
            header: Value::Null,
            claims: json!({"sub": "usr_1", "n": random.number()}),
            is_honest: typ == "JWT",
            changes: vec![typ],
        };
        let signed = jwt::sign(&draft.claims, typ, &self.keyring).unwrap();
        let token = on_the_way(&signed, &mut draft, random);
        Case {
            is_accepted: jwt::verify_own(&token, "JWT", &self.keyring, NOW).is_some(),
            is_signed: token == signed,
            is_honest: draft.is_honest,
            jwk: Some(jwt::jwks(&self.keyring, NOW)["keys"][0].clone()),
            algorithms: Vec::new(),
            changes: draft.changes,
            token,
        }
    }

    /// Another key in the header, or another spelling of the same one.
    fn change_key(&self, draft: &mut Draft, random: &mut Random) {
        let jwk = &mut draft.header["jwk"];
        if !jwk.is_object() {
            return;
        }
        let number = if jwk.get("n").is_some() { "n" } else { "x" };
        let text = jwk[number].as_str().unwrap_or_default().to_owned();
        let remove = |jwk: &mut Value, name| drop(jwk.as_object_mut().unwrap().remove(name));
        match random.below(14) {
            0 => {
                remove(jwk, "alg");
                draft.harmless("a key without alg");
            }
            1 => {
                remove(jwk, "kid");
                draft.harmless("a key without kid");
            }
            2 => {
                jwk["use"] = "sig".into();
                draft.harmless("a key for signatures");
            }
            3 => {
                jwk["key_ops"] = json!(["verify"]);
                draft.harmless("a key to verify with");
            }
            4 => {
                jwk["use"] = random.pick(&[json!("enc"), json!(1), Value::Null, json!("")]).clone();
                draft.odd("a key for something else");
            }
            5 => {
                let ops =
                    [json!(["sign"]), json!([]), json!(["verify", "encrypt"]), json!("verify")];
                jwk["key_ops"] = random.pick(&ops).clone();
                draft.odd("a key to do something else with");
            }
            6 => {
                let name = *random.pick(&["d", "p", "q", "k", "oth"]);
                jwk[name] = "AQAB".into();
                draft.odd("a private half");
            }
            7 => {
                let kty = *random.pick(&["oct", "OKP", "EC", "RSA", "ec", ""]);
                jwk["kty"] = kty.into();
                draft.odd("a key of another type");
            }
            8 => {
                let crv = *random.pick(&["P-256", "P-384", "Ed25519", "Ed448", "X25519"]);
                jwk["crv"] = crv.into();
                draft.odd("a key on another curve");
            }
            9 if number == "n" => {
                let bytes = BASE64.decode(&text).unwrap_or_default();
                jwk["n"] = BASE64.encode([&[0], bytes.as_slice()].concat()).into();
                draft.odd("a number with a sign");
            }
            9 | 10 => {
                jwk[number] = format!("{text}{}", random.pick(&["=", "==", " ", "\n", "A"])).into();
                draft.odd("a longer number");
            }
            11 => {
                jwk[number] = text[..text.len().saturating_sub(1)].into();
                draft.odd("a shorter number");
            }
            12 => {
                *jwk = random.pick(&self.strangers).header()["jwk"].clone();
                draft.odd("the key of a stranger");
            }
            _ => {
                let values: Vec<Value> = jwk.as_object().unwrap().values().cloned().collect();
                *jwk = values.into();
                draft.odd("a key as an array");
            }
        }
    }

    /// A signature, and the key of whoever has signed, if anybody has.
    fn signature(
        &self,
        device: &Device,
        input: &str,
        draft: &mut Draft,
        random: &mut Random,
    ) -> (Vec<u8>, Option<Value>) {
        let own = device.sign(input);
        let own_key = Some(device.header()["jwk"].clone());
        if random.below(4) != 0 {
            return (own, own_key);
        }
        let forged = match random.below(9) {
            0 => {
                let stranger = random.pick(&self.strangers);
                draft.odd("the signature of a stranger");
                return (stranger.sign(input), Some(stranger.header()["jwk"].clone()));
            }
            1 => {
                // The public key, or nothing, as the key of a MAC.
                let key = device.header()["jwk"].to_string();
                let key = random.pick(&["", key.as_str()]).as_bytes();
                let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
                mac.update(input.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            2 => Vec::new(),
            3 => vec![0; own.len()],
            4 => {
                let mut flipped = own.clone();
                let at = random.below(flipped.len());
                flipped[at] ^= 1 << random.below(8);
                flipped
            }
            5 => own[..random.below(own.len())].to_vec(),
            6 => [own.as_slice(), &[0]].concat(),
            7 => [&[0], own.as_slice()].concat(),
            _ => device.sign(&format!("{input} ")),
        };
        draft.odd("another signature");
        let signer = own_key.filter(|_| forged == own);
        (forged, signer)
    }
}

/// Whether two JWKs are of one key, whatever else they say. A leading zero does not change a number.
fn is_same_key(one: &Value, other: &Value) -> bool {
    let modulus = |jwk: &Value| {
        let text = jwk.get("n")?.as_str()?.to_owned();
        let bytes = BASE64.decode(text).ok()?;
        Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>())
    };
    let is_same = |name: &str| one.get(name) == other.get(name);
    ["kty", "crv", "x", "y", "e"].into_iter().all(is_same)
        && one.get("n").is_some() == other.get("n").is_some()
        && modulus(one) == modulus(other)
}

fn change_header(draft: &mut Draft, random: &mut Random) {
    let header = &mut draft.header;
    match random.below(7) {
        0 | 1 => {
            let algorithms = [
                "none", "None", "NONE", "", "HS256", "HS512", "RS512", "PS256", "ES384", "ES256K",
                "ES256", "RS256", "EdDSA", "Ed25519", "Ed448", "eddsa", "es256", " ES256",
                "RS256\0",
            ];
            header["alg"] = (*random.pick(&algorithms)).into();
            draft.odd("another algorithm");
        }
        2 => {
            let types = [json!("JWT"), json!("at+jwt"), Value::Null, json!(1), json!("")];
            header["typ"] = random.pick(&types).clone();
            draft.odd("another type");
        }
        3 => {
            let critical = [
                ("crit", json!(["exp"])),
                ("crit", json!([])),
                ("crit", json!(["b64"])),
                ("b64", json!(false)),
                ("b64", json!(true)),
                ("zip", json!("DEF")),
            ];
            let (name, value) = random.pick(&critical).clone();
            header[name] = value;
            draft.odd("something critical");
        }
        4 => {
            let name = *random.pick(&["jku", "x5u", "x5t", "cty", "nonce", "unknown"]);
            header[name] = "https://evil.example/keys".into();
            draft.harmless("something that does nothing");
        }
        5 => {
            let kids = [json!(1), Value::Null, json!(""), json!("../device"), json!(["device-1"])];
            header["kid"] = random.pick(&kids).clone();
            draft.odd("another name");
        }
        _ => {
            let name = *random.pick(&["alg", "typ", "kid", "jwk"]);
            header.as_object_mut().unwrap().remove(name);
            draft.odd("something left out");
        }
    }
}

fn change_claims(draft: &mut Draft, random: &mut Random) {
    let claims = &mut draft.claims;
    if !claims.is_object() {
        return;
    }
    match random.below(4) {
        0 => {
            let name = *random.pick(&["exp", "iat", "nbf"]);
            let now = NOW.as_seconds();
            let times = [
                json!(now - 3600),
                json!(now + 3600),
                json!(-1),
                json!(1e300),
                json!("soon"),
                Value::Null,
                json!(true),
            ];
            claims[name] = random.pick(&times).clone();
            draft.odd("another time");
        }
        1 => {
            let actions =
                [json!("Auth"), json!({"auth": null}), json!(["auth"]), json!(0), json!("")];
            claims["action"] = random.pick(&actions).clone();
            draft.odd("another action");
        }
        2 => {
            claims["sub"] = json!({"nested": [1, 2, {"a": "b"}]});
            draft.harmless("another claim");
        }
        _ => {
            let values: Vec<Value> = claims.as_object().unwrap().values().cloned().collect();
            draft.claims = values.into();
            draft.odd("claims as an array");
        }
    }
}

/// Another spelling of the same JSON, or of JSON that is nearly the same.
fn spell(json: String, draft: &mut Draft, random: &mut Random) -> Vec<u8> {
    match random.below(24) {
        0 => {
            draft.harmless("space around");
            format!(" \t{json}\r\n").into_bytes()
        }
        1 => {
            draft.harmless("space within");
            json.replacen(':', " : ", 1).into_bytes()
        }
        2 => {
            draft.harmless("an escape");
            json.replacen("\"a", "\"\\u0061", 1).into_bytes()
        }
        3 => {
            draft.odd("a byte order mark");
            format!("\u{feff}{json}").into_bytes()
        }
        4 => {
            draft.odd("a name that occurs twice");
            let first = json.split(',').next().unwrap_or_default().trim_matches(['{', '}']);
            json.replacen('{', &format!("{{{first},"), 1).into_bytes()
        }
        5 => {
            draft.odd("something behind");
            format!("{json}{}", random.pick(&["{}", ",", "\0", "x", "//"])).into_bytes()
        }
        6 => {
            draft.odd("a byte that is no text");
            let mut bytes = json.into_bytes();
            let at = random.below(bytes.len());
            bytes[at] = 0xff;
            bytes
        }
        7 => {
            draft.odd("JSON that is nearly JSON");
            let other = [json.replace('"', "'"), json.replacen('}', ",}", 1), format!("[{json}]")];
            random.pick(&other).clone().into_bytes()
        }
        _ => json.into_bytes(),
    }
}

/// The one spelling in base64url, or another that some readers take; it is signed as it is here.
fn encode(bytes: &[u8], draft: &mut Draft, random: &mut Random) -> String {
    let text = BASE64.encode(bytes);
    if random.below(16) != 0 {
        return text;
    }
    let other = match random.below(4) {
        0 => URL_SAFE.encode(bytes),
        1 => STANDARD.encode(bytes),
        2 => format!("{text}{}", random.pick(&["=", " ", "\n", "A"])),
        _ => unused_bit(&text, bytes.len()),
    };
    if other != text {
        draft.odd("another alphabet");
    }
    other
}

/// Sets a bit of the last character that stands for none of the bytes, if there is one.
fn unused_bit(text: &str, bytes: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = text.bytes().last().unwrap_or_default();
    match ALPHABET.iter().position(|one| *one == last) {
        Some(value) if !bytes.is_multiple_of(3) => {
            format!("{}{}", &text[..text.len() - 1], char::from(ALPHABET[value ^ 1]))
        }
        Some(_) | None => text.to_owned(),
    }
}

/// What becomes of a token after it was signed.
fn on_the_way(signed: &str, draft: &mut Draft, random: &mut Random) -> String {
    if random.below(8) != 0 {
        return signed.to_owned();
    }
    let parts: Vec<&str> = signed.split('.').collect();
    let token = match random.below(9) {
        0 => {
            format!("{signed}{}", random.pick(&["\n", " ", "=", ".", "A", "\0", "..", "\u{200b}"]))
        }
        1 => format!("{}{signed}", random.pick(&["\n", " ", ".", "\u{feff}", "Bearer "])),
        2 => signed[..random.below(signed.len())].to_owned(),
        3 => format!("{}.{}.", parts[0], parts[1]),
        4 => format!("{}..{}", parts[0], parts[2]),
        5 => format!("{}.{}.{}", parts[1], parts[0], parts[2]),
        6 => unused_bit(signed, BASE64.decode(parts[2]).map_or(0, |bytes| bytes.len())),
        7 => {
            let mut bytes = signed.as_bytes().to_vec();
            let at = random.below(bytes.len());
            bytes[at] = *random.pick(b"ABCabc012-_=+/. ");
            String::from_utf8(bytes).unwrap()
        }
        _ => json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string(),
    };
    if token != signed {
        draft.odd("changed on its way");
    }
    token
}
