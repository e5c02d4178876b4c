//! Flows: what a browser does on the hosted pages, from the first to the last of them.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::credential::{MAX_PAYLOAD, SignedRequest, Subject, TicketPurpose};
use crate::engine::ticket::remember_until;
use crate::engine::{Engine, Error, Guest, Issued};
use crate::model::{Timestamp, entropy};
use crate::rules::promotion::check_guest;
use crate::rules::{GuestProof, Rejection};
use crate::store::Nonce;

/// What a flow starts from. It prints without what it is started by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FlowStart<'a> {
    /// Nothing: somebody wants to sign up or log in.
    Plain,
    /// A promotion code of an anonymous user without a device key.
    PromotionCode(&'a str),
    /// A request for promotion that the device key of an anonymous user has signed.
    SignedRequest(&'a str),
}

impl fmt::Debug for FlowStart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::PromotionCode(_) => "PromotionCode([redacted])",
            Self::SignedRequest(_) => "SignedRequest([redacted])",
        })
    }
}

/// A flow that was just opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedFlow {
    /// Names the flow among those of one browser; 16 hexadecimal digits.
    pub id: String,
    /// The ticket that the browser keeps; whoever has it goes on with the flow.
    pub ticket: Issued,
}

/// A flow under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Names the flow among those of one browser.
    pub id: String,
    /// The anonymous user whom the flow is about, if there is one.
    pub guest: Option<Guest>,
    /// What was given when the flow was opened.
    pub payload: Vec<u8>,
    /// From when on the flow is refused.
    pub expires_at: Timestamp,
}

impl Engine {
    /// The name that a flow from `start` has, whether it was opened or not; `None` if `start` is plain
    /// or not of ours. With it a browser finds the flow that it has opened already.
    pub fn flow_id(&self, start: &FlowStart<'_>) -> Option<String> {
        let (text, purpose) = match start {
            FlowStart::Plain => return None,
            FlowStart::PromotionCode(code) => ((*code).to_owned(), TicketPurpose::PromotionCode),
            FlowStart::SignedRequest(request) => {
                let request = SignedRequest::parse(request).ok()?;
                (request.challenge().to_owned(), TicketPurpose::Challenge)
            }
        };
        // The name is of use beyond the life of the code: the flow lives longer than that.
        let ticket = self.0.tickets.open_at_any_age(&text, purpose, self.now())?;
        Some(flow_name(&ticket.nonce))
    }

    /// Opens a flow, and spends the promotion code or the challenge that it starts from: from then on
    /// the ticket of the flow is what counts, for an hour.
    ///
    /// `payload` comes back with the flow; it is kept from being altered, not from being read.
    ///
    /// # Errors
    ///
    /// - [`Rejection::TicketInvalid`], [`Rejection::TicketExpired`], [`Rejection::TicketSpent`] for the
    ///   code or the challenge;
    /// - [`Rejection::Denied`], [`Rejection::ActionMismatch`] for a signed request, as
    ///   [`Engine::guest_by_key`] has them;
    /// - [`Rejection::AlreadyPromoted`], [`Rejection::AlreadyMerged`], [`Rejection::Deleted`],
    ///   [`Rejection::Collected`]: final answers about the guest;
    /// - [`Rejection::SessionSuperseded`], [`Rejection::SessionExpired`], [`Rejection::Disabled`] for
    ///   the guest;
    /// - [`Error::Contended`], [`Error::Store`], [`Error::Entropy`], and [`Error::Credential`] if the
    ///   payload is longer than [`MAX_PAYLOAD`] bytes.
    ///
    /// # Cancellation
    ///
    /// The code or challenge may be spent.
    pub async fn open_flow(
        &self,
        start: FlowStart<'_>,
        payload: &[u8],
    ) -> Result<OpenedFlow, Error> {
        // Before anything is spent.
        if MAX_PAYLOAD < payload.len() {
            return Err(Error::Credential);
        }
        let now = self.now();
        let expires_at = now.plus(FLOW_LIFETIME);
        let (nonce, subject) = match start {
            FlowStart::Plain => (Nonce(entropy::draw(self.entropy())?), None),
            FlowStart::PromotionCode(code) => {
                let ticket = self.open_ticket(code, TicketPurpose::PromotionCode, now)?;
                let subject = ticket.subject.ok_or(Rejection::TicketInvalid)?;
                let proof = GuestProof::assertion(subject.user, subject.epoch);
                let spend = Some((ticket.nonce, remember_until(ticket.expires_at)));
                self.start_with(&Guest { proof, spend }, expires_at, now).await?;
                (ticket.nonce, Some(subject))
            }
            FlowStart::SignedRequest(request) => {
                let guest = self.guest_by_key(request).await?;
                let (nonce, _) = guest.spend.ok_or(Error::Credential)?;
                self.start_with(&guest, expires_at, now).await?;
                let subject = Subject { user: guest.user(), epoch: guest.proof.epoch() };
                (nonce, Some(subject))
            }
        };
        let payload = payload.to_vec();
        let ticket = self.seal_ticket(TicketPurpose::Flow, nonce, subject, expires_at, payload)?;
        Ok(OpenedFlow { id: flow_name(&nonce), ticket })
    }

    /// Reads the ticket of a flow.
    ///
    /// The guest in it is as it was when the flow was opened; what is done with it says whether it
    /// still is.
    ///
    /// # Errors
    ///
    /// [`Rejection::TicketInvalid`], [`Rejection::TicketExpired`]. There are no others.
    pub fn flow(&self, ticket: &str) -> Result<Flow, Error> {
        let ticket = self.open_ticket(ticket, TicketPurpose::Flow, self.now())?;
        let guest = ticket.subject.map(|subject| Guest {
            proof: GuestProof::assertion(subject.user, subject.epoch),
            spend: None,
        });
        Ok(Flow {
            id: flow_name(&ticket.nonce),
            guest,
            payload: ticket.payload,
            expires_at: ticket.expires_at,
        })
    }

    /// Lets the flow of a guest start: the guest may act, will be there until the flow ends, and what
    /// it showed is spent.
    async fn start_with(
        &self,
        guest: &Guest,
        ends_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        let account = self.account(guest.user()).await?;
        check_guest(&account, &guest.proof, now)?;
        if let Some(fence) = account.user.ends_at
            && fence < ends_at
        {
            match self.raise_fence(guest.user(), ends_at, now).await {
                Ok(()) => {}
                // The guest has changed meanwhile: look again what became of it.
                Err(Error::Rejected(_)) => {
                    check_guest(&self.account(guest.user()).await?, &guest.proof, now)?;
                    return Err(Error::Contended);
                }
                Err(error) => return Err(error),
            }
        }
        if let Some((nonce, until)) = guest.spend
            && !self.backend().sessions().spend(&nonce, until).await?
        {
            return Err(Rejection::TicketSpent.into());
        }
        Ok(())
    }
}

fn flow_name(nonce: &Nonce) -> String {
    nonce.0[..8].iter().fold(String::with_capacity(16), |mut name, byte| {
        let _infallible = write!(name, "{byte:02x}");
        name
    })
}

/// How long a person may take on the hosted pages. What is proven at the start need not be proven again
/// at the end, so this is generous.
const FLOW_LIFETIME: Duration = Duration::from_secs(3600);
