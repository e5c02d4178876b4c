//! The catalogue of attacks in the manual: those that belong to no other topic, and that each of its rows
//! names a test that there is.

mod catalogue;
mod challenges;
mod database;
mod guesses;
mod pre_hijack;
mod redirects;
mod requests;
