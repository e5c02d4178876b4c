//! Signing up: a user comes to be.

use crate::model::{
    Authenticator, AuthenticatorId, AuthenticatorKind, Commit, DeviceKey, Epoch, Event, EventKind,
    Expect, Identity, IdentityKind, PasswordHash, Standing, Timestamp, User, UserId, Version,
    Write,
};
use crate::rules::Claim;

/// What was drawn for a decision that may need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fresh {
    pub(crate) epoch: Epoch,
    pub(crate) authenticator: AuthenticatorId,
}

/// What keeps an anonymous user reachable.
#[derive(Clone, Debug)]
pub(crate) enum Anchor {
    /// A device key that was proven; it signs the user in whenever.
    Key(DeviceKey),
    /// Nothing but sessions; the user's fence.
    SessionsUntil(Timestamp),
}

/// Signs up an anonymous user.
pub(crate) fn anonymous(user: UserId, epoch: Epoch, anchor: Anchor, now: Timestamp) -> Commit {
    let (key, ends_at) = match anchor {
        Anchor::Key(key) => (Some(key), None),
        Anchor::SessionsUntil(ends_at) => (None, Some(ends_at)),
    };
    let kind = IdentityKind::Anonymous { key };
    Commit {
        user,
        expect: Expect::Absent,
        also: None,
        writes: vec![
            Write::PutUser(User {
                id: user,
                version: Version::FIRST,
                epoch,
                standing: Standing::Anonymous,
                is_disabled: false,
                is_verified: false,
                can_reauthenticate: false,
                created_at: now,
                ends_at,
            }),
            Write::PutIdentity(Identity { kind, created_at: now, proven_at: None }),
        ],
        events: vec![Event { user, at: now, kind: EventKind::SignedUpAnonymously }],
    }
}

/// Signs up a regular user.
pub(crate) fn regular(user: UserId, claim: &Claim, fresh: Fresh, now: Timestamp) -> Commit {
    let mut writes = vec![
        Write::PutUser(User {
            id: user,
            version: Version::FIRST,
            epoch: fresh.epoch,
            standing: Standing::Regular,
            is_disabled: false,
            is_verified: claim.is_proven(),
            can_reauthenticate: claim.password_hash().is_some(),
            created_at: now,
            ends_at: None,
        }),
        Write::PutIdentity(claim.identity(now)),
    ];
    writes.extend(password(claim.password_hash(), fresh.authenticator, now));
    Commit {
        user,
        expect: Expect::Absent,
        also: None,
        writes,
        events: vec![Event { user, at: now, kind: EventKind::SignedUp }],
    }
}

/// The write that gives a user its first password, if there is one.
pub(super) fn password(
    hash: Option<&PasswordHash>,
    id: AuthenticatorId,
    now: Timestamp,
) -> Option<Write> {
    hash.map(|hash| {
        Write::PutAuthenticator(Authenticator {
            id,
            revision: 1,
            kind: AuthenticatorKind::Password(hash.clone()),
            created_at: now,
            changed_at: now,
        })
    })
}
