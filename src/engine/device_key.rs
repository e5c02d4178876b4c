//! Signing in with a device key, which signs up an anonymous user when the key is new.

use std::net::IpAddr;

use crate::credential::{Action, ProvenKey, RequestError, SignedRequest, Ticket, TicketPurpose};
use crate::engine::open::Prepared;
use crate::engine::ticket::remember_until;
use crate::engine::{Engine, Error, Landed, MAX_ATTEMPTS, Open, SignInOutcome, SignedIn};
use crate::model::{
    Account, Commit, Event, EventKind, Expect, KeyName, KeyRecord, Method, Outcome, Timestamp,
    UserId,
};
use crate::rules::sign_up::{self, Anchor};
use crate::rules::{Admission, Proof, Rejection, sign_in};
use crate::store::Landing;

impl Engine {
    /// Signs in the anonymous user whose device key has signed `request`; if the key is new, signs up
    /// that user.
    ///
    /// `request` is a compact JWS that answers a [`challenge`](Engine::challenge) for the action
    /// `auth`; [`SignedRequest`] says what is in it. A new key proves itself as every other does.
    ///
    /// # Errors
    ///
    /// - [`Rejection::Denied`] if it is no such request, the key is unknown and not in it, or the
    ///   signature is not by that key; the challenge is still good then;
    /// - [`Rejection::ActionMismatch`] if it was signed for another action;
    /// - [`Rejection::TicketInvalid`], [`Rejection::TicketExpired`], [`Rejection::TicketSpent`] for its
    ///   challenge;
    /// - [`Rejection::AlreadyPromoted`], [`Rejection::AlreadyMerged`], [`Rejection::Deleted`]: final
    ///   answers about the user whose key this was;
    /// - [`Rejection::Disabled`], [`Rejection::AnonymousDisabled`], [`Rejection::LimitReached`];
    /// - [`Rejection::ClientUnknown`], [`Rejection::ClientNotAllowed`];
    /// - [`Error::Contended`], [`Error::Store`], [`Error::Entropy`].
    ///
    /// # Cancellation
    ///
    /// The challenge may be spent, the user signed up, and a session opened whose token nobody has.
    pub async fn sign_in_with_device_key(
        &self,
        request: &str,
        open: Open,
        address: Option<IpAddr>,
    ) -> Result<SignedIn, Error> {
        let now = self.now();
        let (request, challenge) = self.signed_request(request, Action::Auth, now)?;
        let prepared = self.prepare(open, now)?;
        let landing = Landing {
            spend: Some((challenge.nonce, remember_until(challenge.expires_at))),
            ..Landing::default()
        };
        let mut charge = Charge { address, is_taken: false };
        let entered = self.enter(&request, prepared, landing, &mut charge, now).await;
        // A rejection stays charged: whoever shows a spent challenge with new keys is limited too.
        if charge.is_taken && entered.as_ref().is_err_and(|error| error.rejection().is_none()) {
            self.0.limits.give_back_sign_up(address);
        }
        entered
    }

