//! What there is: users, identities, authenticators, sessions, and changes to them as values.
//!
//! Nothing here waits, reads a store or knows a secret.

mod account;
mod authenticator;
mod commit;
mod device_key;
pub(crate) mod entropy;
mod event;
mod id;
mod identity;
mod login_id;
mod nonce;
mod session;
mod time;
mod user;

pub use account::Account;
pub use authenticator::{Authenticator, AuthenticatorKind, PasswordHash};
pub use commit::{Commit, Expect, KeyName, KeyRecord, Outcome, RetiredKey, Write};
pub use device_key::{DeviceKey, KeyId, PublicKey, Thumbprint};
pub(crate) use device_key::{MAX_RSA_BYTES, MIN_RSA_BYTES};
pub use entropy::{Entropy, EntropyError, SystemEntropy};
pub use event::{Event, EventCursor, EventKind};
pub use id::{AuthenticatorId, ParseIdError, SessionId, UserId};
pub use identity::{
    Identity, IdentityKey, IdentityKind, MAX_OAUTH_LENGTH, OAuthIdentityError, ProvenIdentity,
};
pub use login_id::{LoginId, LoginIdError, LoginIdType};
pub use nonce::Nonce;
pub use session::{ClientId, Method, Session, SessionKind, TokenDigest};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
pub use user::{Epoch, Standing, User, Version};
