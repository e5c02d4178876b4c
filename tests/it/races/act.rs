//! What is done to the users of a scene, and which of it is raced with which.

/// Something that is done to the users of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The guest with a device key is promoted as Ada.
    Promote,
    /// The guest without one is promoted as Ada too.
    PromoteRival,
    /// The owner was promoted from a guest, and whoever asked for that asks again.
    PromoteAgain,
    /// The guest with a device key is promoted under the login ID of the owner, and merged.
    Merge,
    /// The same guest signs in as the owner, and is merged.
    SignInAsGuest,
    SignInByKey,
    /// A device that nobody knows signs somebody up.
    SignInByNewKey,
    SignInByPassword,
    /// The owner signs in with a client that may have one session at a time.
    SignInToOne,
    /// Somebody who was no guest signs up as Ada.
    SignUp,
    /// Somebody signs up under the login ID of the owner, with the owner's password.
    SignUpAsOwner,
    SignOut,
    SignOutRival,
    SignOutAll,
    SignOutAllOfOwner,
    Disable,
    DisableOwner,
    Enable,
    Delete,
    DeleteOwner,
    ChangePassword,
    SetPassword,
    /// The clock reaches the fence of the guest without a device key, and a sweep comes.
    SweepLater,
    Access,
    /// An access that raises the fence.
    AccessRival,
    /// The guest's client uses its refresh token, and gets an access token.
    Refresh,
    /// The guest's client uses an access token.
    UseAccessToken,
    /// A code of the owner is redeemed.
    Redeem,
    /// A flow of the guest without a device key is opened.
    OpenFlow,
}

impl Act {
    pub(crate) const ALL: &[Self] = &[
        Self::Promote,
        Self::PromoteRival,
        Self::PromoteAgain,
        Self::Merge,
        Self::SignInAsGuest,
        Self::SignInByKey,
        Self::SignInByNewKey,
        Self::SignInByPassword,
        Self::SignInToOne,
        Self::SignUp,
        Self::SignUpAsOwner,
        Self::SignOut,
        Self::SignOutRival,
        Self::SignOutAll,
        Self::SignOutAllOfOwner,
        Self::Disable,
        Self::DisableOwner,
        Self::Enable,
        Self::Delete,
        Self::DeleteOwner,
        Self::ChangePassword,
        Self::SetPassword,
        Self::SweepLater,
        Self::Access,
        Self::AccessRival,
        Self::Refresh,
        Self::UseAccessToken,
        Self::Redeem,
        Self::OpenFlow,
    ];

    /// One of each kind of thing that can be done to a guest or to what it becomes.
    pub(crate) const KINDS: &[Self] = &[
        Self::Promote,
        Self::PromoteRival,
        Self::PromoteAgain,
        Self::SignInByKey,
        Self::Refresh,
        Self::SignOut,
        Self::Disable,
        Self::Delete,
        Self::DeleteOwner,
        Self::ChangePassword,
        Self::Merge,
        Self::SweepLater,
    ];

    /// The threes that most can come of: a guest on the way to two users at once, two guests to one user,
    /// somebody who comes in while the guest goes, and a login ID that goes from one user to another.
    pub(crate) const MOST_DANGEROUS: [[Self; 3]; 7] = [
        [Self::Promote, Self::Promote, Self::Merge],
        [Self::Promote, Self::PromoteRival, Self::Delete],
        [Self::Promote, Self::Merge, Self::SignInByKey],
        [Self::Promote, Self::SignInByKey, Self::Disable],
        [Self::Merge, Self::SignInByKey, Self::Delete],
        [Self::Merge, Self::Disable, Self::Delete],
        [Self::Merge, Self::DeleteOwner, Self::PromoteAgain],
    ];

    /// Whether it is for the policy's `on_conflict` to say what comes of it.
    pub(crate) fn depends_on_conflict(self) -> bool {
        matches!(self, Self::Promote | Self::PromoteRival | Self::Merge | Self::SignInAsGuest)
    }

    /// Whom and what it reads or changes.
    pub(super) fn touches(self) -> &'static [Touched] {
        use Touched::{Ada, Guest, Owner, Rival};
        match self {
            Self::Promote => &[Guest, Ada],
            Self::PromoteRival => &[Rival, Ada],
            Self::Merge | Self::SignInAsGuest => &[Guest, Owner],
            Self::SignUp => &[Ada],
            Self::SignInByKey
            | Self::SignOut
            | Self::SignOutAll
            | Self::Disable
            | Self::Enable
            | Self::Delete
            | Self::Access
            | Self::Refresh
            | Self::UseAccessToken => &[Guest],
            Self::SignOutRival | Self::AccessRival | Self::OpenFlow => &[Rival],
            Self::PromoteAgain
            | Self::SignInByPassword
            | Self::SignInToOne
            | Self::SignUpAsOwner
            | Self::SignOutAllOfOwner
            | Self::DisableOwner
            | Self::DeleteOwner
            | Self::ChangePassword
            | Self::SetPassword
            | Self::Redeem => &[Owner],
            // Only the same act has to do with the same device.
            Self::SignInByNewKey => &[Touched::NewDevice],
            // It moves the clock, which touches everybody.
            Self::SweepLater => &[Guest, Rival, Owner, Ada, Touched::NewDevice],
        }
    }

    /// Whether the two have to do with each other at all.
    pub(super) fn meets(self, other: Self) -> bool {
        self.touches().iter().any(|touched| other.touches().contains(touched))
    }

    /// What it takes that can be used once.
    pub(super) fn takes(self) -> Takes {
        match self {
            Self::Promote | Self::Merge | Self::SignInAsGuest => Takes::ProofByKey,
            Self::PromoteRival => Takes::ProofBySession,
            Self::SignInByKey => Takes::Request,
            Self::SignInByNewKey => Takes::RequestByNewKey,
            Self::UseAccessToken => Takes::AccessToken,
            Self::PromoteAgain
            | Self::SignInByPassword
            | Self::SignInToOne
            | Self::SignUp
            | Self::SignUpAsOwner
            | Self::SignOut
            | Self::SignOutRival
            | Self::SignOutAll
            | Self::SignOutAllOfOwner
            | Self::Disable
            | Self::DisableOwner
            | Self::Enable
            | Self::Delete
            | Self::DeleteOwner
            | Self::ChangePassword
            | Self::SetPassword
            | Self::SweepLater
            | Self::Access
            | Self::AccessRival
            | Self::Refresh
            | Self::Redeem
            | Self::OpenFlow => Takes::Nothing,
        }
    }
}

/// A user of a scene, or what may become one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touched {
    Guest,
    Rival,
    Owner,
    /// The login ID of Ada, which is nobody's yet.
    Ada,
    /// The device that nobody knows.
    NewDevice,
}

/// What an act takes that is made beforehand, for each act its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    /// A signed request of the guest with a device key.
    Request,
    /// The same of a device that nobody knows.
    RequestByNewKey,
    /// The proof, by key, of being the guest with a device key.
    ProofByKey,
    /// The proof, by session, of being the guest without one.
    ProofBySession,
    /// An access token of the guest with a device key.
    AccessToken,
}
