//! An embeddable auth engine.
pub mod model;
pub mod rules;
pub mod store;

pub use rules::Policy;
