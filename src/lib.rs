//! An embeddable auth engine: people use an application **before** they sign up, as *anonymous users*
//! with a stable `sub`, and are *promoted* to *regular users* later without losing anything.
//!
//! It is not a server and not a framework. A host makes an [`Engine`] of a backend, a keyring and a
//! [`Policy`], keeps it beside its other state, and calls it from whatever async runtime it has. With
//! the feature `http` the same engine answers the unmodified Authgear client SDKs.
//!
//! # From guest to user
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # futures_executor::block_on(async {
//! use guestpass::credential::Keyring;
//! use guestpass::model::{LoginId, LoginIdType, SessionKind, SystemEntropy};
//! use guestpass::store::memory::MemoryBackend;
//! use guestpass::{Credential, Engine, Open, Policy};
//!
//! let keyring = Keyring::ephemeral(&SystemEntropy)?;
//! let engine = Engine::builder(MemoryBackend::new(), keyring, Policy::default()).build()?;
//! let session = || Open::Session(SessionKind::Cookie);
//!
//! // Somebody does something worth keeping: from here on there is a user.
//! let (token, guest) = engine.sign_up_anonymously(session(), None).await?.into_session().unwrap();
//!
//! // On each request, the token says who it is.
//! let caller = engine.authenticate(&token).await?;
//! assert!(caller.user.is_anonymous());
//!
//! // Later the person wants to stay: the same user, under the same `sub`.
//! let proof = engine.guest_by_session(&token).await?;
//! let email = LoginId::parse(LoginIdType::Email, "ada@example.com")?;
//! let credential = Credential::password(email, "correct horse battery staple");
//! let (new_token, user) =
//!     engine.promote(&proof, credential, session(), None).await?.into_session().unwrap();
//! assert_eq!(user.user.id, guest.user.id);
//!
//! // What the guest had is over; what the user has is not.
//! assert!(engine.authenticate(&token).await.is_err());
//! assert!(!engine.authenticate(&new_token).await?.user.is_anonymous());
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # What a host does
//!
//! | to | call |
//! | --- | --- |
//! | keep users in a file | `SqliteBackend::open`, with [`keyring_for`] beside it |
//! | sign a guest up | [`Engine::sign_up_anonymously`], or [`Engine::sign_in_with_device_key`] for a device with a key |
//! | make no other guest of whoever has signed up | [`Engine::has_become_regular`] |
//! | know who asks | [`Engine::authenticate`], [`Engine::authenticate_access`] |
//! | promote a guest | [`Engine::guest_by_session`] or [`Engine::guest_by_key`], then [`Engine::promote`] |
//! | sign up, sign in | [`Engine::sign_up`], [`Engine::sign_in`], by [`Credential::password`] or by an identity that the host has proven itself, [`Credential::proven`] |
//! | issue tokens | [`Engine::access_token`], [`Engine::refresh`], [`Engine::id_token`] |
//! | tell a user of itself | [`Engine::caller_info`] |
//! | list and end sessions | [`Engine::sessions`], [`Engine::sign_out`], [`Engine::sign_out_session`], [`Engine::sign_out_all`] |
//! | change passwords | [`Engine::change_password`], [`Engine::set_password`] |
//! | note that a login ID was proven | [`Engine::confirm_identity`] |
//! | find a user, and see what it is and has | [`Engine::find`], [`Engine::user`], [`Engine::user_info`] |
//! | look after users | [`Engine::disable`], [`Engine::enable`], [`Engine::delete`] |
//! | follow what happens | [`Engine::events`], then [`Engine::forget_events`] |
//! | let go of what has ended | [`Engine::sweep`], from time to time |
//! | serve the endpoints | `http::Http`, with `axum::router` or `Http::respond` |
//! | know the user in a handler | the extractors `axum::{AnyUser, RegularUser, OptionalUser}`, or `Http::caller` |
//! | lead a guest to the sign-up page | a link to `/oauth2/authorize` with `x_page=signup`, as in the README |
//! | set and clear cookies | `Http::session_cookies`, `Http::clear_session_cookies` |
//!
//! An [`Error`] is sorted by who must act: [`Error::Rejected`] the rules forbid it, and the
//! [`Rejection`] says which; [`Error::Contended`] and [`Error::Busy`] ask again; [`Error::Store`] the
//! operator.
//!
//! # The manual
//!
//! [`manual::promotion`] has every standing times every action, [`manual::architecture`] what holds the
//! parts together, [`manual::operations`] what to do for it from day to day, [`manual::storage`] how to write a
//! store, [`manual::threats`] what each choice guards
//! against and what is out of scope, [`manual::attacks`] each attack by number and the tests that try it,
//! [`manual::proof`] what was tried to break it, and how often, and [`manual::canaries`] how the tests are
//! tested themselves.
//!
//! # Features
//!
//! | feature | brings |
//! | --- | --- |
//! | `sqlite` (default) | the SQLite backend |
//! | `bundled` (default) | SQLite itself, compiled in; without it the system's is linked, which must be 3.51.3 or later |
//! | `toml` | [`Policy`] from TOML |
//! | `http` | the endpoints, from request to response, without a framework |
//! | `axum` | a router and extractors for axum |
//! | `conformance` | the laws that a store must obey, as tests |
//!
//! A feature adds; none changes what is there without it.

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(canary)]
#[doc(hidden)]
pub mod canary;
pub mod credential;
pub mod engine;
#[cfg(feature = "_internals")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "http")]
pub mod http;
pub mod manual;
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

/// The examples of the README, which must work as they stand there.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
