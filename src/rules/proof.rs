//! What a check leaves behind, for the code that needs the check.

use crate::model::{
    Account, AuthenticatorId, Epoch, Identity, IdentityKind, LoginId, Method, PasswordHash,
    ProvenIdentity, Timestamp, UserId,
};

/// A person has proven to be a user.
///
/// The proof holds for the account as it was when it was made: at another epoch, or once the
/// authenticator has another secret, it proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    user: UserId,
    epoch: Epoch,
    method: Method,
    authenticator: Option<(AuthenticatorId, u64)>,
}

impl Proof {
    /// Asserts that somebody has just proven, by `method`, to be the user of `account`; with the
    /// authenticator and its revision, if one was used.
    pub(crate) fn assertion(
        account: &Account,
        method: Method,
        authenticator: Option<(AuthenticatorId, u64)>,
    ) -> Self {
        Self { user: account.user.id, epoch: account.user.epoch, method, authenticator }
    }

    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// Whether the proof still proves something about `account`.
    pub(crate) fn holds_for(&self, account: &Account) -> bool {
        let unchanged = |(id, revision): (AuthenticatorId, u64)| {
            account
                .authenticators
                .iter()
                .any(|authenticator| authenticator.id == id && authenticator.revision == revision)
        };
        #[cfg(canary)]
        if crate::canary::Canary::ProofOfAnyEpoch.sings() {
            return self.authenticator.is_none_or(unchanged);
        }
        self.user == account.user.id
            && self.epoch == account.user.epoch
            && self.authenticator.is_none_or(unchanged)
    }
}

/// A person has shown a credential of an anonymous user: a session, a signature or a flow of it.
///
/// The credential may be of an earlier epoch. Then the person learns what became of the user, and
/// nothing is issued on its strength.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuestProof {
    user: UserId,
    epoch: Epoch,
}

impl GuestProof {
    /// Asserts that somebody has shown a credential of `user` that was issued at `epoch`.
    pub(crate) fn assertion(user: UserId, epoch: Epoch) -> Self {
        Self { user, epoch }
    }

    pub(crate) fn user(&self) -> UserId {
        self.user
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }
}

/// What a person wants to be known by from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    identity: IdentityKind,
    is_proven: bool,
    password: Option<PasswordHash>,
}

impl Claim {
    /// A login ID with a password; nobody has proven to control the login ID.
    pub(crate) fn password(login_id: LoginId, password: PasswordHash) -> Self {
        let identity = IdentityKind::LoginId(login_id);
        #[cfg(canary)]
        if crate::canary::Canary::UnprovenAsProven.sings() {
            return Self { identity, is_proven: true, password: Some(password) };
        }
        Self { identity, is_proven: false, password: Some(password) }
    }

    /// An identity that the host vouches for.
    pub(crate) fn proven(identity: ProvenIdentity) -> Self {
        Self { identity: identity.into_kind(), is_proven: true, password: None }
    }

    pub(crate) fn is_proven(&self) -> bool {
        self.is_proven
    }

    pub(crate) fn password_hash(&self) -> Option<&PasswordHash> {
        self.password.as_ref()
    }

    /// The identity as it is attached at `now`.
    pub(crate) fn identity(&self, now: Timestamp) -> Identity {
        Identity {
            kind: self.identity.clone(),
            created_at: now,
            proven_at: self.is_proven.then_some(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sample::{START, epoch, guest, member};

    #[test]
    fn a_proof_holds_for_one_user_at_one_epoch_with_one_secret() {
        let account = member();
        let (used, _) = account.password().unwrap();
        let proof = |authenticator| Proof::assertion(&account, Method::Password, authenticator);
        let made = proof(Some((used.id, used.revision)));
        assert!(made.holds_for(&account) && proof(None).holds_for(&account));
        assert!(!made.holds_for(&guest(START)));

        let mut later = account.clone();
        later.user.epoch = epoch(9);
        assert!(!made.holds_for(&later) && !proof(None).holds_for(&later));
        let mut changed = account.clone();
        changed.authenticators[0].revision += 1;
        assert!(!made.holds_for(&changed) && proof(None).holds_for(&changed));
        let mut replaced = account.clone();
        replaced.authenticators[0].id = AuthenticatorId::from_bytes([9; 16]);
        assert!(!made.holds_for(&replaced));
    }
}
