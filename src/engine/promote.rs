//! Promotion: a guest becomes a regular user under the same `sub`.

use std::net::IpAddr;

use crate::engine::open::Prepared;
use crate::engine::sign_in::tell_of_sign_in;
use crate::engine::{
    Credential, Engine, Error, Guest, Landed, MAX_ATTEMPTS, Open, SignInOutcome, SignedIn,
};
use crate::model::{Account, IdentityKey, Timestamp};
use crate::rules::merging::{self, Parties};
use crate::rules::promotion::{self, became, check_guest};
use crate::rules::{Admission, OnConflict, Rejection, sign_in};
use crate::store::{Landing, Lookup};

impl Engine {
    /// Promotes an anonymous user: from one commit on it is a regular user under the same `sub`, and
    /// nothing that was issued to it before counts any more.
    ///
    /// Asking twice is asking once: whoever proves, by the same login ID and its password, to be the
    /// user that the guest became, is signed in. (A guest who was proven by a signed request needs a
    /// fresh one for that: a challenge works once.) With any other credential the answer says what became
    /// of the guest, and nothing is issued.
    ///
    /// If the identity is another user's, the policy's `on_conflict` decides.
    ///
    /// # Errors
    ///
    /// - [`Rejection::AlreadyPromoted`], [`Rejection::AlreadyMerged`], [`Rejection::Deleted`],
    ///   [`Rejection::Collected`]: final answers about the guest;
    /// - [`Rejection::IdentityTaken`] by `on_conflict = "error"`, and [`Rejection::Denied`] by
    ///   `"login"` if the credential does not prove to be the other user;
    /// - [`Rejection::SessionSuperseded`], [`Rejection::SessionExpired`], [`Rejection::Disabled`] for
    ///   the guest;
    /// - [`Rejection::TicketSpent`] if the guest's challenge was used before;
    /// - [`Rejection::PasswordTooShort`], [`Rejection::PasswordTooLong`], [`Rejection::LimitReached`];
    /// - [`Rejection::ClientUnknown`], [`Rejection::ClientNotAllowed`];
    /// - [`Error::Busy`] if too many passwords wait to be hashed;
    /// - [`Error::Contended`], [`Error::Store`], [`Error::Entropy`], [`Error::Credential`].
    ///
    /// After an error nothing has changed but for a spent challenge, unless it is [`Error::Store`].
    ///
    /// # Cancellation
    ///
    /// The guest is promoted whole or not at all, perhaps with a session whose token nobody has.
    pub async fn promote(
        &self,
        guest: &Guest,
        credential: Credential,
        open: Open,
        address: Option<IpAddr>,
    ) -> Result<SignedIn, Error> {
        #[cfg(canary)]
        if crate::canary::Canary::AnotherSubject.sings() {
            return self.sign_up(credential, open, address).await;
        }
        let now = self.now();
        let prepared = self.prepare(open, now)?;
        if !self.0.limits.take_sign_up(address, now) {
            return Err(Rejection::LimitReached.into());
        }
        let key = credential.key();
        let mut landing = Landing { spend: guest.spend, ..Landing::default() };
        let mut claim = None;
        for _ in 0..MAX_ATTEMPTS {
            let account = self.account(guest.user()).await?;
            if let Some(owner) = self.backend().users().load(Lookup::Identity(&key)).await? {
                if became(&account) == Some(owner.user.id) {
                    let asked = Asked { account: &account, credential: &credential, address };
                    return self.promoted_before(asked, prepared, landing, now).await;
                }
                let step = Step { guest, account: &account, credential: &credential, address };
                match self.conflict(step, &prepared, &mut landing, now).await? {
                    Some((owner, admission)) => {
                        let outcome = SignInOutcome::Merged { guest: guest.user() };
                        return self.give(prepared, owner.user, &admission, outcome, now).await;
                    }
                    None => continue,
                }
            }
            check_guest(&account, &guest.proof, now)?;
            let claim = match &claim {
                Some(claim) => claim,
                None => claim.insert(self.claim(&credential).await?),
            };
            let fresh = self.fresh_for(&account, now)?;
            let commit = promotion::decide(&account, &guest.proof, claim, fresh, now)?;
            let promoted = Account::after(Some(&account), &commit).ok_or(Error::Contended)?;
            let admission = Admission::to(&promoted, credential.method());
            landing.commit = Some(commit);
            landing.open_session = prepared.session(&admission, now);
            match self.land(&mut landing).await? {
                Landed::Whole => {
                    self.supersede(account.user.id, account.user.epoch);
                    let outcome = SignInOutcome::Promoted;
                    return self.give(prepared, promoted.user, &admission, outcome, now).await;
                }
                Landed::Stale | Landed::Held => {}
            }
        }
        Err(Error::Contended)
    }

