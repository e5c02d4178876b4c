//! Signing up: anonymously without a key, and as a regular user.

use std::net::IpAddr;

use crate::engine::limits::asker;
use crate::engine::open::Prepared;
use crate::engine::request::CredentialKind;
use crate::engine::{
    Credential, Engine, Error, Landed, MAX_ATTEMPTS, Open, SignInOutcome, SignedIn,
};
use crate::model::{Account, Commit, Method, ProvenIdentity, Timestamp, User, UserId};
use crate::rules::sign_up::{self, Anchor};
use crate::rules::{Admission, Claim, Rejection, sign_in};
use crate::store::{Landing, Lookup};

impl Engine {
    /// Signs up an anonymous user without a device key.
    ///
    /// The user lasts as long as its session does: whoever loses the token loses the user.
    ///
    /// # Errors
    ///
    /// - [`Rejection::AnonymousDisabled`], [`Rejection::LimitReached`];
    /// - [`Rejection::ClientUnknown`], [`Rejection::ClientNotAllowed`];
    /// - [`Error::Contended`], [`Error::Store`], [`Error::Entropy`].
    ///
    /// # Cancellation
    ///
    /// The user may be signed up with a session whose token nobody has.
    pub async fn sign_up_anonymously(
        &self,
        open: Open,
        address: Option<IpAddr>,
    ) -> Result<SignedIn, Error> {
        let now = self.now();
        if !self.policy().anonymous.enabled {
            return Err(Rejection::AnonymousDisabled.into());
        }
        let prepared = self.prepare(open, now)?;
        if !self.0.limits.take_sign_up(address, now) {
            return Err(Rejection::LimitReached.into());
        }
        let signed_up = self.sign_up_without_key(prepared, now).await;
        if signed_up.is_err() {
            self.0.limits.give_back_sign_up(address);
        }
        signed_up
    }

    async fn sign_up_without_key(
        &self,
        prepared: Prepared,
        now: Timestamp,
    ) -> Result<SignedIn, Error> {
        let fence = prepared.fence(now);
        for _ in 0..MAX_ATTEMPTS {
            let user = UserId::draw(self.entropy(), now)?;
            let anchor = Anchor::SessionsUntil(fence);
            let commit = sign_up::anonymous(user, self.fresh_epoch()?, anchor, now);
            let method = Method::Anonymous;
            #[cfg(canary)]
            let method = crate::canary::Canary::GuestByPassword.instead(method, Method::Password);
            // If the random bytes named a user that exists, others will not.
            if let Some((user, admission)) = self.begin(commit, method, &prepared, now).await? {
                let outcome = SignInOutcome::SignedUp;
                return self.give(prepared, user, &admission, outcome, now).await;
            }
        }
        Err(Error::Contended)
    }

