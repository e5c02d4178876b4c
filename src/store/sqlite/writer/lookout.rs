//! Looking for what is here in a moment, instead of sleeping until it is.
//!
//! To wake a thread whose core has nothing else to do takes tens of microseconds, longer than a small
//! transaction that does not wait for the disk. Who writes alone, one write after the other, would wait
//! twice for that. So both sides look for a moment; but only while what they wait for comes soon more
//! often than not, because whoever looks in vain keeps a core from others.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Whether to look, which depends on what came of it before.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    /// Higher the more often it came soon of late. None of the two need be exact.
    score: AtomicU32,
    /// How often in a row it was looked for.
    looks: AtomicU32,
}

impl Lookout {
    /// Looks for it if that is likely to pay, until `limit` at the longest.
    pub(super) fn look<T>(&self, limit: Duration, mut find: impl FnMut() -> Option<T>) -> Look<T> {
        if self.score.load(Ordering::Relaxed) < PAYS {
            return Look::NotTried;
        }
        let looks = self.looks.load(Ordering::Relaxed);
        self.looks.store(looks + 1, Ordering::Relaxed);
        if MOST_LOOKS <= looks {
            self.forget();
            return Look::NotTried;
        }
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(found) = find() {
                self.came_soon();
                return Look::Found(found);
            }
            std::thread::yield_now();
        }
        self.came_late();
        Look::InVain
    }

    /// Notes that it came after so long, without looking. Being woken may have been half of that.
    pub(super) fn note(&self, waited: Duration, limit: Duration) {
        if waited <= limit * 2 { self.came_soon() } else { self.came_late() }
    }

    fn came_soon(&self) {
        let score = self.score.load(Ordering::Relaxed) + SOON;
        self.score.store(score.min(MOST), Ordering::Relaxed);
    }

    fn came_late(&self) {
        let score = self.score.load(Ordering::Relaxed);
        self.score.store(score.saturating_sub(LATE), Ordering::Relaxed);
    }

    fn forget(&self) {
        self.score.store(0, Ordering::Relaxed);
        self.looks.store(0, Ordering::Relaxed);
    }
}

/// What came of looking.
pub(super) enum Look<T> {
    Found(T),
    InVain,
    NotTried,
}

/// It is looked for while it comes soon three times as often as late, and a little longer.
const SOON: u32 = 1;
const LATE: u32 = 2;
const PAYS: u32 = 4;
const MOST: u32 = 8;
/// After so many looks it must come soon without looking again. Otherwise tasks on one thread that begin
/// to write at the same time would write one after the other for ever, each looking for its own answer
/// while the others cannot ask.
const MOST_LOOKS: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);
    const LATE_BY: Duration = Duration::from_secs(121);

    fn looks(lookout: &Lookout) -> bool {
        matches!(lookout.look(LIMIT, || Some(())), Look::Found(()))
    }

    /// After it came soon as often as it must.
    fn sure() -> Lookout {
        let lookout = Lookout::default();
        for _ in 0..MOST {
            lookout.note(LIMIT, LIMIT);
        }
        lookout
    }

    #[test]
    fn nobody_looks_before_it_came_soon_some_times() {
        let lookout = Lookout::default();
        for _ in 0..PAYS {
            assert!(!looks(&lookout));
            lookout.note(LIMIT, LIMIT);
        }
        assert!(looks(&lookout));
    }

    #[test]
    fn nobody_looks_for_what_came_late_some_times() {
        let lookout = sure();
        for _ in 0..3 {
            assert!(looks(&sure()));
            lookout.note(LATE_BY, LIMIT);
        }
        assert!(!looks(&lookout));
    }

    #[test]
    fn nobody_looks_again_and_again_in_vain() {
        let lookout = sure();
        let vain = || lookout.look(Duration::ZERO, || None::<()>);
        let tried = (0..10).take_while(|_| matches!(vain(), Look::InVain)).count();
        assert_eq!(tried, 3);
    }

    #[test]
    fn what_is_late_now_and_then_is_looked_for_nevertheless() {
        let lookout = sure();
        for _ in 0..10 {
            lookout.note(LATE_BY, LIMIT);
            assert!((0..3).all(|_| looks(&lookout)));
        }
    }

    #[test]
    fn nobody_looks_for_ever() {
        let lookout = sure();
        let looked = (0..10 * MOST_LOOKS).take_while(|_| looks(&lookout)).count();
        assert_eq!(looked, usize::try_from(MOST_LOOKS).unwrap());
        assert!(!looks(&lookout));
    }
}