    /// Answers a promotion that was done before: by the new credential alone it is a sign-in.
    async fn promoted_before(
        &self,
        asked: Asked<'_>,
        prepared: Prepared,
        landing: Landing,
        now: Timestamp,
    ) -> Result<SignedIn, Error> {
        #[cfg(canary)]
        if let Some(user) =
            crate::canary::Canary::SettledUnproven.instead(None, became(asked.account))
        {
            let owner = self.account(user).await?;
            let admission = Admission::to(&owner, asked.credential.method());
            let outcome = SignInOutcome::SignedIn;
            return self.let_in(prepared, owner.user, admission, landing, outcome, now).await;
        }
        let (owner, proof) = match self.prove(asked.credential, asked.address, now).await {
            Ok(proven) => proven,
            Err(Error::Rejected(Rejection::Denied)) => {
                let is_merged = !asked.account.user.is_alive();
                let outcome =
                    if is_merged { Rejection::AlreadyMerged } else { Rejection::AlreadyPromoted };
                return Err(outcome.into());
            }
            Err(error) => return Err(error),
        };
        let admission = sign_in::decide(&owner, &proof, now)?;
        let outcome = SignInOutcome::SignedIn;
        self.let_in(prepared, owner.user, admission, landing, outcome, now).await
    }

    /// Answers a promotion whose identity is another user's: with that user, once the guest is merged
    /// into it; with `None` if somebody was faster.
    async fn conflict(
        &self,
        step: Step<'_>,
        prepared: &Prepared,
        landing: &mut Landing,
        now: Timestamp,
    ) -> Result<Option<(Account, Admission)>, Error> {
        check_guest(step.account, &step.guest.proof, now)?;
        let on_conflict = self.policy().anonymous.on_conflict;
        #[cfg(canary)]
        let on_conflict =
            crate::canary::Canary::ConflictIgnored.instead(on_conflict, OnConflict::Login);
        match on_conflict {
            OnConflict::Error => return Err(Rejection::IdentityTaken.into()),
            OnConflict::Login => {}
        }
        let (owner, proof) = match self.prove(step.credential, step.address, now).await {
            Ok(proven) => proven,
            // It may be nobody's any more by now, and then it is not for its owner to be proven.
            Err(error) if self.is_anybodys(&step.credential.key()).await? => return Err(error),
            Err(_) => return Ok(None),
        };
        let parties = Parties {
            guest: step.account,
            guest_proof: &step.guest.proof,
            owner: &owner,
            owner_proof: &proof,
        };
        let (commit, admission) =
            merging::decide(&parties, on_conflict, self.next_epoch(step.account)?, now)?;
        landing.open_session = prepared.session(&admission, now);
        landing.commit = Some(commit);
        tell_of_sign_in(landing, &owner, proof.method(), now);
        match self.land(landing).await? {
            Landed::Whole => {
                self.supersede(step.account.user.id, step.account.user.epoch);
                Ok(Some((owner, admission)))
            }
            Landed::Stale | Landed::Held => Ok(None),
        }
    }

    async fn is_anybodys(&self, identity: &IdentityKey) -> Result<bool, Error> {
        Ok(self.backend().users().load(Lookup::Identity(identity)).await?.is_some())
    }
}

/// A promotion that was done before.
struct Asked<'a> {
    account: &'a Account,
    credential: &'a Credential,
    address: Option<IpAddr>,
}

/// One try at a promotion.
struct Step<'a> {
    guest: &'a Guest,
    account: &'a Account,
    credential: &'a Credential,
    address: Option<IpAddr>,
}
