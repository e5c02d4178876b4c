//! Merging: an anonymous user turns out to be another, existing one.

use crate::model::{
    Account, Commit, Epoch, Event, EventKind, Expect, Outcome, Standing, Timestamp, User,
};
use crate::rules::promotion::{check_guest, leave_anonymity};
use crate::rules::{Admission, GuestProof, OnConflict, Proof, Rejection, sign_in};

/// What a person has shown: to be a guest, and to be the owner of the identity.
#[derive(Debug)]
pub(crate) struct Parties<'a> {
    pub(crate) guest: &'a Account,
    pub(crate) guest_proof: &'a GuestProof,
    pub(crate) owner: &'a Account,
    pub(crate) owner_proof: &'a Proof,
}

/// Decides whether the guest becomes merged into the owner, whom the person has proven to be.
///
/// The commit is on the guest alone; it lands only while the owner is still at the epoch of the
/// proof, so nobody is merged into a user who is being deleted.
///
/// # Errors
///
/// - those of [`check_guest`] for the guest;
/// - those of [`sign_in::decide`] for the owner;
/// - [`Rejection::IdentityTaken`] if the policy answers a conflict with an error.
///
/// There are no others.
pub(crate) fn decide(
    parties: &Parties<'_>,
    on_conflict: OnConflict,
    fresh: Epoch,
    now: Timestamp,
) -> Result<(Commit, Admission), Rejection> {
    let Parties { guest, guest_proof, owner, owner_proof } = parties;
    check_guest(guest, guest_proof, now)?;
    match on_conflict {
        OnConflict::Error => return Err(Rejection::IdentityTaken),
        OnConflict::Login => {}
    }
    let admission = sign_in::decide(owner, owner_proof, now)?;
    if owner.user.standing != Standing::Regular {
        return Err(Rejection::Denied);
    }
    let into = owner.user.id;
    let user = User {
        epoch: fresh,
        standing: Standing::Merged { into },
        ends_at: None,
        ..guest.user.clone()
    };
    let also = Some((into, owner.user.epoch));
    #[cfg(canary)]
    let also = crate::canary::Canary::MergedIntoTheDead.instead(also, None);
    let commit = Commit {
        user: guest.user.id,
        expect: Expect::At(guest.user.version),
        also,
        writes: leave_anonymity(guest, user, Outcome::Merged, now),
        events: vec![Event { user: guest.user.id, at: now, kind: EventKind::Merged { into } }],
    };
    Ok((commit, admission))
}
