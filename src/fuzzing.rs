//! What the fuzzer runs: one function for each target, from bytes to broken promises.
//!
//! Not part of the interface. A body reads its input as a little script, does what that says and
//! asserts what must hold whatever it says; a panic is a finding. Bodies depend on nothing but their
//! bytes: entropy counts, clocks stand still, nothing leaves the machine.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a body tells of a broken promise by a panic"
)]

mod bodies;
mod cookie_header;
mod input;
mod keyring_file;
mod login_id;
mod operations;
mod policy_toml;
mod redirect_uri;
mod signed_request;
mod site;
mod sqlite_rows;
mod ticket;
mod world;

pub use bodies::{form_body, json_body};
pub use cookie_header::cookie_header;
pub use keyring_file::keyring_file;
pub use login_id::login_id;
pub use operations::operations;
pub use policy_toml::policy_toml;
pub use redirect_uri::redirect_uri;
pub use signed_request::signed_request;
pub use sqlite_rows::sqlite_rows;
pub use ticket::ticket;

/// The body of a target.
pub type Body = fn(&[u8]);

/// All targets: the name of the target and of its corpus, and its body.
pub const TARGETS: [(&str, Body); 11] = [
    ("cookie_header", cookie_header),
    ("form_body", form_body),
    ("json_body", json_body),
    ("keyring_file", keyring_file),
    ("login_id", login_id),
    ("operations", operations),
    ("policy_toml", policy_toml),
    ("redirect_uri", redirect_uri),
    ("signed_request", signed_request),
    ("sqlite_rows", sqlite_rows),
    ("ticket", ticket),
];
