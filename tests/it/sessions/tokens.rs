//! Access tokens and ID tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use guestpass::credential::{Keyring, Purpose};
use guestpass::model::{ClientId, Clock, ManualClock, SystemEntropy, Timestamp};
use guestpass::store::memory::MemoryBackend;
use guestpass::{Engine as GuestpassEngine, Policy, Rejection};
use serde_json::Value;

use crate::support::{
    Held, World, app, on_every_backend, password, refresh, refused, run, seconds,
};

fn in_client(world: &World, client: &str) -> Held {
    run(world.engine.sign_up(password("ada"), refresh(client), None)).unwrap().into()
}

/// Verifies a JWT as another service would, that has nothing but the published keys.
fn verified_elsewhere(world: &World, jwt: &str) -> Option<(Value, Value)> {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let (input, signature) = jwt.rsplit_once('.')?;
    let (header, claims) = input.split_once('.')?;
    let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
    let keys = world.engine.jwks();
    let key = keys["keys"].as_array()?.iter().find(|key| key["kid"] == header["kid"])?;
    let key = VerifyingKey::from_bytes(&decode(key["x"].as_str()?)?.try_into().ok()?).ok()?;
    let signature = Signature::from_slice(&decode(signature)?).ok()?;
    key.verify_strict(input.as_bytes(), &signature).ok()?;
    Some((header, serde_json::from_slice(&decode(claims)?).ok()?))
}

#[test]
fn an_access_token_tells_whose_session_it_is_until_it_expires() {
    on_every_backend(|world| {
        for client in ["app", "jwt"] {
            let held = in_client(&world, client);
            let token = world.access_token(&held);
            let caller = run(world.engine.authenticate_access(&token)).unwrap();
            assert_eq!((caller.user.id, caller.session.id), (held.user, held.session.id));
            world.advance(seconds(1799));
            assert!(run(world.engine.authenticate_access(&token)).is_ok());
            world.advance(seconds(1));
            let answer = run(world.engine.authenticate_access(&token));
            assert_eq!(refused(answer), Rejection::AccessTokenExpired, "{client}");
        }
    });
}

#[test]
fn an_access_token_that_was_altered_is_none_of_ours() {
    on_every_backend(|world| {
        for client in ["app", "jwt"] {
            let held = in_client(&world, client);
            let token = world.access_token(&held);
            for position in [0, token.len() / 2, token.len() - 2] {
                let other = if &token[position..=position] == "A" { "B" } else { "A" };
                let mut altered = token.clone();
                altered.replace_range(position..=position, other);
                let answer = run(world.engine.authenticate_access(&altered));
                assert_eq!(refused(answer), Rejection::AccessTokenInvalid, "at {position}");
            }
            let session_token = held.token.reveal();
            let answer = run(world.engine.authenticate_access(&session_token));
            assert_eq!(refused(answer), Rejection::AccessTokenInvalid);
        }
    });
}

#[test]
fn a_jwt_access_token_verifies_elsewhere_and_says_who_it_is() {
    on_every_backend(|world| {
        let guest: Held =
            run(world.engine.sign_up_anonymously(refresh("jwt"), None)).unwrap().into();
        let token = world.access_token(&guest);
        let (header, claims) = verified_elsewhere(&world, &token).unwrap();
        assert_eq!(header["typ"], "at+jwt");
        assert_eq!(claims["sub"], guest.user.to_string());
        assert_eq!(claims["client_id"], "jwt");
        assert_eq!(claims["https://authgear.com/claims/user/is_anonymous"], true);
        let lasts = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(lasts, 1800);
    });
}

#[test]
fn the_published_keys_hold_no_private_half() {
    on_every_backend(|world| {
        let keys = world.engine.jwks();
        for key in keys["keys"].as_array().unwrap() {
            assert!(key.get("d").is_none());
            assert_eq!(key["kty"], "OKP");
        }
    });
}

