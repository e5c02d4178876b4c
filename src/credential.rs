//! Secrets and the proofs made with them: tokens, tickets, device keys, passwords, JWTs.
//!
//! Nothing here reads a store. Random bytes and the time are arguments. What is secret has no
//! `Clone`, no `Display`, no `PartialEq` and no `Serialize`, prints as redacted, and is overwritten
//! when it is dropped; a copy that the compiler or an allocator made on the way is beyond our reach.

pub mod access_token;
mod base64url;
mod constant_time;
pub mod device_key;
mod jws;
pub mod jwt;
pub mod keyring;
mod mac;
pub mod password;
mod secret;
mod session_token;
pub mod signed_request;
mod strict_json;
pub mod ticket;

pub use access_token::{AccessToken, AccessTokenError};
pub use constant_time::equal;
pub use device_key::WeakKey;
pub use jwt::JwtError;
pub use keyring::{Keyring, KeyringError, Purpose};
pub use password::{
    Argon2Params, HashError, HasherOptions, Password, PasswordError, PasswordHasher,
    PasswordPolicy, Verdict, WeakParams,
};
pub use session_token::SessionToken;
pub use signed_request::{Action, KeyHeader, ProvenKey, RequestError, SignedRequest};
pub use ticket::{
    MAX_PAYLOAD, PayloadTooLong, Subject, Ticket, TicketError, TicketPurpose, Tickets,
};
