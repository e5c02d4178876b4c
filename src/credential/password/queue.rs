//! A bounded queue between callers and threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs that wait for a thread: those of one asker first come, first served, and askers in turn.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

/// Who has asked for a job; whose work cannot be told from others' has none.
pub(crate) type Asker = Option<[u8; 16]>;

struct State<T> {
    waiting: VecDeque<Waiting<T>>,
    /// The turn of the job that was taken last.
    turn: u64,
    is_closed: bool,
}

struct Waiting<T> {
    asker: Asker,
    /// One more than that of the job before of the same asker. So whoever has many waiting comes no later
    /// with the first, and no sooner with the others, than everybody else.
    turn: u64,
    job: T,
}

/// A job was not taken, because as many as may are waiting already or nobody works any more.
pub(crate) struct Refused;

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { waiting: VecDeque::new(), turn: 0, is_closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), capacity }
    }

    /// Lets a job wait, or refuses it at once. Where no place is left, the asker who has most waiting gives
    /// one up: gives back the job that has to go for it.
    pub(crate) fn push(&self, asker: Asker, job: T) -> Result<Option<T>, Refused> {
        let mut state = self.lock();
        let new = Waiting { asker, turn: state.turn_of(asker), job };
        #[cfg(canary)]
        if crate::canary::Canary::QueueWithoutLimit.sings() {
            state.waiting.push_back(new);
            self.changed.notify_one();
            return Ok(None);
        }
        if state.is_closed {
            return Err(Refused);
        }
        let is_full = self.capacity <= state.waiting.len();
        let gone = if is_full { Some(state.make_room(new.turn)?) } else { None };
        state.waiting.push_back(new);
        drop(state);
        self.changed.notify_one();
        Ok(gone)
    }

    /// The next job; waits for one. `None` once the queue is closed.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.take() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops the jobs that wait, takes no more, and sends the threads home.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let dropped = std::mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// When a job is due that comes now.
    fn turn_of(&self, asker: Asker) -> u64 {
        let theirs = |waiting: &&Waiting<T>| asker.is_some() && waiting.asker == asker;
        let before = self.waiting.iter().rfind(theirs).map_or(self.turn, |waiting| waiting.turn);
        before.saturating_add(1)
    }

    /// Takes the job whose turn it is: of those with the same turn the first.
    fn take(&mut self) -> Option<T> {
        let (next, _) = self.waiting.iter().enumerate().min_by_key(|(_, waiting)| waiting.turn)?;
        let next = self.waiting.remove(next)?;
        self.turn = next.turn;
        Some(next.job)
    }

    /// Gives back the job that is due last, if that is later than `turn`.
    fn make_room(&mut self, turn: u64) -> Result<T, Refused> {
        let last = self.waiting.iter().enumerate().max_by_key(|(_, waiting)| waiting.turn);
        let (last, _) = last.filter(|(_, waiting)| turn < waiting.turn).ok_or(Refused)?;
        self.waiting.remove(last).map(|gone| gone.job).ok_or(Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_as_many_as_it_may_and_gives_them_back_in_order() {
        let queue = Queue::new(2);
        assert!(queue.push(None, 1).is_ok() && queue.push(None, 2).is_ok());
        assert!(queue.push(None, 3).is_err());
        assert_eq!(queue.pop(), Some(1));
        assert!(queue.push(None, 3).is_ok());
        assert_eq!((queue.pop(), queue.pop()), (Some(2), Some(3)));
    }

    const ONE: Asker = Some([1; 16]);
    const OTHER: Asker = Some([2; 16]);

    #[test]
    fn askers_have_their_turns_and_whoever_has_none_waits_for_nobody_with_many() {
        let queue = Queue::new(8);
        for (asker, job) in
            [(ONE, 1), (ONE, 2), (ONE, 3), (OTHER, 4), (OTHER, 5), (None, 6), (None, 7)]
        {
            assert!(matches!(queue.push(asker, job), Ok(None)));
        }
        assert_eq!([(); 3].map(|()| queue.pop().unwrap()), [1, 4, 6]);
        // Who comes later is not behind what others have waiting.
        assert!(queue.push(Some([3; 16]), 8).is_ok());
        assert_eq!([(); 5].map(|()| queue.pop().unwrap()), [7, 2, 5, 8, 3]);
    }

    #[test]
    fn where_no_place_is_left_whoever_has_most_gives_one_up() {
        let queue = Queue::new(4);
        for job in 1..=4 {
            assert!(queue.push(ONE, job).is_ok());
        }
        assert!(queue.push(ONE, 5).is_err(), "not for themselves");
        assert!(matches!(queue.push(OTHER, 6), Ok(Some(4))));
        assert!(matches!(queue.push(OTHER, 7), Ok(Some(3))));
        assert!(queue.push(OTHER, 8).is_err(), "both have two");
        assert!(matches!(queue.push(None, 9), Ok(Some(_))));
        assert!(Queue::new(0).push(ONE, 1).is_err());
    }

    #[test]
    fn closing_ends_those_who_wait_and_those_who_come() {
        let queue = Queue::new(2);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.pop());
            queue.close();
            assert_eq!(waiting.join().unwrap(), None::<u8>);
        });
        assert!(queue.push(None, 1).is_err());
        assert_eq!(queue.pop(), None);
    }
}
