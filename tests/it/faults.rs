//! Store calls that fail, before or after their effect: users stay whole, nothing is issued that should
//! not be, and asking again converges.

mod entropy;
mod every_call;
mod panics;
