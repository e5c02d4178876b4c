//! An embeddable auth engine.
pub mod model;
pub mod store;
