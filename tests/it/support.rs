//! What the tests of the engine share: worlds, devices, faults, schedules.

mod backends;
mod device;
mod entropy;
mod footprint;
mod interleave;
mod model;
mod operation;
mod probe;
mod random;
mod schedule;
mod world;

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use guestpass::{Error, Rejection};

pub(crate) use backends::{Place, on_every_backend, on_every_backend_with, scratch_directory};
pub(crate) use device::Device;
pub(crate) use entropy::Counting;
pub(crate) use footprint::Footprint;
pub(crate) use interleave::{abandon_after, interleave, interleave_all, interleave_unless_known};
pub(crate) use model::{Model, Shown, description};
pub(crate) use operation::{
    Asker, Came, GAVE_UP, NAMES, Operation, Player, operation, outcome, pick,
};
pub(crate) use probe::{Fault, Script};
pub(crate) use random::Random;
pub(crate) use schedule::{
    Commutes, Schedule, in_every_order, in_every_order_of, in_every_order_that_matters,
};
pub(crate) use world::{
    Held, PASSWORD, REDIRECT_URI, START, VERIFIER, World, app, code_for, cookie, email, password,
    proven, refresh,
};

/// Runs a future to its end on this thread.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    futures_executor::block_on(future)
}

/// What a future comes to when it is polled once; `None` if it has to wait.
pub(crate) fn at_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Why something was refused.
#[track_caller]
pub(crate) fn refused<T: Debug>(result: Result<T, Error>) -> Rejection {
    match result {
        Err(Error::Rejected(rejection)) => rejection,
        other => panic!("expected a rejection, got {other:?}"),
    }
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3600)
}
