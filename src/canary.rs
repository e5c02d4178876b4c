//! Bugs that are there on purpose, to see whether the tests find them.
//!
//! They are in a build with `--cfg canary` only, which is no feature, so that no dependency can turn it
//! on. In such a build one of them sings at most: the one that the environment names. The chapter on the
//! tests' own tests says which test must hear it.

use std::sync::LazyLock;

use crate::model::{
    Account, Commit, Expect, Identity, IdentityKind, Standing, Timestamp, User, Version, Write,
};
use crate::store::{LandError, Landing};

macro_rules! canaries {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A bug that is there on purpose.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Canary {
            $($(#[$doc])* $name,)*
        }

        impl Canary {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What the environment and the table call it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

canaries! {
    /// A promotion signs a new user up.
    AnotherSubject,
    /// A regular user who is enabled again is a guest.
    BackToGuest,
    /// A promoted user keeps the anonymous identity.
    BothKinds,
    /// A commit lands whatever the version is that it was decided on.
    LastWriterWins,
    /// What a refused job wrote stays.
    TornCommit,
    /// A session is opened first, and then what it belongs to is committed.
    SessionBeforeCommit,
    /// A login ID with a password counts as proven.
    UnprovenAsProven,
    /// An identity that is another user's is taken over.
    IdentityTakenOver,
    /// A promotion leaves the epoch as it was.
    EpochKept,
    /// An access token is taken whatever the epoch is that it was issued at.
    TokenOfAnyEpoch,
    /// A proof is taken whatever the epoch is that it was made at.
    ProofOfAnyEpoch,
    /// A guest's credential is taken whatever the epoch is that it was issued at.
    GuestProofOfAnyEpoch,
    /// What a landing should spend is not spent.
    NothingSpent,
    /// Opening a file forgets what was spent.
    SpentForgottenOnRestart,
    /// A repeated promotion is answered with a session, whatever the credential is.
    SettledUnproven,
    /// A password that fails is given back to its buckets.
    FailureNotCounted,
    /// A signed request is taken whatever its signature is.
    SignatureUnchecked,
    /// A signed request is verified with the key that it brings, not with the one on file.
    KeyFromRequest,
    /// A promoted user's device key is forgotten.
    KeyForgotten,
    /// A public key is taken however weak it is.
    WeakKeyNamed,
    /// A ticket is taken for whatever purpose.
    TicketOfAnyPurpose,
    /// A signed request is taken for whatever action.
    ActionUnchecked,
    /// A session in use never ends.
    NoAbsoluteEnd,
    /// The use of a session that was signed out meanwhile brings it back.
    RevivedByUse,
    /// A deleted user keeps identities and authenticators.
    RemainsOfTheDeleted,
    /// A guest is merged into a user who has been deleted meanwhile.
    MergedIntoTheDead,
    /// A spent nonce is remembered for no longer than its ticket lasts.
    SpentForgottenEarly,
    /// The writer answers before the transaction has been committed.
    AnsweredBeforeDurable,
    /// The writer's connection never waits for the disk.
    SyncedNever,
    /// A log that has become too long grows on.
    LogWithoutLimit,
    /// Who promotes again with the same credential is refused.
    AskedTwiceRefused,
    /// A guest's session says that it was opened by a password.
    GuestByPassword,
    /// An unknown login ID is told from a wrong password.
    UnknownNamed,
    /// For an unknown login ID no password is verified.
    UnknownAtOnce,
    /// A landing that failed is taken for one that was done.
    FailureTakenForDone,
    /// As many passwords as come may wait to be hashed.
    QueueWithoutLimit,
    /// A guest whose new identity is another user's is merged though the policy says not to.
    ConflictIgnored,
    /// Any password is right.
    AnyPassword,
    /// Nothing is told of what happens.
    NothingTold,
    /// A session is ended by its ID whoever it belongs to.
    AnybodysSession,
    /// Epochs are drawn from elsewhere than the engine's random bytes.
    OwnRandomness,
}

impl Canary {
    /// Whether this is the one that the environment names.
    ///
    /// # Panics
    ///
    /// If the environment names one that there is not.
    pub fn sings(self) -> bool {
        *CHOSEN == Some(self)
    }

    /// What is right, unless this one sings.
    pub(crate) fn instead<T>(self, right: T, wrong: T) -> T {
        if self.sings() { wrong } else { right }
    }
}

/// The commit, at whatever version its user is.
pub(crate) fn at_any_version(commit: &Commit, version: Option<Version>) -> Commit {
    let expect = match (commit.expect, version) {
        (Expect::At(_), Some(version)) => Expect::At(version),
        (expect, _) => expect,
    };
    Commit { expect: Canary::LastWriterWins.instead(commit.expect, expect), ..commit.clone() }
}

/// What is left of the landing once the session has been opened.
pub(crate) fn after_opening(landing: &Landing) -> Landing {
    Landing { spend: None, open_session: None, ..landing.clone() }
}

/// The outcome, as who takes a failure for none sees it.
pub(crate) fn without_failure(landed: Result<(), LandError>) -> Result<(), LandError> {
    match landed {
        Err(LandError::Store(_)) if Canary::FailureTakenForDone.sings() => Ok(()),
        landed => landed,
    }
}

/// The commit by which a regular user is anonymous again.
pub(crate) fn back_to_guest(account: &Account, now: Timestamp) -> Commit {
    let user = User {
        standing: Standing::Anonymous,
        is_disabled: false,
        is_verified: false,
        can_reauthenticate: false,
        ends_at: Some(Timestamp::MAX),
        ..account.user.clone()
    };
    let mut writes = vec![Write::PutUser(user)];
    writes.extend(account.identities.iter().map(|one| Write::DropIdentity(one.key())));
    writes.extend(account.authenticators.iter().map(|one| Write::DropAuthenticator(one.id)));
    let kind = IdentityKind::Anonymous { key: None };
    writes.push(Write::PutIdentity(Identity { kind, created_at: now, proven_at: None }));
    Commit {
        user: account.user.id,
        expect: Expect::At(account.user.version),
        also: None,
        writes,
        events: Vec::new(),
    }
}

static CHOSEN: LazyLock<Option<Canary>> = LazyLock::new(|| {
    let name = std::env::var("GUESTPASS_CANARY").ok()?;
    let chosen = Canary::ALL.iter().copied().find(|canary| canary.name() == name);
    assert!(chosen.is_some(), "there is no canary called {name}");
    chosen
});