    /// Signs up a regular user, who was no guest before.
    ///
    /// Asking twice is asking once: whoever proves to be the user that has the identity already, by the
    /// same credential, is signed in.
    ///
    /// # Errors
    ///
    /// - [`Rejection::IdentityTaken`] if the identity is another user's;
    /// - [`Rejection::PasswordTooShort`], [`Rejection::PasswordTooLong`];
    /// - [`Rejection::LimitReached`], [`Rejection::Disabled`];
    /// - [`Rejection::ClientUnknown`], [`Rejection::ClientNotAllowed`];
    /// - [`Error::Busy`] if too many passwords wait to be hashed;
    /// - [`Error::Contended`], [`Error::Store`], [`Error::Entropy`], [`Error::Credential`].
    ///
    /// # Cancellation
    ///
    /// The user may be signed up with a session whose token nobody has.
    /// The sign-up counts against its limit, and a try at a password against those as if it had failed.
    pub async fn sign_up(
        &self,
        credential: Credential,
        open: Open,
        address: Option<IpAddr>,
    ) -> Result<SignedIn, Error> {
        let now = self.now();
        let prepared = self.prepare(open, now)?;
        if !self.0.limits.take_sign_up(address, now) {
            return Err(Rejection::LimitReached.into());
        }
        let key = credential.key();
        let mut claim = None;
        for _ in 0..MAX_ATTEMPTS {
            if let Some(found) = self.backend().users().load(Lookup::Identity(&key)).await? {
                let (account, proof) = match self.prove(&credential, address, now).await {
                    Ok(proven) => proven,
                    Err(error) if self.is_still_of(&found, &key).await? => {
                        return Err(taken_if_denied(error));
                    }
                    // It is nobody's by now, or another's, who was not asked.
                    Err(_) => continue,
                };
                let admission = sign_in::decide(&account, &proof, now)?;
                let landing = Landing::default();
                let outcome = SignInOutcome::SignedIn;
                return self.let_in(prepared, account.user, admission, landing, outcome, now).await;
            }
            let claim = match &claim {
                Some(claim) => claim,
                None => claim.insert(self.claim(&credential, address).await?),
            };
            let user = UserId::draw(self.entropy(), now)?;
            let commit = sign_up::regular(user, claim, self.fresh(now)?, now);
            let method = credential.method();
            if let Some((user, admission)) = self.begin(commit, method, &prepared, now).await? {
                let outcome = SignInOutcome::SignedUp;
                return self.give(prepared, user, &admission, outcome, now).await;
            }
        }
        Err(Error::Contended)
    }

    /// Lands the commit that makes a user, and the session that opens with it; `None` if the user's ID or
    /// identity is somebody's already.
    async fn begin(
        &self,
        commit: Commit,
        method: Method,
        prepared: &Prepared,
        now: Timestamp,
    ) -> Result<Option<(User, Admission)>, Error> {
        let account = Account::after(None, &commit).ok_or(Error::Contended)?;
        let admission = Admission::to(&account, method);
        let mut landing = Landing {
            open_session: prepared.session(&admission, now),
            commit: Some(commit),
            ..Landing::default()
        };
        match self.land(&mut landing).await? {
            Landed::Whole => Ok(Some((account.user, admission))),
            Landed::Stale | Landed::Held => Ok(None),
        }
    }

    /// What `credential` makes of a user who takes it on; a password is hashed here.
    pub(super) async fn claim(
        &self,
        credential: &Credential,
        address: Option<IpAddr>,
    ) -> Result<Claim, Error> {
        match &credential.0 {
            CredentialKind::Password { login_id, password } => {
                let password = self.new_password(password)?;
                let hasher = self.0.hasher.asked_by(asker(address));
                let hash = hasher.hash(password).await?;
                Ok(Claim::password(login_id.clone(), hash))
            }
            CredentialKind::Proven(identity) => {
                let identity: ProvenIdentity = identity.clone();
                Ok(Claim::proven(identity))
            }
        }
    }

    /// Lets somebody in as a user who stays as it is, and tells of it.
    pub(super) async fn let_in(
        &self,
        prepared: Prepared,
        user: User,
        admission: Admission,
        mut landing: Landing,
        outcome: SignInOutcome,
        now: Timestamp,
    ) -> Result<SignedIn, Error> {
        landing.open_session = prepared.session(&admission, now);
        let session = landing.open_session.as_ref().map(|session| session.id);
        landing.commit = Some(admission.commit(session, now));
        match self.land(&mut landing).await? {
            Landed::Whole => self.give(prepared, user, &admission, outcome, now).await,
            // The epoch at which the proof was made has just ended. That does not make the credential
            // wrong: proving it again tells.
            Landed::Stale | Landed::Held => Err(Error::Contended),
        }
    }
}

impl Credential {
    pub(super) fn method(&self) -> Method {
        match self.0 {
            CredentialKind::Password { .. } => Method::Password,
            CredentialKind::Proven(_) => Method::ProvenIdentity,
        }
    }
}

/// Who cannot prove to be the user that has an identity wants to take it away from that user.
fn taken_if_denied(error: Error) -> Error {
    let is_denied = matches!(error.rejection(), Some(Rejection::Denied | Rejection::UserUnknown));
    if is_denied { Rejection::IdentityTaken.into() } else { error }
}
