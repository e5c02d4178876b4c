//! A bounded queue between callers and threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs that wait for a thread, first come, first served.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    is_closed: bool,
}

/// A job was not taken, because as many as may are waiting already or nobody works any more.
pub(crate) struct Refused;

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { waiting: VecDeque::new(), is_closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), capacity }
    }

    /// Lets a job wait, or refuses it at once.
    pub(crate) fn push(&self, job: T) -> Result<(), Refused> {
        let mut state = self.lock();
        #[cfg(canary)]
        if crate::canary::Canary::QueueWithoutLimit.sings() {
            state.waiting.push_back(job);
            self.changed.notify_one();
            return Ok(());
        }
        if state.is_closed || self.capacity <= state.waiting.len() {
            return Err(Refused);
        }
        state.waiting.push_back(job);
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
            if let Some(job) = state.waiting.pop_front() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_as_many_as_it_may_and_gives_them_back_in_order() {
        let queue = Queue::new(2);
        assert!(queue.push(1).is_ok() && queue.push(2).is_ok());
        assert!(queue.push(3).is_err());
        assert_eq!(queue.pop(), Some(1));
        assert!(queue.push(3).is_ok());
        assert_eq!((queue.pop(), queue.pop()), (Some(2), Some(3)));
    }

    #[test]
    fn closing_ends_those_who_wait_and_those_who_come() {
        let queue = Queue::new(2);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.pop());
            queue.close();
            assert_eq!(waiting.join().unwrap(), None::<u8>);
        });
        assert!(queue.push(1).is_err());
        assert_eq!(queue.pop(), None);
    }
}
