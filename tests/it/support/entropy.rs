//! Random bytes that are the same in every run.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

use guestpass::model::{Entropy, EntropyError};

/// Counts, and scatters the count over the bytes, so that no two draws are equal. Clones go on
/// together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counting(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// How far it has counted.
    count: u64,
    /// Draws since the fault was last set.
    draws: u64,
    fault: Fault,
}

/// What becomes of draws from one on.
#[derive(Clone, Copy, Debug, Default)]
enum Fault {
    #[default]
    None,
    Dry(u64),
    Panic(u64),
    Same(u64),
    Again {
        at: u64,
        from: u64,
    },
}

impl Counting {
    /// Counts from `first` on: what a process draws that goes on where another has died.
    pub(crate) fn from(first: u64) -> Self {
        Self(Arc::new(Mutex::new(State { count: first, ..State::default() })))
    }

    /// Lets `draws` more succeed, and none after them.
    pub(crate) fn dry_up_after(&self, draws: u64) {
        self.set(Fault::Dry(draws));
    }

    /// Lets `draws` more succeed, and panics then, once.
    pub(crate) fn panic_after(&self, draws: u64) {
        self.set(Fault::Panic(draws));
    }

    /// Lets `draws` more differ, and gives the same bytes after them.
    pub(crate) fn stop_after(&self, draws: u64) {
        self.set(Fault::Same(draws));
    }

    /// After `draws` more, gives once more what was drawn since it had counted to `from`.
    pub(crate) fn begin_again_after(&self, draws: u64, from: u64) {
        self.set(Fault::Again { at: draws, from });
    }

    /// Lets all succeed again.
    pub(crate) fn flow(&self) {
        self.set(Fault::None);
    }

    /// How far it has counted.
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().unwrap().count
    }

    /// How many draws there were since it was last told what to do.
    pub(crate) fn draws(&self) -> u64 {
        self.0.lock().unwrap().draws
    }

    fn set(&self, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        (state.fault, state.draws) = (fault, 0);
    }
}

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut state = self.0.lock().unwrap();
        let draw = state.draws;
        state.draws += 1;
        let count = state.count;
        match state.fault {
            Fault::Dry(after) if after <= draw => return Err(EntropyError),
            Fault::Panic(at) if at == draw => {
                // The lock is this test's, and must not be lost to it. No word on standard error.
                drop(state);
                resume_unwind(Box::new("injected"));
            }
            Fault::Again { at, from } if at == draw => state.count = from,
            Fault::None
            | Fault::Dry(_)
            | Fault::Panic(_)
            | Fault::Same(_)
            | Fault::Again { .. } => {}
        }
        for chunk in bytes.chunks_mut(8) {
            let word = scatter(state.count).to_be_bytes();
            state.count += 1;
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        match state.fault {
            Fault::Same(after) if after <= draw => state.count = count,
            Fault::None
            | Fault::Dry(_)
            | Fault::Panic(_)
            | Fault::Same(_)
            | Fault::Again { .. } => {}
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
