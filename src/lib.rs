//! An embeddable auth engine: people use an application before they sign up, as anonymous users with a
//! stable `sub`, and are promoted to regular users later without losing anything.

pub mod credential;
pub mod engine;
pub mod model;
pub mod rules;
pub mod store;

#[doc(inline)]
pub use engine::{
    Caller, CodeRequest, Credential, Engine, EngineBuilder, Error, Guest, Open, Opened,
    SignInOutcome, SignedIn, keyring_for,
};
#[doc(inline)]
pub use rules::{Policy, Rejection};
