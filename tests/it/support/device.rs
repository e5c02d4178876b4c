//! A device that holds an Ed25519 key.

use ed25519_dalek::{Signer, SigningKey};
use guestpass::Engine;
use guestpass::credential::{Action, KeyHeader, SignedRequest, device_key};
use guestpass::model::{DeviceKey, KeyId, PublicKey};

/// A device, with the private half of its key.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    secret: SigningKey,
    pub(crate) key: DeviceKey,
}

impl Device {
    /// The device with this number; its key has a name of its own.
    pub(crate) fn new(number: u8) -> Self {
        Self::named(number, &format!("device-{number:03}"))
    }

    /// The device with this number, whose key is called `kid`.
    pub(crate) fn named(number: u8, kid: &str) -> Self {
        Self::with_secret([number.wrapping_add(1); 32], kid)
    }

    /// One of more devices than a byte can count.
    pub(crate) fn of_many(number: u32) -> Self {
        let mut secret = [0x5a; 32];
        secret[..4].copy_from_slice(&number.to_be_bytes());
        Self::with_secret(secret, &format!("one-of-many-{number:010}"))
    }

    fn with_secret(secret: [u8; 32], kid: &str) -> Self {
        let secret = SigningKey::from_bytes(&secret);
        let public = PublicKey::Ed25519(secret.verifying_key().to_bytes());
        let key = device_key::name(public, KeyId::parse(kid).unwrap()).unwrap();
        Self { secret, key }
    }

    /// A signed answer to a new challenge, with the key in its header.
    pub(crate) fn request(&self, engine: &Engine, action: Action) -> String {
        self.answer(engine, &engine.challenge().unwrap().text, action, KeyHeader::Jwk)
    }

    /// A signed answer to a new challenge, with only the name of the key in its header.
    pub(crate) fn request_by_name(&self, engine: &Engine, action: Action) -> String {
        self.answer(engine, &engine.challenge().unwrap().text, action, KeyHeader::Kid)
    }

    /// A signed answer to `challenge`.
    pub(crate) fn answer(
        &self,
        engine: &Engine,
        challenge: &str,
        action: Action,
        header: KeyHeader,
    ) -> String {
        let input =
            SignedRequest::signing_input(challenge, action, &self.key, header, engine.now());
        SignedRequest::assemble(&input, &self.secret.sign(input.as_bytes()).to_bytes())
    }

    /// What `owner` would sign, signed by this device instead.
    pub(crate) fn forge(&self, owner: &Self, engine: &Engine, action: Action) -> String {
        let challenge = engine.challenge().unwrap().text;
        let (key, header) = (&owner.key, KeyHeader::Kid);
        let input = SignedRequest::signing_input(&challenge, action, key, header, engine.now());
        SignedRequest::assemble(&input, &self.secret.sign(input.as_bytes()).to_bytes())
    }
}
