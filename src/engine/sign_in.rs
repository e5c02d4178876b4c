//! Signing in as a regular user, also while being a guest.

use std::net::IpAddr;

use crate::credential::{Password, PasswordError, PasswordPolicy, Verdict};
use crate::engine::decoy::password_hash;
use crate::engine::limits::PasswordKeys;
use crate::engine::request::CredentialKind;
use crate::engine::{
    Credential, Engine, Error, Guest, Landed, MAX_ATTEMPTS, Open, SignInOutcome, SignedIn,
};
use crate::model::{Account, Event, EventKind, Method, Timestamp};
use crate::rules::merging::{self, Parties};
use crate::rules::promotion::check_guest;
use crate::rules::{OnConflict, Proof, Rejection, passwords, proving, sign_in};
use crate::store::{Landing, Lookup};

impl Engine {
    /// Signs in a regular user.
    ///
    /// Somebody who is a guest meanwhile follows the policy's `on_conflict`: by `error` nothing changes,
    /// by `login` the guest becomes merged into the user. A guest whose time is over already is no
    /// matter.
    ///
    /// A proven identity that the user had only claimed until now may have been claimed by somebody else:
    /// the password that was set with it and every session end first ([`Engine::confirm_identity`] is for
    /// a user who is signed in).
    ///
    /// # Errors
    ///
    /// - [`Rejection::Denied`] for a wrong password or an unknown login ID, which take the same time;
    /// - [`Rejection::UserUnknown`] for a proven identity that nobody has;
    /// - [`Rejection::IdentityTaken`] for a guest, by `on_conflict = "error"`;
    /// - [`Rejection::LimitReached`], [`Rejection::Disabled`];
    /// - [`Rejection::TicketSpent`] if the guest's challenge was used before;
    /// - [`Rejection::ClientUnknown`], [`Rejection::ClientNotAllowed`];
    /// - [`Error::Busy`] if too many passwords wait to be verified;
    /// - [`Error::Contended`], [`Error::Store`], [`Error::Entropy`], [`Error::Credential`].
    ///
    /// # Cancellation
    ///
    /// A session may be opened whose token nobody has, and the guest be merged.
    /// A try at a password counts against its limits as if it had failed.
    pub async fn sign_in(
        &self,
        credential: Credential,
        guest: Option<&Guest>,
        open: Open,
        address: Option<IpAddr>,
    ) -> Result<SignedIn, Error> {
        let now = self.now();
        let prepared = self.prepare(open, now)?;
        let (mut owner, mut proof) = self.show(&credential, address, now).await?;
        let mut landing = Landing { spend: guest.and_then(|guest| guest.spend), ..<_>::default() };
        'guest: {
            let Some(guest) = guest else { break 'guest };
            for _ in 0..MAX_ATTEMPTS {
                let Some(account) = self.backend().users().load(Lookup::User(guest.user())).await?
                else {
                    break 'guest;
                };
                if check_guest(&account, &guest.proof, now).is_err() {
                    break 'guest;
                }
                let on_conflict = self.policy().anonymous.on_conflict;
                match on_conflict {
                    OnConflict::Error => return Err(Rejection::IdentityTaken.into()),
                    OnConflict::Login => {}
                }
                (owner, proof) = self.take_over(&credential, owner, proof, now).await?;
                let parties = Parties {
                    guest: &account,
                    guest_proof: &guest.proof,
                    owner: &owner,
                    owner_proof: &proof,
                };
                let (commit, admission) =
                    merging::decide(&parties, on_conflict, self.next_epoch(&account)?, now)?;
                landing.open_session = prepared.session(&admission, now);
                landing.commit = Some(commit);
                tell_of_sign_in(&mut landing, &owner, proof.method(), now);
                match self.land(&mut landing).await? {
                    Landed::Whole => {
                        self.supersede(account.user.id, account.user.epoch);
                        let outcome = SignInOutcome::Merged { guest: guest.user() };
                        return self.give(prepared, owner.user, &admission, outcome, now).await;
                    }
                    Landed::Stale | Landed::Held => {}
                }
                owner = self.account(owner.user.id).await?;
                if !proof.holds_for(&owner) {
                    return Err(Error::Contended);
                }
            }
            return Err(Error::Contended);
        }
        (owner, proof) = self.take_over(&credential, owner, proof, now).await?;
        let admission = sign_in::decide(&owner, &proof, now)?;
        let outcome = SignInOutcome::SignedIn;
        self.let_in(prepared, owner.user, admission, landing, outcome, now).await
    }

