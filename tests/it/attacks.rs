//! The catalogue of attacks in the manual: those that belong to no other topic, and that each of its rows
//! names a test that there is.

mod pre_hijack;
