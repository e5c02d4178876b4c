//! What may happen: pure, total decisions over an account, what was proven, the policy and the time.
//!
//! Nothing here waits, draws random bytes, reads a clock or knows a store. A decision answers with a
//! [`Commit`](crate::model::Commit) or with a [`Rejection`].

mod admission;
pub(crate) mod collection;
pub(crate) mod lifetime;
pub(crate) mod merging;
pub(crate) mod passwords;
mod policy;
pub(crate) mod promotion;
mod proof;
pub(crate) mod proving;
mod rejection;
#[cfg(test)]
mod sample;
pub(crate) mod sign_in;
pub(crate) mod sign_up;
pub(crate) mod status;

pub(crate) use admission::Admission;
#[cfg(feature = "http")]
pub(crate) use policy::parse_network;
pub use policy::{
    AnonymousPolicy, AnonymousSignUpLimits, ApplicationType, Bucket, ClientPolicy, HttpPolicy,
    OnConflict, PasswordLimits, PasswordRules, Policy, PolicyError, PublicOrigin, RateLimits,
    SessionPolicy, Verification, VerificationPolicy,
};
pub(crate) use proof::{Claim, GuestProof, Proof};
pub use rejection::Rejection;