    /// Proves, by `credential`, to be the user that it belongs to, and has that user to itself.
    pub(super) async fn prove(
        &self,
        credential: &Credential,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(Account, Proof), Error> {
        let (account, proof) = self.show(credential, address, now).await?;
        self.take_over(credential, account, proof, now).await
    }

    /// Takes the account from whoever had only claimed the identity that `credential` has proven.
    async fn take_over(
        &self,
        credential: &Credential,
        mut account: Account,
        proof: Proof,
        now: Timestamp,
    ) -> Result<(Account, Proof), Error> {
        match credential.0 {
            CredentialKind::Password { .. } => return Ok((account, proof)),
            CredentialKind::Proven(_) => {}
        }
        let key = credential.key();
        for _ in 0..MAX_ATTEMPTS {
            if !proving::is_only_claimed(&account, &key) {
                let proof = Proof::assertion(&account, Method::ProvenIdentity, None);
                return Ok((account, proof));
            }
            if let Some(commit) =
                proving::take_over(&account, &key, self.next_epoch(&account)?, now)
            {
                let mut landing = Landing { commit: Some(commit), ..Landing::default() };
                match self.land(&mut landing).await? {
                    Landed::Whole => self.supersede(account.user.id, account.user.epoch),
                    Landed::Stale | Landed::Held => {}
                }
            }
            account = match self.backend().users().load(Lookup::Identity(&key)).await? {
                Some(account) => account,
                None => return Err(Rejection::UserUnknown.into()),
            };
        }
        Err(Error::Contended)
    }

    /// Shows a credential; whose it is, and the proof.
    async fn show(
        &self,
        credential: &Credential,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(Account, Proof), Error> {
        let key = credential.key();
        match &credential.0 {
            CredentialKind::Password { password, .. } => {
                let keys = PasswordKeys::of_identity(&self.0.keyring, &key, address);
                self.prove_password(Lookup::Identity(&key), &keys, password, now).await
            }
            CredentialKind::Proven(_) => {
                match self.backend().users().load(Lookup::Identity(&key)).await? {
                    Some(account) => {
                        let proof = Proof::assertion(&account, Method::ProvenIdentity, None);
                        Ok((account, proof))
                    }
                    None => Err(Rejection::UserUnknown.into()),
                }
            }
        }
    }

    /// Proves, by a password, to be a user. The tries are limited by the buckets of `keys`, whether or
    /// not there is such a user; the same work is done in both cases.
    pub(super) async fn prove_password(
        &self,
        lookup: Lookup<'_>,
        keys: &PasswordKeys,
        password: &str,
        now: Timestamp,
    ) -> Result<(Account, Proof), Error> {
        let Ok(entered) = Password::attempt(password) else { return Err(Rejection::Denied.into()) };
        if !self.0.limits.take_password(keys, now) {
            return Err(Rejection::LimitReached.into());
        }
        let account = match self.read_for_password(lookup).await {
            Ok(account) => account,
            Err(error) => {
                self.0.limits.give_back_password(keys);
                return Err(error);
            }
        };
        #[cfg(canary)]
        if crate::canary::Canary::UnknownNamed.sings() {
            account.as_ref().ok_or(Rejection::UserUnknown)?;
        }
        #[cfg(canary)]
        if crate::canary::Canary::UnknownAtOnce.sings() {
            account.as_ref().ok_or(Rejection::Denied)?;
        }
        let hash = account.as_ref().and_then(password_hash);
        let verdict = match self.0.hasher.asked_by(keys.asker()).verify(entered, hash).await {
            Ok(verdict) => verdict,
            Err(error) => {
                self.0.limits.give_back_password(keys);
                return Err(error.into());
            }
        };
        #[cfg(canary)]
        let verdict =
            crate::canary::Canary::AnyPassword.instead(verdict, Verdict::Match { outdated: false });
        #[cfg(canary)]
        if crate::canary::Canary::FailureNotCounted.sings() {
            self.0.limits.give_back_password(keys);
        }
        let outdated = match verdict {
            Verdict::Mismatch => return Err(Rejection::Denied.into()),
            Verdict::Match { outdated } => outdated,
        };
        self.0.limits.give_back_password(keys);
        let account = account.ok_or(Rejection::Denied)?;
        let authenticator =
            account.password().map(|(authenticator, _)| (authenticator.id, authenticator.revision));
        let proof = Proof::assertion(&account, Method::Password, authenticator);
        if outdated {
            self.renew_hash(&account, &proof, password).await;
        }
        Ok((account, proof))
    }

    /// Keeps a password under a hash of the present parameters. What prevents it now is tried again at
    /// the next sign-in, so no failure of it is one of the sign-in.
    async fn renew_hash(&self, account: &Account, proof: &Proof, password: &str) {
        let Ok(password) = Password::attempt(password) else { return };
        let Ok(hash) = self.0.hasher.hash(password).await else { return };
        if let Some(commit) = passwords::rehash(account, proof, &hash) {
            let mut landing = Landing { commit: Some(commit), ..Landing::default() };
            let _renewed_or_not = self.land(&mut landing).await;
        }
    }

    /// A password that somebody wants to have from now on.
    pub(super) fn new_password(&self, text: &str) -> Result<Password, Rejection> {
        let min_length = usize::try_from(self.policy().password.min_length).unwrap_or(usize::MAX);
        let policy = PasswordPolicy { min_length, ..PasswordPolicy::default() };
        Password::parse(text, &policy).map_err(|error| match error {
            PasswordError::TooShort => Rejection::PasswordTooShort,
            PasswordError::TooLong => Rejection::PasswordTooLong,
        })
    }
}

/// Adds to a merge that somebody was signed in by it.
pub(super) fn tell_of_sign_in(
    landing: &mut Landing,
    owner: &Account,
    method: Method,
    now: Timestamp,
) {
    let session = landing.open_session.as_ref().map(|session| session.id);
    let kind = EventKind::SignedIn { session, method };
    if let Some(commit) = &mut landing.commit {
        commit.events.push(Event { user: owner.user.id, at: now, kind });
    }
}
