//! Behaviour of the whole crate, one module a topic.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it does not expect has failed"
)]

mod axum;
mod credentials;
mod durability;
mod guestbook;
mod http;
mod sdks;
mod stores;