    async fn enter(
        &self,
        request: &SignedRequest,
        prepared: Prepared,
        mut landing: Landing,
        charge: &mut Charge,
        now: Timestamp,
    ) -> Result<SignedIn, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let (account, outcome, admission) = match self.known_key(request, now).await? {
                Some(Known { outcome: Some(outcome), .. }) => return Err(rejected(outcome).into()),
                Some(Known { user, key, outcome: None }) => {
                    let account = self.account(user).await?;
                    if account.device_key() != Some(key.key()) {
                        continue;
                    }
                    let proof = Proof::assertion(&account, Method::DeviceKey, None);
                    let admission = sign_in::decide(&account, &proof, now)?;
                    (account, SignInOutcome::SignedIn, admission)
                }
                None => {
                    let key = request.jwk().ok_or(Rejection::Denied)?;
                    let key = request.verify(key, now).map_err(|_| Rejection::Denied)?;
                    if !self.policy().anonymous.enabled {
                        return Err(Rejection::AnonymousDisabled.into());
                    }
                    if !charge.is_taken && !self.0.limits.take_sign_up(charge.address, now) {
                        return Err(Rejection::LimitReached.into());
                    }
                    charge.is_taken = true;
                    let (account, commit) = self.new_guest(&key, now)?;
                    landing.commit = Some(commit);
                    let admission = Admission::to(&account, Method::DeviceKey);
                    (account, SignInOutcome::SignedUp, admission)
                }
            };
            landing.open_session = prepared.session(&admission, now);
            if outcome == SignInOutcome::SignedIn {
                let session = landing.open_session.as_ref().map(|session| session.id);
                landing.commit = Some(admission.commit(session, now));
            }
            match self.land(&mut landing).await? {
                Landed::Whole => {
                    return self.give(prepared, account.user, &admission, outcome, now).await;
                }
                // Somebody else brought the same key at the same time, or changed the user.
                Landed::Stale | Landed::Held => {}
            }
        }
        Err(Error::Contended)
    }

    /// Reads a signed request and opens the challenge that it answers. Its signature is still to be
    /// verified.
    pub(super) fn signed_request(
        &self,
        request: &str,
        action: Action,
        now: Timestamp,
    ) -> Result<(SignedRequest, Ticket), Error> {
        let request = SignedRequest::parse(request).map_err(|_| Rejection::Denied)?;
        #[cfg(canary)]
        let action = crate::canary::Canary::ActionUnchecked.instead(action, request.action());
        if request.action() != action {
            return Err(Rejection::ActionMismatch.into());
        }
        let challenge = self.open_ticket(request.challenge(), TicketPurpose::Challenge, now)?;
        Ok((request, challenge))
    }

    /// Finds the key of a signed request, and verifies the request with it. `None` if the key is new.
    ///
    /// A key that is in the request is found by its thumbprint; if only its `kid` is known, that is
    /// another's, and it is the other's signature that is asked for.
    pub(super) async fn known_key(
        &self,
        request: &SignedRequest,
        now: Timestamp,
    ) -> Result<Option<Known>, Error> {
        let users = self.backend().users();
        let mut record = None;
        if let Some(key) = request.jwk() {
            record = users.key(KeyName::Thumbprint(&key.thumbprint)).await?;
        }
        if record.is_none() {
            record = users.key(KeyName::Kid(request.kid().as_str())).await?;
        }
        let Some(record) = record else { return Ok(None) };
        #[cfg(canary)]
        if let Some(key) = crate::canary::Canary::KeyFromRequest.instead(None, request.jwk()) {
            let key = request.verify(key, now).map_err(|_| Rejection::Denied)?;
            return Ok(Some(Known { user: record.user, key, outcome: record.outcome }));
        }
        match request.verify(&record.key, now) {
            Ok(key) => Ok(Some(Known { user: record.user, key, outcome: record.outcome })),
            Err(RequestError::Signature) => {
                self.tell_refused_key(&record, now).await?;
                Err(Rejection::Denied.into())
            }
            Err(
                RequestError::TooLong
                | RequestError::Malformed
                | RequestError::Algorithm
                | RequestError::WeakKey
                | RequestError::Time,
            ) => Err(Rejection::Denied.into()),
        }
    }

    /// Writes the event that a key was refused, as often as the limit for it allows.
    async fn tell_refused_key(&self, record: &KeyRecord, now: Timestamp) -> Result<(), Error> {
        let thumbprint = record.key.thumbprint;
        if !self.0.limits.take_refused_key(&thumbprint, now) {
            return Ok(());
        }
        let Some(user) = self.backend().users().user(record.user).await? else { return Ok(()) };
        let kind = EventKind::KeyRefused { thumbprint };
        let mut landing = Landing {
            commit: Some(Commit {
                user: user.id,
                expect: Expect::Epoch(user.epoch),
                also: None,
                writes: Vec::new(),
                events: vec![Event { user: user.id, at: now, kind }],
            }),
            ..Landing::default()
        };
        // A lost race loses the event: the user has just changed under the same epoch's eyes.
        self.land(&mut landing).await.map(|_| ())
    }

    fn new_guest(&self, key: &ProvenKey, now: Timestamp) -> Result<(Account, Commit), Error> {
        let user = UserId::draw(self.entropy(), now)?;
        let anchor = Anchor::Key(key.key().clone());
        let commit = sign_up::anonymous(user, self.fresh_epoch()?, anchor, now);
        let account = Account::after(None, &commit).ok_or(Error::Contended)?;
        Ok((account, commit))
    }
}

/// Whether the sign-up of a new key was taken from the limit of its address.
struct Charge {
    address: Option<IpAddr>,
    is_taken: bool,
}

/// A key that the store knows and that has signed the request at hand.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) user: UserId,
    pub(super) key: ProvenKey,
    pub(super) outcome: Option<Outcome>,
}

fn rejected(outcome: Outcome) -> Rejection {
    match outcome {
        Outcome::Promoted => Rejection::AlreadyPromoted,
        Outcome::Merged => Rejection::AlreadyMerged,
        Outcome::Deleted => Rejection::Deleted,
    }
}
