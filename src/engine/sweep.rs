//! Sweeping: what has ended goes, in bounded portions.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::{Engine, Error, Swept};
use crate::model::{Account, Epoch, UserId};
use crate::rules::collection;
use crate::store::MAX_PORTION;

impl Engine {
    /// Removes what has ended: sessions, nonces whose time is up, and anonymous users that nothing can
    /// sign in again. At most `limit` of each and never more than [`MAX_PORTION`]; call it again while
    /// [`Swept::has_more`] says so.
    ///
    /// Reads the file of the keyring again, too, at most once in a second, so that a key that another process
    /// has retired ends here as well; with a file that cannot be read, the keys stay as they are.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Entropy`]; a part may be done then. A guest that cannot be collected is
    /// no error; it is counted in [`Swept::left`].
    ///
    /// # Cancellation
    ///
    /// A part may be done.
    pub async fn sweep(&self, limit: u32) -> Result<Swept, Error> {
        let now = self.now();
        self.0.keyring.reread(now);
        let limit = limit.min(MAX_PORTION);
        let mut failed = None;
        for _ in 0..self.0.superseded.count(limit) {
            let Some(note) = self.0.superseded.take() else { break };
            let ((user, epoch), until) = (note.of, now.plus(KEEP_SUPERSEDED));
            // Whatever was shortened may not have been all, and then the note stays. What was is not
            // shortened again, so that a later sweep finds nothing to do.
            match self.backend().sessions().shorten(user, epoch, until, limit).await {
                Ok(0) => note.settle(),
                Ok(_) => {}
                // Told in the end, so that it does not keep the rest from being done.
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let sessions_and_nonces = self.backend().sessions().sweep(now, limit).await?;
        let mut swept = Swept { sessions_and_nonces, guests: 0, left: 0, has_more: false };
        // More than are collected now: those that cannot be are the first ones again and again.
        let ended = self.backend().users().ended(now, MAX_PORTION).await?;
        for user in ended {
            if limit <= swept.guests {
                break;
            }
            let collect =
                |account: &Account| Ok(collection::decide(account, self.next_epoch(account)?, now));
            match self.decide(user, collect).await {
                Ok(is_collected) => {
                    swept.guests = swept.guests.saturating_add(u32::from(is_collected));
                }
                Err(error @ Error::Entropy(_)) => return Err(error),
                Err(error) => {
                    swept.left = swept.left.saturating_add(1);
                    // With the next one the store would fail as well, and perhaps after a while.
                    if matches!(error, Error::Store(_)) && error.is_transient() {
                        break;
                    }
                }
            }
        }
        // Each guest that was collected has left a note, and those that cannot be are what the next call would
        // find again. Of sessions a store may do less at a time, so that also a small portion may not have been
        // the last.
        swept.has_more = 0 < self.0.superseded.count(limit) || 0 < swept.sessions_and_nonces;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(swept),
        }
    }

    /// Notes that the sessions of a user at `epoch` are over, so that the next sweep lets them go early.
    /// Not the epoch that follows: by the time of the sweep the user may be at yet another.
    pub(super) fn supersede(&self, user: UserId, epoch: Epoch) {
        self.0.superseded.push(user, epoch);
    }
}

impl Swept {
    /// Whether another call right away may find more to remove, or to let end early. It comes to an end: what was [`left`](Self::left) does not count, which needs time, or the operator.
    pub fn has_more(&self) -> bool {
        self.has_more
    }
}

/// Users whose earlier sessions are over but still stored. Only tidiness depends on it: what is
/// forgotten here goes when its own time is up.
#[derive(Debug, Default)]
pub(super) struct Superseded(Mutex<VecDeque<(UserId, Epoch)>>);

impl Superseded {
    fn push(&self, user: UserId, epoch: Epoch) {
        let mut queue = self.lock();
        if queue.len() < MAX_SUPERSEDED {
            queue.push_back((user, epoch));
        }
    }

    /// How many are noted, at most `limit`.
    fn count(&self, limit: u32) -> usize {
        self.lock().len().min(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// Takes the earliest note in hand.
    fn take(&self) -> Option<Note<'_>> {
        let of = self.lock().pop_front()?;
        Some(Note { superseded: self, of, is_settled: false })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(UserId, Epoch)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A note in hand. Unless it is settled it goes back, behind the others: also if the store fails, or who
/// sweeps stops waiting.
#[derive(Debug)]
struct Note<'a> {
    superseded: &'a Superseded,
    of: (UserId, Epoch),
    is_settled: bool,
}

impl Note<'_> {
    fn settle(mut self) {
        self.is_settled = true;
    }
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            let (user, epoch) = self.of;
            self.superseded.push(user, epoch);
        }
    }
}

/// Most users that are noted between two sweeps.
const MAX_SUPERSEDED: usize = 10_000;
/// How long a session that was superseded is kept, to tell its holder why it is over; longer than any
/// access token that was issued for it is likely to be shown.
const KEEP_SUPERSEDED: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_however_many_move_on() {
        let superseded = Superseded::default();
        for _ in 0..=MAX_SUPERSEDED {
            superseded.push(UserId::from_bytes([1; 16]), Epoch::from_bytes([1; 8]));
        }
        assert_eq!(superseded.count(u32::MAX), MAX_SUPERSEDED);
        let taken = superseded.take();
        superseded.push(UserId::from_bytes([2; 16]), Epoch::from_bytes([2; 8]));
        drop(taken);
        assert_eq!(superseded.count(u32::MAX), MAX_SUPERSEDED, "also when one goes back");
        while let Some(note) = superseded.take() {
            note.settle();
        }
        assert_eq!(superseded.count(u32::MAX), 0);
    }
}
