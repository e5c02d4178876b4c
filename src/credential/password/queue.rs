//! A bounded queue between callers and threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs that wait for a thread, first come, first served.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

/// Who has asked for a job, as far as anybody can tell.
pub(crate) type Asker = Option<[u8; 16]>;

struct State<T> {
    waiting: VecDeque<(Asker, T)>,
    is_closed: bool,
}

/// A job was not taken, because as many as may are waiting already or nobody works any more.
pub(crate) struct Refused;

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { waiting: VecDeque::new(), is_closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), capacity }
    }

    /// Lets a job wait, or refuses it at once. One asker has a part of the places and no more, so that
    /// others find one.
    pub(crate) fn push(&self, asker: Asker, job: T) -> Result<(), Refused> {
        let mut state = self.lock();
        #[cfg(canary)]
        if crate::canary::Canary::QueueWithoutLimit.sings() {
            state.waiting.push_back((asker, job));
            self.changed.notify_one();
            return Ok(());
        }
        let is_theirs = |(other, _): &&(Asker, T)| asker.is_some() && *other == asker;
        if state.is_closed
            || self.capacity <= state.waiting.len()
            || self.share() <= state.waiting.iter().filter(is_theirs).count()
        {
            return Err(Refused);
        }
        state.waiting.push_back((asker, job));
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next job; waits for one. `None` once the queue is closed.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some((_, job)) = state.waiting.pop_front() {
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

    /// How many of one asker may wait.
    fn share(&self) -> usize {
        (self.capacity / ASKERS).max(1)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As many as these have places at a time.
const ASKERS: usize = 16;

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

    #[test]
    fn one_asker_has_a_part_of_the_places_and_others_find_one() {
        let queue = Queue::new(32);
        let [one, other] = [1, 2].map(|number| Some([number; 16]));
        let push = |asker| queue.push(asker, ()).is_ok();
        assert_eq!([(); 3].map(|()| push(one)), [true, true, false]);
        assert_eq!([(); 3].map(|()| push(other)), [true, true, false]);
        assert_eq!(queue.pop(), Some(()));
        assert_eq!([push(one), push(one)], [true, false], "what does not wait any more makes room");
        // Of whom nobody can tell, as many as there are places.
        assert_eq!((0..40).filter(|_| push(None)).count(), 28);
        assert!(Queue::new(1).push(one, ()).is_ok(), "at least one");
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