#[test]
fn an_id_token_names_its_client_its_user_and_its_session() {
    on_every_backend(|world| {
        let held = in_client(&world, "app");
        let caller = world.authenticate(&held).unwrap();
        let token = world.engine.id_token(&caller, &app(), None).unwrap();
        let (_, claims) = verified_elsewhere(&world, &token).unwrap();
        assert_eq!(claims["sub"], held.user.to_string());
        assert_eq!(claims["aud"][0], "app");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
        assert_eq!(claims["https://authgear.com/claims/user/is_anonymous"], false);
        assert_eq!(world.engine.id_token_claims(&token).unwrap(), claims);
        world.advance(seconds(3600));
        assert!(world.engine.id_token_claims(&token).is_some(), "it still names somebody");
    });
}

#[test]
fn one_kind_of_token_is_not_taken_for_another() {
    on_every_backend(|world| {
        let held = in_client(&world, "jwt");
        let caller = world.authenticate(&held).unwrap();
        let jwt = ClientId::parse("jwt").unwrap();
        let id_token = world.engine.id_token(&caller, &jwt, None).unwrap();
        let answer = run(world.engine.authenticate_access(&id_token));
        assert_eq!(refused(answer), Rejection::AccessTokenInvalid);
        let access = world.access_token(&held);
        assert_eq!(world.engine.id_token_claims(&access), None);
    });
}

#[test]
fn tokens_are_for_the_client_of_the_session() {
    on_every_backend(|world| {
        let held = in_client(&world, "app");
        let caller = world.authenticate(&held).unwrap();
        let id_token = |client: &str| {
            refused(world.engine.id_token(&caller, &ClientId::parse(client).unwrap(), None))
        };
        assert_eq!(id_token("two"), Rejection::ClientMismatch);
        assert_eq!(id_token("nobody"), Rejection::ClientUnknown);
        assert_eq!(id_token("server"), Rejection::ClientNotAllowed);

        let cookie = world.regular("ada");
        let caller = world.authenticate(&cookie).unwrap();
        assert!(world.engine.id_token(&caller, &app(), None).is_ok());
        assert_eq!(refused(world.engine.access_token(&caller)), Rejection::ClientMismatch);
    });
}

#[test]
fn an_access_token_of_a_session_that_was_swept_says_why() {
    on_every_backend(|world| {
        let held = in_client(&world, "app");
        let other = in_client(&world, "app");
        let token = world.access_token(&held);
        let kept = world.access_token(&other);
        run(world.engine.sign_out(&held.token)).unwrap();
        let answer = run(world.engine.authenticate_access(&token));
        assert_eq!(refused(answer), Rejection::SessionUnknown);
        run(world.engine.sign_out_all(held.user)).unwrap();
        let answer = run(world.engine.authenticate_access(&token));
        assert_eq!(refused(answer), Rejection::SessionSuperseded);
        let answer = run(world.engine.authenticate_access(&kept));
        assert_eq!(refused(answer), Rejection::SessionSuperseded);
    });
}

/// The set once listed a retired key for as long as the file had it, so that services elsewhere went on
/// believing what a stolen key had signed.
#[test]
fn a_retired_key_is_published_only_while_it_counts() {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
    let engine = GuestpassEngine::builder(MemoryBackend::new(), keyring.clone(), Policy::default());
    let engine = engine.clock(clock.clone()).build().unwrap();
    let published = || engine.jwks()["keys"].as_array().unwrap().len();
    keyring.rotate(Purpose::IdToken, seconds(60), clock.now(), &SystemEntropy).unwrap();
    assert_eq!(published(), 2);
    clock.advance(seconds(59));
    assert_eq!(published(), 2);
    clock.advance(seconds(1));
    assert_eq!(published(), 1);
    keyring.rotate(Purpose::IdToken, seconds(0), clock.now(), &SystemEntropy).unwrap();
    assert_eq!(published(), 1, "a stolen key is not published at all");
}

/// The `jti` was an access token by itself, and others log it as something harmless.
#[test]
fn what_a_jwt_carries_is_no_access_token() {
    on_every_backend(|world| {
        let signed_up = run(world.engine.sign_up(password("ada"), refresh("jwt"), None));
        let token = world.access_token(&signed_up.unwrap().into());
        assert!(run(world.engine.authenticate_access(&token)).is_ok());
        let claims = token.split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let answer = run(world.engine.authenticate_access(claims["jti"].as_str().unwrap()));
        assert_eq!(refused(answer), Rejection::AccessTokenInvalid);
    });
}
