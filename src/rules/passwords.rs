//! Passwords: set, changed, and hashed anew when the policy asks for more work.

use crate::model::{
    Account, Authenticator, AuthenticatorId, AuthenticatorKind, Commit, Event, EventKind, Expect,
    Identity, IdentityKey, IdentityKind, PasswordHash, Standing, Timestamp, User, Write,
};
use crate::rules::sign_in;
use crate::rules::sign_up::Fresh;
use crate::rules::{Proof, Rejection};

/// Decides whether who made `proof` changes the password of `account`.
///
/// The commit raises the epoch, so that every session ends; the shell moves the caller's own over.
///
/// # Errors
///
/// Those of [`sign_in::decide`], and [`Rejection::NoPassword`] if there is none. There are no others.
pub(crate) fn change(
    account: &Account,
    proof: &Proof,
    hash: &PasswordHash,
    fresh: Fresh,
    now: Timestamp,
) -> Result<Commit, Rejection> {
    sign_in::decide(account, proof, now)?;
    let Some((current, _)) = account.password() else {
        return Err(Rejection::NoPassword);
    };
    let next = renewed(current, hash, now);
    Ok(replace(account, next, Vec::new(), fresh, now))
}

/// Decides whether the user of `account` gets a new password because the host has proven one of its
/// identities; that identity is proven from then on.
///
/// # Errors
///
/// - [`Rejection::UserUnknown`] if the user does not have the identity (any more), or is not regular;
/// - [`Rejection::Disabled`] if the user is locked out;
/// - [`Rejection::NoLoginId`] if the user has nothing to enter beside a password.
///
/// There are no others.
pub(crate) fn set(
    account: &Account,
    identity: &IdentityKey,
    hash: &PasswordHash,
    fresh: Fresh,
    now: Timestamp,
) -> Result<Commit, Rejection> {
    let found = account.identities.iter().find(|one| one.key() == *identity);
    let (Some(found), Standing::Regular) = (found, account.user.standing) else {
        return Err(Rejection::UserUnknown);
    };
    if account.user.is_disabled {
        return Err(Rejection::Disabled);
    }
    if !account.identities.iter().any(|one| matches!(one.kind, IdentityKind::LoginId(_))) {
        return Err(Rejection::NoLoginId);
    }
    let next = match account.password() {
        Some((current, _)) => renewed(current, hash, now),
        None => first(fresh.authenticator, hash, now),
    };
    let proven = Identity { proven_at: Some(found.proven_at.unwrap_or(now)), ..found.clone() };
    Ok(replace(account, next, vec![Write::PutIdentity(proven)], fresh, now))
}

/// The commit that keeps the same password under a hash that takes more work. It ends nothing.
///
/// `None` if the proof no longer holds, or there is no password (any more).
pub(crate) fn rehash(account: &Account, proof: &Proof, hash: &PasswordHash) -> Option<Commit> {
    if !proof.holds_for(account) || account.user.standing != Standing::Regular {
        return None;
    }
    let (current, _) = account.password()?;
    let same = Authenticator { kind: AuthenticatorKind::Password(hash.clone()), ..current.clone() };
    Some(Commit {
        user: account.user.id,
        expect: Expect::At(account.user.version),
        also: None,
        writes: vec![Write::PutAuthenticator(same)],
        events: Vec::new(),
    })
}

fn first(id: AuthenticatorId, hash: &PasswordHash, now: Timestamp) -> Authenticator {
    let kind = AuthenticatorKind::Password(hash.clone());
    Authenticator { id, revision: 1, kind, created_at: now, changed_at: now }
}

fn renewed(current: &Authenticator, hash: &PasswordHash, now: Timestamp) -> Authenticator {
    Authenticator {
        revision: current.revision.saturating_add(1),
        kind: AuthenticatorKind::Password(hash.clone()),
        changed_at: now,
        ..current.clone()
    }
}

fn replace(
    account: &Account,
    authenticator: Authenticator,
    mut writes: Vec<Write>,
    fresh: Fresh,
    now: Timestamp,
) -> Commit {
    let user = account.user.id;
    let proves = writes.iter().any(|write| matches!(write, Write::PutIdentity(_)));
    writes.push(Write::PutAuthenticator(authenticator));
    writes.push(Write::PutUser(User {
        epoch: fresh.epoch,
        can_reauthenticate: true,
        is_verified: account.user.is_verified || proves,
        ..account.user.clone()
    }));
    Commit {
        user,
        expect: Expect::At(account.user.version),
        also: None,
        writes,
        events: vec![Event { user, at: now, kind: EventKind::PasswordChanged }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Method;
    use crate::rules::sample::{START, after, epoch, fresh, guest, hash, member};

    fn proof(account: &Account) -> Proof {
        let used = account.password().map(|(current, _)| (current.id, current.revision));
        Proof::assertion(account, Method::Password, used)
    }

    #[test]
    fn another_password_is_another_revision_of_the_same_authenticator() {
        let before = member();
        let commit = change(&before, &proof(&before), &hash("new"), fresh(9), after(1)).unwrap();
        let after_it = Account::after(Some(&before), &commit).unwrap();
        let (old, _) = before.password().unwrap();
        let (new, secret) = after_it.password().unwrap();
        assert_eq!((new.id, new.revision), (old.id, old.revision + 1));
        assert_eq!((new.created_at, new.changed_at), (START, after(1)));
        assert_eq!(secret, &hash("new"));
        assert!(!proof(&before).holds_for(&after_it));
    }

    /// Whoever changes the password meanwhile must not get the old one back under a new hash.
    #[test]
    fn only_what_the_proof_was_made_with_is_hashed_anew() {
        let account = member();
        let renewed = rehash(&account, &proof(&account), &hash("more work"));
        let kept = Account::after(Some(&account), &renewed.unwrap()).unwrap();
        let (old, _) = account.password().unwrap();
        let (new, secret) = kept.password().unwrap();
        assert_eq!((new.id, new.revision, secret), (old.id, old.revision, &hash("more work")));
        assert!(proof(&account).holds_for(&kept), "it ends nothing");

        let mut moved = account.clone();
        moved.user.epoch = epoch(9);
        assert_eq!(rehash(&moved, &proof(&account), &hash("more work")), None);
        let guest = guest(after(10));
        assert_eq!(rehash(&guest, &proof(&guest), &hash("more work")), None);
    }
}
