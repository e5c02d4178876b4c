//! Store calls that fail, before or after their effect: users stay whole, nothing is issued that should
//! not be, and asking again converges.

mod awaits;
mod cast;
pub(crate) mod clock;
mod entropy;
pub(crate) mod every_call;
pub(crate) mod methods;
mod panics;
pub(crate) mod repeats;
mod restarts;
mod stale_reads;
pub(crate) mod two_faults;
