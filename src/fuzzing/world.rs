//! The surroundings of a body: entropy that counts, a waiting thread, a directory in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake};
use std::thread::Thread;

use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

use crate::credential::{Action, Argon2Params, HasherOptions, KeyHeader, SignedRequest};
use crate::credential::{Keyring, device_key};
use crate::model::{DeviceKey, Entropy, EntropyError, KeyId, PublicKey, Timestamp};

/// When everything happens.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Bytes that never repeat and are the same in every run.
///
/// Clones go on counting together.
#[derive(Clone, Debug, Default)]
pub(super) struct CountingEntropy(Arc<AtomicU64>);

impl CountingEntropy {
    /// Another sequence for each `seed`.
    pub(super) fn seeded(seed: u32) -> Self {
        let entropy = Self::default();
        entropy.restart(seed);
        entropy
    }

    /// Goes on with another sequence.
    pub(super) fn restart(&self, seed: u32) {
        self.0.store(u64::from(seed) << 32, Ordering::Relaxed);
    }
}

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in bytes.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&Sha256::digest(count.to_be_bytes())[..chunk.len()]);
        }
        Ok(())
    }
}

pub(super) fn keyring(seed: u32) -> Keyring {
    Keyring::ephemeral(&CountingEntropy::seeded(seed)).expect("counting does not fail")
}

/// Fast, and as fast to break.
pub(super) fn hasher() -> HasherOptions {
    HasherOptions { params: Argon2Params::for_tests(), threads: 1, ..HasherOptions::default() }
}

/// A device with its key.
pub(super) struct Device {
    signing: SigningKey,
    pub(super) key: DeviceKey,
}

impl Device {
    pub(super) fn new(number: u8) -> Self {
        let signing = SigningKey::from_bytes(&[number.wrapping_add(1); 32]);
        let kid = KeyId::parse(&format!("device-{number:03}")).expect("long enough");
        let public = PublicKey::Ed25519(signing.verifying_key().to_bytes());
        let key = device_key::name(public, kid).expect("a strong key");
        Self { signing, key }
    }

    pub(super) fn sign(
        &self,
        challenge: &str,
        action: Action,
        header: KeyHeader,
        now: Timestamp,
    ) -> String {
        let input = SignedRequest::signing_input(challenge, action, &self.key, header, now);
        SignedRequest::assemble(&input, &self.signing.sign(input.as_bytes()).to_bytes())
    }
}

/// Waits on this thread until `future` is done.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A directory of its own, in memory where there is one, gone when dropped.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("guestpass-fuzz-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).expect("a place for files");
        Self(path)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind is in nobody's way.
        let _ = fs::remove_dir_all(&self.0);
    }
}
