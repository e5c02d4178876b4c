//! Challenges, promotion codes, and what guests show.

use std::time::Duration;

use crate::credential::{Action, SessionToken, Subject, Ticket, TicketError, TicketPurpose};
use crate::engine::{Engine, Error, Guest, Issued};
use crate::model::{Method, Standing, Timestamp, entropy};
use crate::rules::{GuestProof, Rejection, lifetime};
use crate::store::Nonce;

impl Engine {
    /// Issues a challenge for a signed request of a device. Nothing is stored.
    ///
    /// It is good for five minutes, once, and for one request whose signature is good.
    ///
    /// # Errors
    ///
    /// [`Error::Entropy`], [`Error::Credential`]. There are no others.
    pub fn challenge(&self) -> Result<Issued, Error> {
        self.issue(TicketPurpose::Challenge, None, CHALLENGE_LIFETIME, self.now())
    }

    /// Issues a promotion code to the anonymous user whose session this is. Nothing is stored.
    ///
    /// It is good for five minutes, once, to open a flow ([`Engine::open_flow`]).
    ///
    /// # Errors
    ///
    /// - those of [`Engine::authenticate`];
    /// - [`Rejection::NotAnonymous`] for a regular user;
    /// - [`Rejection::DeviceKeyNeeded`] for an anonymous user with a device key, who signs a request
    ///   instead;
    /// - [`Error::Entropy`], [`Error::Credential`].
    ///
    /// # Cancellation
    ///
    /// Safe: at most an access is recorded.
    pub async fn promotion_code(&self, guest: &SessionToken) -> Result<Issued, Error> {
        let caller = self.authenticate(guest).await?;
        if !caller.user.is_anonymous() {
            return Err(Rejection::NotAnonymous.into());
        }
        // Only a user without a device key has a fence.
        if caller.user.ends_at.is_none() {
            return Err(Rejection::DeviceKeyNeeded.into());
        }
        let subject = Subject { user: caller.user.id, epoch: caller.user.epoch };
        self.issue(TicketPurpose::PromotionCode, Some(subject), PROMOTION_CODE_LIFETIME, self.now())
    }

    /// Takes the session of an anonymous user as proof of being that user.
    ///
    /// A session from before the user was promoted is taken too, so that who lost the answer to a
    /// promotion can ask again; what is done with it then says what became of the user.
    ///
    /// # Errors
    ///
    /// - [`Rejection::SessionUnknown`], [`Rejection::SessionExpired`];
    /// - [`Rejection::NotAnonymous`] if it is a live session of a regular user;
    /// - [`Rejection::ClientUnknown`] if the session is of a client that the policy no longer has;
    /// - [`Error::Store`].
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    pub async fn guest_by_session(&self, token: &SessionToken) -> Result<Guest, Error> {
        let Some((session, user)) = self.backend().resolve(&token.digest()).await? else {
            return Err(Rejection::SessionUnknown.into());
        };
        match lifetime::check(&session, &user, self.policy(), self.now()) {
            Ok(_) if !user.is_anonymous() => return Err(Rejection::NotAnonymous.into()),
            Ok(_) | Err(Rejection::SessionSuperseded | Rejection::Disabled) => {}
            Err(rejection) => return Err(rejection.into()),
        }
        Ok(Guest { proof: GuestProof::assertion(session.user, session.epoch), spend: None })
    }

    /// Whether the session is one of an anonymous user that is, or was merged into, a regular user by now; as
    /// long as the session is kept, which is for a day after that at least. Whoever has it may log in. A new guest
    /// in its place would take the browser from a user who has signed up in another tab, or whose answer was
    /// lost; so a host that makes guests asks before it makes another.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]. There are no others.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    pub async fn has_become_regular(&self, token: &SessionToken) -> Result<bool, Error> {
        let Some((session, user)) = self.backend().resolve(&token.digest()).await? else {
            return Ok(false);
        };
        let is_guests = match session.method {
            Method::Anonymous | Method::DeviceKey => true,
            Method::Password | Method::ProvenIdentity => false,
        };
        Ok(match user.standing {
            Standing::Regular => is_guests,
            Standing::Merged { into } => {
                let owner = self.backend().users().user(into).await?;
                is_guests && owner.is_some_and(|owner| owner.is_alive())
            }
            Standing::Anonymous | Standing::Deleted | Standing::Collected => false,
        })
    }

    /// Takes a request that an anonymous user's device has signed for the action `promote` as proof of
    /// being that user. Its challenge is spent by what is done with it.
    ///
    /// # Errors
    ///
    /// - [`Rejection::Denied`] if it is no such request, the key is unknown, or the signature is not by
    ///   that key;
    /// - [`Rejection::ActionMismatch`] if it was signed for another action;
    /// - [`Rejection::TicketInvalid`], [`Rejection::TicketExpired`] for its challenge;
    /// - [`Error::Store`].
    ///
    /// A key that is retired is taken too; what is done with it then says what became of the user.
    ///
    /// # Cancellation
    ///
    /// Safe: at most an event is recorded.
    pub async fn guest_by_key(&self, request: &str) -> Result<Guest, Error> {
        let now = self.now();
        let (request, challenge) = self.signed_request(request, Action::Promote, now)?;
        let Some(known) = self.known_key(&request, now).await? else {
            return Err(Rejection::Denied.into());
        };
        let account = self.account(known.user).await?;
        Ok(Guest {
            proof: GuestProof::assertion(account.user.id, account.user.epoch),
            spend: Some((challenge.nonce, remember_until(challenge.expires_at))),
        })
    }

    pub(super) fn issue(
        &self,
        purpose: TicketPurpose,
        subject: Option<Subject>,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        let nonce = Nonce(entropy::draw(self.entropy())?);
        self.seal_ticket(purpose, nonce, subject, now.plus(lifetime), Vec::new())
    }

    pub(super) fn seal_ticket(
        &self,
        purpose: TicketPurpose,
        nonce: Nonce,
        subject: Option<Subject>,
        expires_at: Timestamp,
        payload: Vec<u8>,
    ) -> Result<Issued, Error> {
        let ticket = Ticket { purpose, nonce, expires_at, subject, payload };
        let text = self.0.tickets.seal(&ticket).map_err(|_| Error::Credential)?;
        Ok(Issued { text, expires_at })
    }

    pub(super) fn open_ticket(
        &self,
        text: &str,
        purpose: TicketPurpose,
        now: Timestamp,
    ) -> Result<Ticket, Rejection> {
        self.0.tickets.open(text, purpose, now).map_err(|error| match error {
            TicketError::Invalid => Rejection::TicketInvalid,
            TicketError::Expired => Rejection::TicketExpired,
        })
    }
}

/// Until when a nonce is remembered whose ticket expires at `expires_at`. The margin covers a clock
/// that is set back and processes whose clocks differ.
pub(super) fn remember_until(expires_at: Timestamp) -> Timestamp {
    #[cfg(canary)]
    if crate::canary::Canary::SpentForgottenEarly.sings() {
        return expires_at;
    }
    expires_at.plus(CLOCK_MARGIN)
}

const CHALLENGE_LIFETIME: Duration = Duration::from_secs(5 * 60);
const PROMOTION_CODE_LIFETIME: Duration = Duration::from_secs(5 * 60);
const CLOCK_MARGIN: Duration = Duration::from_secs(3600);
