//! Something to write, and who waits for it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_channel::oneshot;
use rusqlite::Connection;

use crate::store::{StoreError, StoreErrorKind};

/// Something to write.
pub(super) trait Job: Send {
    /// Does it, or does it again; says whether what was written is to be kept.
    fn run(&mut self, connection: &Connection) -> Verdict;
    /// Tells the outcome, or why nothing of the group landed.
    fn answer(self: Box<Self>, fault: Option<&Fault>);
}

pub(super) enum Verdict {
    Keep,
    Undo,
}

/// A job, and whoever waits for its outcome.
pub(super) struct Task<W, T, E> {
    work: W,
    outcome: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
    _place: Option<Place>,
}

impl<W, T, E> Task<W, T, E> {
    pub(super) fn new(
        work: W,
        answer: oneshot::Sender<Result<T, E>>,
        place: Option<Place>,
    ) -> Self {
        Self { work, outcome: None, answer, _place: place }
    }
}

impl<W, T, E> Job for Task<W, T, E>
where
    W: Fn(&Connection) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, connection: &Connection) -> Verdict {
        // The connection is sound after a panic: what was written is undone, statements reset themselves.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(connection)));
        let outcome = outcome.unwrap_or_else(|payload| Err(panicked(&*payload).into()));
        let verdict = if outcome.is_ok() { Verdict::Keep } else { Verdict::Undo };
        self.outcome = Some(outcome);
        verdict
    }

    fn answer(self: Box<Self>, fault: Option<&Fault>) {
        let outcome = match (fault, self.outcome) {
            (None, Some(outcome)) => outcome,
            (Some(fault), _) => Err(fault.to_error().into()),
            (None, None) => Err(StoreError::transient("the write was not tried").into()),
        };
        // Whoever has stopped waiting does not want to know.
        let _ = self.answer.send(outcome);
    }
}

fn panicked(payload: &(dyn Any + Send)) -> StoreError {
    let message = payload.downcast_ref::<&'static str>().copied().unwrap_or("no message");
    StoreError::transient("a write panicked and was undone").because(message)
}

/// The place of one job among those that nobody waits for.
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    pub(super) fn take(taken: &Arc<AtomicUsize>, most: usize) -> Result<Self, StoreError> {
        let place = Self(Arc::clone(taken));
        if most <= taken.fetch_add(1, Ordering::Relaxed) {
            return Err(StoreError::transient("too many writes are waiting"));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why nothing of a group landed, for each of its jobs.
pub(super) struct Fault {
    context: &'static str,
    cause: String,
    kind: StoreErrorKind,
    /// Whether only somebody else's lock was in the way.
    pub(super) is_busy: bool,
}

impl Fault {
    pub(super) fn new(context: &'static str, cause: &dyn ToString) -> Self {
        let kind = StoreErrorKind::Transient;
        Self { context, cause: cause.to_string(), kind, is_busy: false }
    }

    /// What an error of a statement means to the whole group.
    pub(super) fn of_store(context: &'static str, error: &StoreError) -> Self {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        Self::new(context, &cause.unwrap_or_default()).of(error.kind())
    }

    /// The same, of another kind.
    pub(super) fn of(self, kind: StoreErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Only somebody else's lock was in the way.
    pub(super) fn busy(self) -> Self {
        Self { is_busy: true, ..self }
    }

    fn to_error(&self) -> StoreError {
        let error = match self.kind {
            StoreErrorKind::Transient => StoreError::transient(self.context),
            StoreErrorKind::Corrupt => StoreError::corrupt(self.context),
        };
        error.because(self.cause.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_to_do_about_it() {
        let fault = || Fault::new("the database failed", &"it is Monday");
        assert_eq!(fault().to_error().kind(), StoreErrorKind::Transient);
        let damaged = fault().of(StoreErrorKind::Corrupt);
        assert_eq!(damaged.to_error().kind(), StoreErrorKind::Corrupt);
        assert!(!damaged.is_busy && damaged.busy().is_busy);
    }

    #[test]
    fn a_place_is_free_again_after_its_job() {
        let taken = Arc::default();
        let place = Place::take(&taken, 1).unwrap();
        assert!(Place::take(&taken, 1).is_err());
        drop(place);
        assert!(Place::take(&taken, 1).is_ok());
    }
}
