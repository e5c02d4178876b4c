//! Looking for what is here in a moment, instead of sleeping until it is.
//!
//! To wake a thread whose core has nothing else to do takes tens of microseconds, longer than a small
//! transaction that does not wait for the disk. Who writes alone, one write after the other, would wait
//! twice for that. So both sides look for a moment; but only while what they wait for has come soon each
//! time of late, because whoever looks in vain keeps a core from others.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Whether to look, which depends on what came of it before.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    /// How often in a row it came soon.
    streak: AtomicU32,
}

impl Lookout {
    /// Looks for it if that is likely to pay, until `limit` at the longest.
    pub(super) fn look<T>(&self, limit: Duration, mut find: impl FnMut() -> Option<T>) -> Look<T> {
        let streak = self.streak.load(Ordering::Relaxed);
        if streak < TRIED {
            return Look::NotTried;
        }
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(found) = find() {
                let is_over = TRIED + LOOKS <= streak;
                self.streak.store(if is_over { 0 } else { streak + 1 }, Ordering::Relaxed);
                return Look::Found(found);
            }
            std::thread::yield_now();
        }
        self.streak.store(0, Ordering::Relaxed);
        Look::InVain
    }

    /// Notes that it came after so long, without looking. Being woken may have been half of that.
    pub(super) fn note(&self, waited: Duration, limit: Duration) {
        let streak = if waited <= limit * 2 {
            self.streak.load(Ordering::Relaxed).saturating_add(1)
        } else {
            0
        };
        self.streak.store(streak, Ordering::Relaxed);
    }
}

/// What came of looking.
pub(super) enum Look<T> {
    Found(T),
    InVain,
    NotTried,
}

/// So often in a row it must have come soon without looking.
const TRIED: u32 = 4;
/// After so many looks it must come soon without looking again. Otherwise tasks on one thread that begin
/// to write at the same time would write one after the other for ever, each looking for its own answer
/// while the others cannot ask.
const LOOKS: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(1);

    fn looks(lookout: &Lookout) -> bool {
        matches!(lookout.look(LIMIT, || Some(())), Look::Found(()))
    }

    #[test]
    fn nobody_looks_before_it_came_soon_some_times() {
        let lookout = Lookout::default();
        for _ in 0..TRIED {
            assert!(!looks(&lookout));
            lookout.note(LIMIT, LIMIT);
        }
        assert!(looks(&lookout));
        lookout.note(LIMIT * 3, LIMIT);
        assert!(!looks(&lookout));
    }

    #[test]
    fn nobody_looks_again_at_once_who_has_looked_in_vain() {
        let lookout = Lookout { streak: AtomicU32::new(TRIED) };
        assert!(matches!(lookout.look(LIMIT, || None::<()>), Look::InVain));
        assert!(!looks(&lookout));
    }

    #[test]
    fn nobody_looks_for_ever() {
        let lookout = Lookout { streak: AtomicU32::new(TRIED) };
        let looked = (0..10 * LOOKS).take_while(|_| looks(&lookout)).count();
        assert_eq!(looked, usize::try_from(LOOKS + 1).unwrap());
    }
}
