//! What is told about a user.

use serde::Serialize;

use crate::engine::{Caller, Engine, Error};
use crate::model::{
    Account, AuthenticatorKind, Identity, IdentityKind, LoginIdType, Standing, UserId,
};
use crate::rules::{Rejection, lifetime};

/// What is told about a user; serialises as the SDKs read it.
#[expect(clippy::struct_excessive_bools, reason = "each is a claim of its own on the wire")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserInfo {
    /// The user's ID.
    pub sub: String,
    /// Whether the user is anonymous.
    #[serde(rename = "https://authgear.com/claims/user/is_anonymous")]
    pub is_anonymous: bool,
    /// Whether an identity of the user was proven to be under its control.
    #[serde(rename = "https://authgear.com/claims/user/is_verified")]
    pub is_verified: bool,
    /// Whether the user has an authenticator.
    #[serde(rename = "https://authgear.com/claims/user/can_reauthenticate")]
    pub can_reauthenticate: bool,
    /// The user's roles; there are none yet.
    #[serde(rename = "https://authgear.com/claims/user/roles")]
    pub roles: Vec<String>,
    /// The user's identities.
    #[serde(rename = "https://authgear.com/claims/user/identities")]
    pub identities: Vec<IdentityInfo>,
    /// The user's authenticators.
    #[serde(rename = "https://authgear.com/claims/user/authenticators")]
    pub authenticators: Vec<AuthenticatorInfo>,
    /// Whether the user has recovery codes; never yet.
    #[serde(rename = "https://authgear.com/claims/user/recovery_code_enabled")]
    pub recovery_code_enabled: bool,
    /// The e-mail address, if the user has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether control over the e-mail address was proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// The phone number, if the user has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Whether control over the phone number was proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
    /// The username, if the user has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    /// When the user was signed up, in seconds since 1970-01-01T00:00:00Z.
    pub created_at: i64,
}

/// One identity of a user.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentityInfo {
    /// `anonymous`, `login_id` or `oauth`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// When the user got it, as RFC 3339 text.
    pub created_at: String,
    /// When it was last changed, as RFC 3339 text.
    pub updated_at: String,
    /// For a login ID, `email`, `phone` or `username`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_id_key: Option<&'static str>,
    /// The same; clients tell keys from types where an operator names keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_id_type: Option<&'static str>,
    /// For an OAuth identity, the issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth_provider_alias: Option<String>,
}

/// One authenticator of a user.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuthenticatorInfo {
    /// `password`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `primary`.
    #[serde(rename = "kind")]
    pub stage: &'static str,
    /// When the user got it, as RFC 3339 text.
    pub created_at: String,
    /// When its secret was last changed, as RFC 3339 text.
    pub updated_at: String,
}

impl Engine {
    /// What is told about a user, to whoever may know of it whatever becomes of the user: an operator. What
    /// a user is told of itself is [`caller_info`](Self::caller_info).
    ///
    /// # Errors
    ///
    /// [`Rejection::UserUnknown`], also for a user that is over; [`Error::Store`]. There are no others.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    pub async fn user_info(&self, user: UserId) -> Result<UserInfo, Error> {
        let account = self.account(user).await?;
        match account.user.standing {
            Standing::Anonymous | Standing::Regular => Ok(UserInfo::of(&account)),
            Standing::Merged { .. } | Standing::Deleted | Standing::Collected => {
                Err(Rejection::UserUnknown.into())
            }
        }
    }

    /// What is told about a user to whoever has a session of it. The session must count for the user as it
    /// is told of: one of a guest tells nothing of whom the guest has become meanwhile.
    ///
    /// # Errors
    ///
    /// - [`Rejection::SessionExpired`], [`Rejection::SessionSuperseded`], [`Rejection::Disabled`];
    /// - [`Rejection::ClientUnknown`] if the session is of a client that the policy no longer has;
    /// - [`Rejection::UserUnknown`] if a store has lost the user; [`Error::Store`].
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    pub async fn caller_info(&self, caller: &Caller) -> Result<UserInfo, Error> {
        let account = self.account(caller.user.id).await?;
        lifetime::check(&caller.session, &account.user, self.policy(), self.now())?;
        Ok(UserInfo::of(&account))
    }
}

impl UserInfo {
    fn of(account: &Account) -> Self {
        let login_id = |wanted: LoginIdType| {
            account.identities.iter().find_map(|identity| match &identity.kind {
                IdentityKind::LoginId(login_id) if login_id.kind() == wanted => {
                    Some((login_id.as_str().to_owned(), identity.proven_at.is_some()))
                }
                IdentityKind::LoginId(_)
                | IdentityKind::Anonymous { .. }
                | IdentityKind::OAuth { .. } => None,
            })
        };
        let (email, email_verified) = login_id(LoginIdType::Email).unzip();
        let (phone_number, phone_number_verified) = login_id(LoginIdType::Phone).unzip();
        let (preferred_username, _) = login_id(LoginIdType::Username).unzip();
        Self {
            sub: account.user.id.to_string(),
            is_anonymous: account.user.is_anonymous(),
            is_verified: account.user.is_verified,
            can_reauthenticate: account.user.can_reauthenticate,
            roles: Vec::new(),
            identities: account.identities.iter().map(IdentityInfo::of).collect(),
            authenticators: account
                .authenticators
                .iter()
                .map(|authenticator| AuthenticatorInfo {
                    kind: match authenticator.kind {
                        AuthenticatorKind::Password(_) => "password",
                    },
                    stage: "primary",
                    created_at: authenticator.created_at.to_rfc3339(),
                    updated_at: authenticator.changed_at.to_rfc3339(),
                })
                .collect(),
            recovery_code_enabled: false,
            email,
            email_verified,
            phone_number,
            phone_number_verified,
            preferred_username,
            created_at: account.user.created_at.as_seconds(),
        }
    }
}

impl IdentityInfo {
    fn of(identity: &Identity) -> Self {
        let (kind, login_id, issuer) = match &identity.kind {
            IdentityKind::Anonymous { .. } => ("anonymous", None, None),
            IdentityKind::LoginId(login_id) => {
                let name = match login_id.kind() {
                    LoginIdType::Email => "email",
                    LoginIdType::Phone => "phone",
                    LoginIdType::Username => "username",
                };
                ("login_id", Some(name), None)
            }
            IdentityKind::OAuth { issuer, .. } => ("oauth", None, Some(issuer.clone())),
        };
        Self {
            kind,
            created_at: identity.created_at.to_rfc3339(),
            updated_at: identity.proven_at.unwrap_or(identity.created_at).to_rfc3339(),
            login_id_key: login_id,
            login_id_type: login_id,
            oauth_provider_alias: issuer,
        }
    }
}

pub(super) const IS_ANONYMOUS: &str = "https://authgear.com/claims/user/is_anonymous";
pub(super) const IS_VERIFIED: &str = "https://authgear.com/claims/user/is_verified";
pub(super) const CAN_REAUTHENTICATE: &str = "https://authgear.com/claims/user/can_reauthenticate";
pub(super) const ROLES: &str = "https://authgear.com/claims/user/roles";
