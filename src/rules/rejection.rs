//! Why a request is refused.

/// The rules forbid what was asked. The same request gives the same answer while nothing changes.
///
/// One flat list of unit variants: nothing to leak, one label each for a metric.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// The credential is not right: an unknown user, a wrong password, a bad signature or a signed
    /// request that is none. Which of them is not told.
    #[error("the credential is not right")]
    Denied,
    /// There is no such session: it was signed out, swept, or never was.
    #[error("there is no such session")]
    SessionUnknown,
    /// The session has reached its end.
    #[error("the session has expired")]
    SessionExpired,
    /// The session was ended by something that happened to its user: promotion, merge, another
    /// password, or a sign-out of all sessions.
    #[error("the session was ended by a change to its user")]
    SessionSuperseded,
    /// The access token has expired.
    #[error("the access token has expired")]
    AccessTokenExpired,
    /// The access token is none of ours.
    #[error("the access token is invalid")]
    AccessTokenInvalid,
    /// The user is locked out.
    #[error("the user is disabled")]
    Disabled,
    /// The policy does not let anybody be anonymous.
    #[error("anonymous users are not allowed")]
    AnonymousDisabled,
    /// There is no such client.
    #[error("the client is unknown")]
    ClientUnknown,
    /// Clients of this type may not do this.
    #[error("the client is not allowed to do this")]
    ClientNotAllowed,
    /// The credential was issued to another client.
    #[error("the credential was issued to another client")]
    ClientMismatch,
    /// Only an anonymous user can do this.
    #[error("the user is not anonymous")]
    NotAnonymous,
    /// The anonymous user has a device key, and must use that.
    #[error("the user has a device key and must use it")]
    DeviceKeyNeeded,
    /// Final: the anonymous user was promoted.
    #[error("the user was promoted")]
    AlreadyPromoted,
    /// Final: the anonymous user was merged into another.
    #[error("the user was merged into another")]
    AlreadyMerged,
    /// Final: the user was deleted.
    #[error("the user was deleted")]
    Deleted,
    /// Final: the anonymous user had no way back and was collected.
    #[error("the user was collected")]
    Collected,
    /// The identity is another user's, and the policy answers that with an error.
    #[error("the identity is another user's")]
    IdentityTaken,
    /// The ticket is none of ours, or of another kind, or bound to something else.
    #[error("the ticket is invalid")]
    TicketInvalid,
    /// The ticket has expired.
    #[error("the ticket has expired")]
    TicketExpired,
    /// The ticket was used before.
    #[error("the ticket was used before")]
    TicketSpent,
    /// The signed request asks for another action than this.
    #[error("the request was signed for another action")]
    ActionMismatch,
    /// The new password has too few characters.
    #[error("the password is too short")]
    PasswordTooShort,
    /// The password has too many characters.
    #[error("the password is too long")]
    PasswordTooLong,
    /// The user has no password to change.
    #[error("the user has no password")]
    NoPassword,
    /// The user has no login ID, so a password would sign nobody in.
    #[error("the user has no login ID")]
    NoLoginId,
    /// There is no such user.
    #[error("there is no such user")]
    UserUnknown,
    /// Too many attempts; later there will be room again.
    #[error("too many attempts")]
    LimitReached,
}

impl Rejection {
    /// A stable name for logs and metrics, in snake case.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::SessionUnknown => "session_unknown",
            Self::SessionExpired => "session_expired",
            Self::SessionSuperseded => "session_superseded",
            Self::AccessTokenExpired => "access_token_expired",
            Self::AccessTokenInvalid => "access_token_invalid",
            Self::Disabled => "disabled",
            Self::AnonymousDisabled => "anonymous_disabled",
            Self::ClientUnknown => "client_unknown",
            Self::ClientNotAllowed => "client_not_allowed",
            Self::ClientMismatch => "client_mismatch",
            Self::NotAnonymous => "not_anonymous",
            Self::DeviceKeyNeeded => "device_key_needed",
            Self::AlreadyPromoted => "already_promoted",
            Self::AlreadyMerged => "already_merged",
            Self::Deleted => "deleted",
            Self::Collected => "collected",
            Self::IdentityTaken => "identity_taken",
            Self::TicketInvalid => "ticket_invalid",
            Self::TicketExpired => "ticket_expired",
            Self::TicketSpent => "ticket_spent",
            Self::ActionMismatch => "action_mismatch",
            Self::PasswordTooShort => "password_too_short",
            Self::PasswordTooLong => "password_too_long",
            Self::NoPassword => "no_password",
            Self::NoLoginId => "no_login_id",
            Self::UserUnknown => "user_unknown",
            Self::LimitReached => "limit_reached",
        }
    }

    /// Whether the answer about this user can never change.
    pub const fn is_final(self) -> bool {
        match self {
            Self::AlreadyPromoted | Self::AlreadyMerged | Self::Deleted | Self::Collected => true,
            Self::Denied
            | Self::SessionUnknown
            | Self::SessionExpired
            | Self::SessionSuperseded
            | Self::AccessTokenExpired
            | Self::AccessTokenInvalid
            | Self::Disabled
            | Self::AnonymousDisabled
            | Self::ClientUnknown
            | Self::ClientNotAllowed
            | Self::ClientMismatch
            | Self::NotAnonymous
            | Self::DeviceKeyNeeded
            | Self::IdentityTaken
            | Self::TicketInvalid
            | Self::TicketExpired
            | Self::TicketSpent
            | Self::ActionMismatch
            | Self::PasswordTooShort
            | Self::PasswordTooLong
            | Self::NoPassword
            | Self::NoLoginId
            | Self::UserUnknown
            | Self::LimitReached => false,
        }
    }
}
