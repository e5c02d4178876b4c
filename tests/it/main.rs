//! Behaviour of the whole crate, one module a topic.

mod stores;
