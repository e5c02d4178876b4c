//! Promotion: a guest becomes a regular user under the same `sub`.

use std::net::IpAddr;

use crate::engine::open::Prepared;
use crate::engine::sign_in::tell_of_sign_in;
use crate::engine::{
    Credential, Engine, Error, Guest, Landed, MAX_ATTEMPTS, Open, SignInOutcome, SignedIn,
};
use crate::model::{Account, IdentityKey, Timestamp, User};
use crate::rules::merging::{self, Parties};
use crate::rules::promotion::{self, became, check_guest};
use crate::rules::{Admission, Claim, OnConflict, Rejection, sign_in};
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
    /// After an error nothing has changed but for a spent challenge, and that a proof of the identity by the
    /// host was noted with its owner; unless it is [`Error::Store`].
    ///
    /// # Cancellation
    ///
    /// The guest is promoted whole or not at all, perhaps with a session whose token nobody has.
    /// The promotion counts against the limit of sign-ups, and a try at a password against
    /// those as if it had failed.
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
        let landing = Landing { spend: guest.spend, ..Landing::default() };
        let asked = Asked { guest, credential: &credential, address, prepared: &prepared, now };
        let mut tried = Tried { landing, claim: None };
        for _ in 0..MAX_ATTEMPTS {
            let account = self.account(guest.user()).await?;
            match self.try_to_promote(&asked, &account, &mut tried).await {
                Ok(Some(Promotion::Landed { user, admission, outcome })) => {
                    return self.give(prepared, user, &admission, outcome, now).await;
                }
                Ok(Some(Promotion::Proven { user, admission })) => {
                    let outcome = SignInOutcome::SignedIn;
                    return self
                        .let_in(prepared, user, admission, tried.landing, outcome, now)
                        .await;
                }
                Ok(None) => {}
                // What else was read goes with the guest only if that has not changed meanwhile.
                Err(Error::Rejected(_)) if !self.is_unchanged(&account).await? => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended)
    }

    /// Promotes or merges the user of `account`, or proves to be the user that it has become; `None` if
    /// somebody was faster.
    async fn try_to_promote(
        &self,
        asked: &Asked<'_>,
        account: &Account,
        tried: &mut Tried,
    ) -> Result<Option<Promotion>, Error> {
        let now = asked.now;
        let key = asked.credential.key();
        if let Some(owner) = self.backend().users().load(Lookup::Identity(&key)).await? {
            if became(account) == Some(owner.user.id) {
                return self.prove_again(asked, account).await;
            }
            return self.conflict(asked, account, &owner, &mut tried.landing).await;
        }
        check_guest(account, &asked.guest.proof, now)?;
        let claim = match &tried.claim {
            Some(claim) => claim,
            None => tried.claim.insert(self.claim(asked.credential, asked.address).await?),
        };
        let commit = promotion::decide(
            account,
            &asked.guest.proof,
            claim,
            self.fresh_for(account, now)?,
            now,
        )?;
        let promoted = Account::after(Some(account), &commit).ok_or(Error::Contended)?;
        let admission = Admission::to(&promoted, asked.credential.method());
        tried.landing.commit = Some(commit);
        tried.landing.open_session = asked.prepared.session(&admission, now);
        match self.land(&mut tried.landing).await? {
            Landed::Whole => {
                self.supersede(account.user.id, account.user.epoch);
                let (user, outcome) = (promoted.user, SignInOutcome::Promoted);
                Ok(Some(Promotion::Landed { user, admission, outcome }))
            }
            Landed::Stale | Landed::Held => Ok(None),
        }
    }

    /// Answers a promotion that was done before: by the new credential alone it is a sign-in. `None` if the
    /// credential is another user's by now.
    async fn prove_again(
        &self,
        asked: &Asked<'_>,
        account: &Account,
    ) -> Result<Option<Promotion>, Error> {
        #[cfg(canary)]
        if let Some(user) = crate::canary::Canary::SettledUnproven.instead(None, became(account)) {
            let owner = self.account(user).await?;
            let admission = Admission::to(&owner, asked.credential.method());
            return Ok(Some(Promotion::Proven { user: owner.user, admission }));
        }
        let (owner, proof) = match self.prove(asked.credential, asked.address, asked.now).await {
            Ok(proven) => proven,
            Err(Error::Rejected(Rejection::Denied)) => {
                let is_merged = !account.user.is_alive();
                let outcome =
                    if is_merged { Rejection::AlreadyMerged } else { Rejection::AlreadyPromoted };
                return Err(outcome.into());
            }
            Err(error) => return Err(error),
        };
        if became(account) != Some(owner.user.id) {
            return Ok(None);
        }
        let admission = sign_in::decide(&owner, &proof, asked.now)?;
        Ok(Some(Promotion::Proven { user: owner.user, admission }))
    }

    /// Answers a promotion whose identity is another user's: with that user, once the guest is merged
    /// into it; with `None` if somebody was faster.
    async fn conflict(
        &self,
        asked: &Asked<'_>,
        account: &Account,
        found: &Account,
        landing: &mut Landing,
    ) -> Result<Option<Promotion>, Error> {
        let now = asked.now;
        check_guest(account, &asked.guest.proof, now)?;
        let on_conflict = self.policy().anonymous.on_conflict;
        #[cfg(canary)]
        let on_conflict =
            crate::canary::Canary::ConflictIgnored.instead(on_conflict, OnConflict::Login);
        match on_conflict {
            OnConflict::Error => return Err(Rejection::IdentityTaken.into()),
            OnConflict::Login => {}
        }
        let (owner, proof) = match self.prove(asked.credential, asked.address, now).await {
            Ok(proven) => proven,
            Err(error) if self.is_still_of(found, &asked.credential.key()).await? => {
                return Err(error);
            }
            // It is nobody's by now, or another's, and was not for its owner of before to be proven.
            Err(_) => return Ok(None),
        };
        let parties = Parties {
            guest: account,
            guest_proof: &asked.guest.proof,
            owner: &owner,
            owner_proof: &proof,
        };
        let (commit, admission) =
            merging::decide(&parties, on_conflict, self.next_epoch(account)?, now)?;
        landing.open_session = asked.prepared.session(&admission, now);
        landing.commit = Some(commit);
        tell_of_sign_in(landing, &owner, proof.method(), now);
        match self.land(landing).await? {
            Landed::Whole => {
                self.supersede(account.user.id, account.user.epoch);
                let outcome = SignInOutcome::Merged { guest: account.user.id };
                Ok(Some(Promotion::Landed { user: owner.user, admission, outcome }))
            }
            Landed::Stale | Landed::Held => Ok(None),
        }
    }

    /// Whether an identity is still that of the user it was found with, who is as it was.
    pub(super) async fn is_still_of(
        &self,
        found: &Account,
        identity: &IdentityKey,
    ) -> Result<bool, Error> {
        let owner = self.backend().users().load(Lookup::Identity(identity)).await?;
        let names = |account: &Account| (account.user.id, account.user.version);
        Ok(owner.is_some_and(|owner| names(&owner) == names(found)))
    }

    /// Whether a user is as it was when `account` was read.
    async fn is_unchanged(&self, account: &Account) -> Result<bool, Error> {
        let user = self.backend().users().user(account.user.id).await?;
        Ok(user.is_some_and(|user| user.version == account.user.version))
    }
}

/// What was asked for.
struct Asked<'a> {
    guest: &'a Guest,
    credential: &'a Credential,
    address: Option<IpAddr>,
    prepared: &'a Prepared,
    now: Timestamp,
}

/// What one try leaves to the next.
struct Tried {
    landing: Landing,
    claim: Option<Claim>,
}

/// What a promotion came to.
enum Promotion {
    /// The guest was promoted or merged.
    Landed { user: User, admission: Admission, outcome: SignInOutcome },
    /// It was done before, and somebody has proven to be the user again.
    Proven { user: User, admission: Admission },
}
