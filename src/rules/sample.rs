//! Accounts for the tests of the rules.

use crate::model::{
    Account, AuthenticatorId, Epoch, LoginId, LoginIdType, PasswordHash, Timestamp, UserId,
};
use crate::rules::Claim;
use crate::rules::sign_up::{self, Anchor, Fresh};

/// When all of them were signed up.
pub(super) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A guest without a device key, whose fence is at `ends_at`.
pub(super) fn guest(ends_at: Timestamp) -> Account {
    let user = UserId::from_bytes([1; 16]);
    let commit = sign_up::anonymous(user, epoch(1), Anchor::SessionsUntil(ends_at), START);
    Account::after(None, &commit).unwrap()
}

/// A regular user with a password.
pub(super) fn member() -> Account {
    let login_id = LoginId::parse(LoginIdType::Username, "ada").unwrap();
    let commit = sign_up::regular(
        UserId::from_bytes([2; 16]),
        &Claim::password(login_id, hash("old")),
        fresh(2),
        START,
    );
    Account::after(None, &commit).unwrap()
}

pub(super) fn fresh(number: u8) -> Fresh {
    Fresh { epoch: epoch(number), authenticator: AuthenticatorId::from_bytes([number; 16]) }
}

pub(super) fn epoch(number: u8) -> Epoch {
    Epoch::from_bytes([number; 8])
}

pub(super) fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_phc(text.to_owned()).unwrap()
}

/// `START`, and so many seconds.
pub(super) fn after(seconds: u64) -> Timestamp {
    START.plus(std::time::Duration::from_secs(seconds))
}
