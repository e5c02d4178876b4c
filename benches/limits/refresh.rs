//! Refreshing: a refresh token becomes an access token and an ID token.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use futures_executor::block_on;
use guestpass::credential::SessionToken;
use guestpass::model::{ClientId, TokenDigest};
use guestpass::store::sqlite::Durability;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::Outcome;
use crate::authenticate::{SQLITE_TURN, Texts};
use crate::bench::Bench;
use crate::guests::CLIENT;
use crate::measure::{ROUNDS, Share, race};
use crate::raw::Raw;
use crate::report::Line;

pub(crate) fn lines(bench: &Bench) -> Outcome<Vec<Line>> {
    let path = bench.large_file()?;
    let engine = bench.engine_on(path, Durability::Full)?;
    let raw = Raw::open_to_read(path)?;
    let client = ClientId::parse(CLIENT).ok_or("no name of a client")?;
    let mut tokens = Texts::refresh_tokens(bench.args.guests, SQLITE_TURN / 4);
    let mut same = tokens.clone();
    let mut length = 0;
    let mut ours = || {
        let texts = tokens.next();
        Share::of(texts.len(), || {
            for text in texts {
                let token = SessionToken::parse(text).ok_or("no refresh token")?;
                let caller = block_on(engine.refresh(&token, &client))?;
                black_box(engine.access_token(&caller)?);
                length = black_box(engine.id_token(&caller, &client, None)?).len();
            }
            Ok(())
        })
    };
    ours()?;
    let (mac, key) = (Hmac::<Sha256>::new_from_slice(&[7; 32])?, SigningKey::from_bytes(&[7; 32]));
    let mut limit = || {
        let texts = same.next();
        Share::of(texts.len(), || {
            texts.iter().try_for_each(|text| {
                let mut token = [0; 32];
                URL_SAFE_NO_PAD.decode_slice(text, &mut token)?;
                let digest = TokenDigest::from_bytes(Sha256::digest(token).into());
                black_box(raw.resolve(&digest)?.ok_or("no session")?);
                for _ in 0..2 {
                    let mut mac = mac.clone();
                    mac.update(&[7; ACCESS_TOKEN]);
                    black_box(mac.finalize());
                }
                black_box(key.sign(&[7; ID_TOKEN]));
                Ok(())
            })
        })
    };
    let race = race(ROUNDS, &mut ours, &mut limit)?;
    // Beyond the 86 characters of its signature and the dot.
    let signed = length.saturating_sub(87);
    if signed.abs_diff(ID_TOKEN) > 64 {
        return Err(format!("an ID token signs {signed} bytes, not about {ID_TOKEN}").into());
    }
    let words = (
        "refresh: an access token and an ID token, from SQLite",
        "the same reads on one raw connection, two MACs, one Ed25519 signature",
    );
    Ok(vec![Line::of_race("refresh", words, race, 0.75)])
}

/// Bytes under the MAC of an access token.
const ACCESS_TOKEN: usize = 77;
/// Bytes under the signature of an ID token.
const ID_TOKEN: usize = 620;
