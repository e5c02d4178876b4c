//! Passwords: changed by who knows the old one, set by who has proven the identity.

use std::net::IpAddr;

use crate::credential::SessionToken;
use crate::engine::limits::PasswordKeys;
use crate::engine::{Caller, Engine, Error, Landed, MAX_ATTEMPTS};
use crate::model::{Identity, IdentityKey, ProvenIdentity, Session, UserId};
use crate::rules::{Rejection, passwords};
use crate::store::{Landing, Lookup};

impl Engine {
    /// Changes the password of the user whose session this is, who knows the old one. Every other
    /// session ends; this one stays, under the same token.
    ///
    /// # Errors
    ///
    /// - those of [`Engine::authenticate`];
    /// - [`Rejection::Denied`] if the old password is wrong, [`Rejection::NoPassword`] if there is none,
    ///   [`Rejection::NoLoginId`] if there is none to enter beside it;
    /// - [`Rejection::PasswordTooShort`], [`Rejection::PasswordTooLong`], [`Rejection::LimitReached`];
    /// - [`Error::Busy`] if too many passwords wait to be hashed;
    /// - [`Error::Contended`], [`Error::Store`], [`Error::Entropy`], [`Error::Credential`].
    ///
    /// # Cancellation
    ///
    /// The password is changed or not; if it is, the session may have ended too.
    /// The try at the old one counts against its limits as if it had failed.
    pub async fn change_password(
        &self,
        token: &SessionToken,
        old: &str,
        new: &str,
        address: Option<IpAddr>,
    ) -> Result<(), Error> {
        let caller = self.authenticate(token).await?;
        match self.change_password_of(caller, old, new, address).await {
            // What was found wrong may be so because of something that ended the session meanwhile.
            Err(error @ (Error::Rejected(_) | Error::Contended)) => {
                self.authenticate(token).await?;
                Err(error)
            }
            done => done,
        }
    }

    async fn change_password_of(
        &self,
        caller: Caller,
        old: &str,
        new: &str,
        address: Option<IpAddr>,
    ) -> Result<(), Error> {
        let now = self.now();
        let account = self.account(caller.user.id).await?;
        if account.password().is_none() {
            return Err(Rejection::NoPassword.into());
        }
        // Tries here are taken from the same buckets as those at the other doors.
        let login_id = account
            .identities
            .iter()
            .map(Identity::key)
            .find(|key| matches!(key, IdentityKey::LoginId { .. }));
        let login_id = login_id.ok_or(Rejection::NoLoginId)?;
        let keys = PasswordKeys::of_identity(&self.0.keyring, &login_id, address);
        let lookup = Lookup::User(caller.user.id);
        let (mut account, proof) = self.prove_password(lookup, &keys, old, now).await?;
        // The session is moved to the new epoch below: it must not be one that has ended meanwhile. If it
        // was only moved, by another change in it, that does not make the old password wrong.
        if account.user.epoch != caller.session.epoch {
            return Err(Error::Contended);
        }
        let hasher = self.0.hasher.asked_by(keys.asker());
        let hash = hasher.hash(self.new_password(new)?).await?;
        for _ in 0..MAX_ATTEMPTS {
            let fresh = self.fresh_for(&account, now)?;
            let commit = passwords::change(&account, &proof, &hash, fresh, now)?;
            let session = Session { epoch: fresh.epoch, ..caller.session.clone() };
            let mut landing =
                Landing { commit: Some(commit), move_session: Some(session), ..Landing::default() };
            match self.land(&mut landing).await? {
                Landed::Whole => {
                    self.supersede(account.user.id, account.user.epoch);
                    return Ok(());
                }
                Landed::Stale | Landed::Held => account = self.account(caller.user.id).await?,
            }
            if !proof.holds_for(&account) {
                return Err(Error::Contended);
            }
        }
        Err(Error::Contended)
    }

    /// Gives the user who has `identity` a new password, because the host has proven the identity by
    /// its own means. Every session ends, and the identity is proven from then on.
    ///
    /// # Errors
    ///
    /// - [`Rejection::UserUnknown`] if nobody has the identity, [`Rejection::Disabled`];
    /// - [`Rejection::NoLoginId`] if the user has no login ID to enter beside the password;
    /// - [`Rejection::PasswordTooShort`], [`Rejection::PasswordTooLong`];
    /// - [`Error::Busy`] if too many passwords wait to be hashed;
    /// - [`Error::Contended`], [`Error::Store`], [`Error::Entropy`], [`Error::Credential`].
    ///
    /// # Cancellation
    ///
    /// The password is set or not.
    pub async fn set_password(&self, identity: ProvenIdentity, new: &str) -> Result<UserId, Error> {
        let now = self.now();
        let hash = self.0.hasher.hash(self.new_password(new)?).await?;
        let key = identity.key();
        for _ in 0..MAX_ATTEMPTS {
            let Some(account) = self.backend().users().load(Lookup::Identity(&key)).await? else {
                return Err(Rejection::UserUnknown.into());
            };
            let fresh = self.fresh_for(&account, now)?;
            let commit = passwords::set(&account, &key, &hash, fresh, now)?;
            let mut landing = Landing { commit: Some(commit), ..Landing::default() };
            match self.land(&mut landing).await? {
                Landed::Whole => {
                    self.supersede(account.user.id, account.user.epoch);
                    for identity in &account.identities {
                        self.0.limits.forget_failures(&self.0.keyring, &identity.key());
                    }
                    return Ok(account.user.id);
                }
                Landed::Stale | Landed::Held => {}
            }
        }
        Err(Error::Contended)
    }
}
