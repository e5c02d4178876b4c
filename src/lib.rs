//! An embeddable auth engine.
pub mod credential;
pub mod model;
pub mod rules;
pub mod store;

pub use rules::Policy;
