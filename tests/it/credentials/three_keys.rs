//! A device with a key of each of the three kinds.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ed25519_dalek::{Signer, SigningKey};
use guestpass::credential::{Action, KeyHeader, SignedRequest, device_key};
use guestpass::model::{DeviceKey, KeyId, PublicKey};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaPublicKeyComponents,
};
use serde_json::Value;

use super::NOW;

/// A device with a key of one of the three kinds.
pub(crate) enum Device {
    Ed25519(SigningKey),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Device {
    pub(crate) fn ed25519(seed: u8) -> Self {
        Self::Ed25519(SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn p256() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
    }

    pub(crate) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::from_pkcs8(include_bytes!("rsa_2048.pk8")).unwrap())
    }

    pub(crate) fn all() -> [Self; 3] {
        [Self::ed25519(1), Self::p256(), Self::rsa()]
    }

    pub(crate) fn key(&self) -> DeviceKey {
        let public = match self {
            Self::Ed25519(key) => PublicKey::Ed25519(key.verifying_key().to_bytes()),
            Self::P256(key) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(32);
                PublicKey::P256 { x: x.try_into().unwrap(), y: y.try_into().unwrap() }
            }
            Self::Rsa(key) => {
                let RsaPublicKeyComponents { n, e } = key.public().into();
                PublicKey::Rsa { n, e }
            }
        };
        device_key::name(public, KeyId::parse("device-1").unwrap()).unwrap()
    }

    pub(crate) fn sign(&self, message: &str) -> Vec<u8> {
        let (message, random) = (message.as_bytes(), SystemRandom::new());
        match self {
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Self::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    pub(crate) fn request(&self, header: KeyHeader) -> String {
        let input =
            SignedRequest::signing_input("challenge", Action::Auth, &self.key(), header, NOW);
        SignedRequest::assemble(&input, &self.sign(&input))
    }

    /// The header that the device sends with its key in it.
    pub(crate) fn header(&self) -> Value {
        let text = self.request(KeyHeader::Jwk);
        let header = BASE64.decode(text.split('.').next().unwrap()).unwrap();
        serde_json::from_slice(&header).unwrap()
    }

    /// A request with any header and payload, signed as it should be.
    pub(crate) fn forge(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
        SignedRequest::assemble(&input, &self.sign(&input))
    }

    pub(crate) fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.forge(&header.to_string(), PAYLOAD)
    }

    pub(crate) fn with_jwk(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header["jwk"][name] = value;
        self.forge(&header.to_string(), PAYLOAD)
    }
}

/// The claims of a request that asks for nothing more than it must.
pub(crate) const PAYLOAD: &str = r#"{"challenge":"challenge","action":"auth"}"#;
