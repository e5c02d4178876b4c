//! Random bytes that are the same in every run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use guestpass::model::{Entropy, EntropyError};

/// Counts, and scatters the count over the bytes, so that no two draws are equal. Clones go on
/// together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counting {
    drawn: Arc<AtomicU64>,
    left: Arc<AtomicU64>,
    is_dry: Arc<AtomicU64>,
}

impl Counting {
    /// Counts from `first` on: what a process draws that goes on where another has died.
    pub(crate) fn from(first: u64) -> Self {
        Self { drawn: Arc::new(AtomicU64::new(first)), ..Self::default() }
    }

    /// Lets `draws` more succeed, and none after them.
    pub(crate) fn dry_up_after(&self, draws: u64) {
        self.left.store(draws, Ordering::SeqCst);
        self.is_dry.store(1, Ordering::SeqCst);
    }

    /// Lets all succeed again.
    pub(crate) fn flow(&self) {
        self.is_dry.store(0, Ordering::SeqCst);
    }
}

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if self.is_dry.load(Ordering::SeqCst) == 1 {
            let left = self.left.load(Ordering::SeqCst);
            self.left.store(left.checked_sub(1).ok_or(EntropyError)?, Ordering::SeqCst);
        }
        for chunk in bytes.chunks_mut(8) {
            let word = scatter(self.drawn.fetch_add(1, Ordering::SeqCst)).to_be_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

/// The finaliser of `SplitMix64`: one to one, and far apart for neighbours.
pub(super) fn scatter(count: u64) -> u64 {
    let mut word = count.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
