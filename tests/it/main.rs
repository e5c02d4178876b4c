//! Behaviour of the whole crate, one module a topic.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it does not expect has failed"
)]

mod accounts;
mod attacks;
mod axum;
mod backups;
mod boundaries;
mod corpus;
mod crash;
mod credentials;
mod damage;
mod device_keys;
mod durability;
mod enumeration;
mod faults;
mod guestbook;
mod http;
mod jose;
mod linearizability;
mod load;
mod long;
mod lost_replies;
mod operator;
mod policies;
mod printed;
mod processes;
mod promotion;
mod properties;
mod races;
mod regressions;
mod sdks;
mod sessions;
mod sign_in;
mod stores;
mod support;
mod transitions;
