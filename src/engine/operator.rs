//! Passwords, and what operators do: disable, enable, delete, read the events.

use std::net::IpAddr;

use crate::credential::SessionToken;
use crate::engine::limits::PasswordKeys;
use crate::engine::{Caller, Engine, Error, Landed, MAX_ATTEMPTS};
use crate::model::{Event, EventCursor, Identity, IdentityKey, ProvenIdentity, Session, UserId};
use crate::rules::{Rejection, passwords, status};
use crate::store::{Landing, Lookup, MAX_PORTION};

impl Engine {
    /// Changes the password of the user whose session this is, who knows the old one. Every other
    /// session ends; this one stays, under the same token.
    ///
    /// # Errors
    ///
    /// - those of [`Engine::authenticate`];
    /// - [`Rejection::Denied`] if the old password is wrong, [`Rejection::NoPassword`] if there is none;
    /// - [`Rejection::PasswordTooShort`], [`Rejection::PasswordTooLong`], [`Rejection::LimitReached`];
    /// - [`Error::Busy`] if too many passwords wait to be hashed;
    /// - [`Error::Contended`], [`Error::Store`], [`Error::Entropy`], [`Error::Credential`].
    ///
    /// # Cancellation
    ///
    /// The password is changed or not; if it is, the session may have ended too.
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
            Err(Error::Rejected(rejection)) => {
                self.authenticate(token).await?;
                Err(rejection.into())
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
        let keyring = &self.0.keyring;
        let keys = match login_id {
            Some(key) => PasswordKeys::of_identity(keyring, &key, address),
            None => PasswordKeys::of_user(keyring, account.user.id, address),
        };
        let lookup = Lookup::User(caller.user.id);
        let (mut account, proof) = self.prove_password(lookup, &keys, old, now).await?;
        // The session is moved to the new epoch below: it must not be one that has ended meanwhile.
        if account.user.epoch != caller.session.epoch {
            return Err(Rejection::SessionSuperseded.into());
        }
        let hash = self.0.hasher.hash(self.new_password(new)?).await?;
        for _ in 0..MAX_ATTEMPTS {
            let fresh = self.fresh(now)?;
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
        }
        Err(Error::Contended)
    }

    /// Gives the user who has `identity` a new password, because the host has proven the identity by
    /// its own means. Every session ends, and the identity is proven from then on.
    ///
    /// # Errors
    ///
    /// - [`Rejection::UserUnknown`] if nobody has the identity, [`Rejection::Disabled`];
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
            let fresh = self.fresh(now)?;
            let commit = passwords::set(&account, &key, &hash, fresh, now)?;
            let mut landing = Landing { commit: Some(commit), ..Landing::default() };
            match self.land(&mut landing).await? {
                Landed::Whole => {
                    self.supersede(account.user.id, account.user.epoch);
                    return Ok(account.user.id);
                }
                Landed::Stale | Landed::Held => {}
            }
        }
        Err(Error::Contended)
    }

    /// Who has an identity; for operators, who know people by their login IDs.
    ///
    /// ```
    /// # use guestpass::{Engine, Error};
    /// use guestpass::model::{LoginId, LoginIdType, ProvenIdentity};
    ///
    /// # async fn lock_out(engine: &Engine) -> Result<(), Box<dyn std::error::Error>> {
    /// let email = LoginId::parse(LoginIdType::Email, "mallory@example.com")?;
    /// if let Some(user) = engine.find(&ProvenIdentity::login_id(email)).await? {
    ///     engine.disable(user).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Store`]. There are no others.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    pub async fn find(&self, identity: &ProvenIdentity) -> Result<Option<UserId>, Error> {
        let key = identity.key();
        let account = self.backend().users().load(Lookup::Identity(&key)).await?;
        Ok(account.map(|account| account.user.id))
    }

    /// Locks a user out. A regular user's sessions end; a guest, who may have no other way back, keeps
    /// its own for the day it is enabled.
    ///
    /// # Errors
    ///
    /// [`Rejection::UserUnknown`], also for a user that is over; [`Error::Contended`],
    /// [`Error::Store`], [`Error::Entropy`].
    ///
    /// # Cancellation
    ///
    /// The user is disabled or not.
    pub async fn disable(&self, user: UserId) -> Result<(), Error> {
        let now = self.now();
        self.decide(user, |account| Ok(status::disable(account, self.fresh_epoch()?, now)?))
            .await?;
        Ok(())
    }

    /// Lets a user in again that was disabled.
    ///
    /// # Errors
    ///
    /// [`Rejection::UserUnknown`], also for a user that is over; [`Error::Contended`],
    /// [`Error::Store`].
    ///
    /// # Cancellation
    ///
    /// The user is enabled or not.
    pub async fn enable(&self, user: UserId) -> Result<(), Error> {
        let now = self.now();
        self.decide(user, |account| Ok(status::enable(account, now)?)).await?;
        Ok(())
    }

    /// Deletes a user: its identities, authenticators and sessions. The root record stays, so that the
    /// `sub` is never given again, and so do its device keys, retired, to tell their holder.
    ///
    /// # Errors
    ///
    /// [`Rejection::UserUnknown`], [`Error::Contended`], [`Error::Store`], [`Error::Entropy`].
    ///
    /// # Cancellation
    ///
    /// The user is deleted or not.
    pub async fn delete(&self, user: UserId) -> Result<(), Error> {
        let now = self.now();
        self.decide(user, |account| Ok(status::delete(account, self.fresh_epoch()?, now))).await?;
        Ok(())
    }

    /// The events after `after`, in the order of their commits, at most `limit` and never more than
    /// [`MAX_PORTION`].
    ///
    /// Whoever keeps the cursor of the last event that was dealt with, and asks for those after it,
    /// misses none.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]. There are no others.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    pub async fn events(
        &self,
        after: EventCursor,
        limit: u32,
    ) -> Result<Vec<(EventCursor, Event)>, Error> {
        Ok(self.backend().users().events(after, limit.min(MAX_PORTION)).await?)
    }

    /// Forgets events up to and including `through`, at most `limit` and never more than
    /// [`MAX_PORTION`]; says how many. Without it events are kept for ever.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]. There are no others.
    ///
    /// # Cancellation
    ///
    /// All of the portion is forgotten, or nothing.
    pub async fn forget_events(&self, through: EventCursor, limit: u32) -> Result<u32, Error> {
        Ok(self.backend().users().forget_events(through, limit.min(MAX_PORTION)).await?)
    }
}
