//! A guest on a device with a key of its own, in process and without any network protocol: it signs up,
//! loses its session, signs in again as the same user, and is promoted under the same `sub`.

use ed25519_dalek::{Signer, SigningKey};
use guestpass::credential::{Action, KeyHeader, Keyring, SignedRequest, device_key};
use guestpass::engine::Issued;
use guestpass::model::{
    DeviceKey, Entropy, KeyId, LoginId, LoginIdType, PublicKey, SessionKind, SystemEntropy,
    Timestamp,
};
use guestpass::store::memory::MemoryBackend;
use guestpass::{Credential, Engine, Open, Policy};

/// What a device keeps: the private half never leaves it.
struct Device {
    key: SigningKey,
    public: DeviceKey,
}

impl Device {
    /// Signs the answer to a challenge; the first time, the public key goes with it.
    fn sign(
        &self,
        challenge: &Issued,
        action: Action,
        header: KeyHeader,
        now: Timestamp,
    ) -> String {
        let public = &self.public;
        let input = SignedRequest::signing_input(&challenge.text, action, public, header, now);
        let signature = self.key.sign(input.as_bytes());
        SignedRequest::assemble(&input, &signature.to_bytes())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keyring = Keyring::ephemeral(&SystemEntropy)?;
    let engine = Engine::builder(MemoryBackend::new(), keyring, Policy::default()).build()?;
    let session = || Open::Session(SessionKind::Cookie);

    let mut seed = [0; 32];
    SystemEntropy.fill(&mut seed)?;
    let key = SigningKey::from_bytes(&seed);
    let kid = KeyId::parse("phone-of-ada").ok_or("not a key ID")?;
    let public = device_key::name(PublicKey::Ed25519(key.verifying_key().to_bytes()), kid)?;
    let device = Device { key, public };

    // The first sight of the key signs its holder up.
    let request = device.sign(&engine.challenge()?, Action::Auth, KeyHeader::Jwk, engine.now());
    let signed_up = engine.sign_in_with_device_key(&request, session(), None).await?;
    let sub = signed_up.user.id;
    println!("signed up as {sub}, anonymous: {}", signed_up.user.is_anonymous());

    // Every session is gone, but the key is not: the same user comes back.
    engine.sign_out_all(sub).await?;
    let request = device.sign(&engine.challenge()?, Action::Auth, KeyHeader::Kid, engine.now());
    let again = engine.sign_in_with_device_key(&request, session(), None).await?;
    assert_eq!(again.user.id, sub);
    println!("signed in again as {}", again.user.id);

    // Promotion needs a signature for exactly that.
    let request = device.sign(&engine.challenge()?, Action::Promote, KeyHeader::Kid, engine.now());
    let guest = engine.guest_by_key(&request).await?;
    let email = LoginId::parse(LoginIdType::Email, "ada@example.com")?;
    let credential = Credential::password(email, "correct horse battery staple");
    let promoted = engine.promote(&guest, credential, session(), None).await?;
    assert_eq!(promoted.user.id, sub);
    println!("promoted {}, anonymous: {}", promoted.user.id, promoted.user.is_anonymous());

    // The key has done its work; it says what became of the guest, and opens nothing.
    let request = device.sign(&engine.challenge()?, Action::Auth, KeyHeader::Kid, engine.now());
    let refused = engine.sign_in_with_device_key(&request, session(), None).await;
    println!("the key by now: {}", refused.err().ok_or("the key still opened a session")?);
    Ok(())
}
