//! Signing in: somebody who has proven to be a user is let in.

use crate::model::{Account, Standing, Timestamp};
use crate::rules::lifetime::is_past_fence;
use crate::rules::{Admission, Proof, Rejection};

/// Decides whether who made `proof` may sign in to `account`.
///
/// # Errors
///
/// - [`Rejection::Denied`] if the proof was made on another state of the account;
/// - [`Rejection::Disabled`] if the user is locked out;
/// - [`Rejection::AlreadyMerged`], [`Rejection::Deleted`], [`Rejection::Collected`] if the user is
///   over;
/// - [`Rejection::SessionExpired`] if the user's fence has passed.
///
/// There are no others.
pub(crate) fn decide(
    account: &Account,
    proof: &Proof,
    now: Timestamp,
) -> Result<Admission, Rejection> {
    match account.user.standing {
        Standing::Anonymous | Standing::Regular => {}
        Standing::Merged { .. } => return Err(Rejection::AlreadyMerged),
        Standing::Deleted => return Err(Rejection::Deleted),
        Standing::Collected => return Err(Rejection::Collected),
    }
    if !proof.holds_for(account) {
        return Err(Rejection::Denied);
    }
    if is_past_fence(&account.user, now) {
        return Err(Rejection::SessionExpired);
    }
    if account.user.is_disabled {
        return Err(Rejection::Disabled);
    }
    Ok(Admission::to(account, proof.method()))
}
