//! Random bytes that are the same in every run.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

use guestpass::model::{Entropy, EntropyError};

thread_local! {
    static SIDE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Says which of several futures that come in turns goes on now on this thread.
pub(super) fn draw_for(side: Option<usize>) {
    SIDE.set(side);
}

/// Counts, and scatters the count over the bytes, so that no two draws are equal. Clones go on
/// together. For each of several futures that come in turns it counts apart, so that what one draws does not
/// depend on when the others do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counting(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// How far it has counted.
    count: u64,
    /// How far for each future that comes in turns with others.
    sides: Vec<u64>,
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

    /// Begins to count anew. What is drawn from then on differs from what was drawn before, or after another
    /// `scene`, but is in the same order whatever the scene.
    pub(crate) fn begin(&self, scene: u32) {
        let mut state = self.0.lock().unwrap();
        (state.count, state.sides) = ((u64::from(scene) + 1) << SCENE, Vec::new());
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

impl State {
    /// Counts on for whoever draws.
    fn next(&mut self) -> u64 {
        let Some(side) = SIDE.get() else {
            self.count += 1;
            return self.count - 1;
        };
        if self.sides.len() <= side {
            self.sides.resize(side + 1, 0);
        }
        self.sides[side] += 1;
        let scene = self.count >> SCENE << SCENE;
        scene + ((side as u64 + 1) << SIDES) + self.sides[side] - 1
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
            let count = state.next();
            let word = (scatter(count % (1 << SCENE)) ^ count >> SCENE).to_be_bytes();
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

/// Where in a count the scene begins. It goes to the last bits of what is drawn, so it decides no order.
const SCENE: u32 = 32;
/// Where in a count the side begins.
const SIDES: u32 = 28;

/// The finaliser of `SplitMix64`: one to one, and far apart for neighbours.
pub(super) fn scatter(count: u64) -> u64 {
    let mut word = count.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
