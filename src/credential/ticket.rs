//! Tickets: short-lived, self-contained tokens of ours that are spent by their nonce.
//!
//! Issuing one writes nothing. Its text is unpadded base64url of
//!
//! ```text
//! version 1 | key 8 | purpose 1 | nonce 16 | expiry 8 | subject 0: 1, or 1: 1 + 16 + 8 | payload | MAC 32
//! ```
//!
//! with HMAC-SHA256 over everything before the MAC. The contents are signed, not hidden: whoever is
//! handed a ticket may know its own `sub`, and the payload has nothing in it that its holder may not
//! see. Hiding it would buy nothing and cost a nonce that must never repeat.

use crate::credential::base64url;
use crate::credential::keyring::{KeyLabel, Keyring};
use crate::credential::mac::TAG_LENGTH;
use crate::model::{Entropy, EntropyError, Epoch, Nonce, Timestamp, UserId};

/// What a ticket says. Without its MAC it proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// What it is for. It is accepted for nothing else.
    pub purpose: TicketPurpose,
    /// What it is spent by.
    pub nonce: Nonce,
    /// It counts only before this instant.
    pub expires_at: Timestamp,
    /// For whom it was issued, if for anybody.
    pub subject: Option<Subject>,
    /// What else it says, in a form that its purpose defines; at most [`MAX_PAYLOAD`] bytes. Its
    /// holder can read it.
    pub payload: Vec<u8>,
}

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TicketPurpose {
    /// Is signed by a device key.
    Challenge,
    /// Starts the promotion of the anonymous user that it was issued for.
    PromotionCode,
    /// Is exchanged for the tokens of a client (RFC 6749 section 4.1).
    AuthorizationCode,
    /// Carries the state of the sign-up and log-in pages.
    Flow,
}

impl TicketPurpose {
    const fn code(self) -> u8 {
        match self {
            Self::Challenge => 1,
            Self::PromotionCode => 2,
            Self::AuthorizationCode => 3,
            Self::Flow => 4,
        }
    }
}

/// For whom a ticket was issued, and at which epoch. At any other epoch it counts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The user.
    pub user: UserId,
    /// The user's epoch when the ticket was issued.
    pub epoch: Epoch,
}

/// A text is not a ticket that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Not a ticket for this purpose that we issued with a key that still counts.
    #[error("not a ticket for this purpose")]
    Invalid,
    /// One of ours for this purpose, but over.
    #[error("the ticket has expired")]
    Expired,
}

/// A ticket's payload is longer than [`MAX_PAYLOAD`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ticket carries at most {MAX_PAYLOAD} bytes")]
pub struct PayloadTooLong;

/// Issues and checks tickets.
#[derive(Clone, Debug)]
pub struct Tickets {
    keyring: Keyring,
}

impl Tickets {
    /// Tickets under the key of `keyring`: they count in every process that shares it, also after a
    /// restart. Only for a store that remembers what was spent as long.
    pub fn durable(keyring: &Keyring) -> Self {
        Self { keyring: keyring.clone() }
    }

    /// Tickets under a key of this process: they end with it, and so does the memory of what was
    /// spent.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if there are no random bytes to be had.
    pub fn process_only(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Keyring::ephemeral(entropy).map(|keyring| Self { keyring })
    }

    /// The text of `ticket`, under a MAC.
    ///
    /// # Errors
    ///
    /// [`PayloadTooLong`].
    pub fn seal(&self, ticket: &Ticket) -> Result<String, PayloadTooLong> {
        if MAX_PAYLOAD < ticket.payload.len() {
            return Err(PayloadTooLong);
        }
        let (label, key) = self.keyring.current(|keys| &keys.ticket);
        let mut bytes = Vec::with_capacity(MAX_OVERHEAD + ticket.payload.len());
        bytes.push(VERSION);
        bytes.extend(label.0);
        bytes.push(ticket.purpose.code());
        bytes.extend(ticket.nonce.0);
        bytes.extend(ticket.expires_at.as_millis().to_be_bytes());
        match &ticket.subject {
            None => bytes.push(0),
            Some(subject) => {
                bytes.push(1);
                bytes.extend(subject.user.as_bytes());
                bytes.extend(subject.epoch.as_bytes());
            }
        }
        bytes.extend(&ticket.payload);
        let tag = key.tag(LABEL, &[&bytes]);
        bytes.extend(tag);
        Ok(base64url::encode(bytes))
    }

    /// The ticket that `text` spells, if we issued it for `purpose` and it counts at `now`. Whether
    /// it was spent is for the store to say, and whether its subject's epoch is still the same for
    /// whoever loads the subject.
    ///
    /// # Errors
    ///
    /// [`TicketError`]; that a ticket has expired is told only of one that is ours.
    pub fn open(
        &self,
        text: &str,
        purpose: TicketPurpose,
        now: Timestamp,
    ) -> Result<Ticket, TicketError> {
        let ticket = self.read(text, purpose, now).ok_or(TicketError::Invalid)?;
        if ticket.expires_at <= now {
            return Err(TicketError::Expired);
        }
        Ok(ticket)
    }

    /// The ticket that `text` spells, if we issued it for `purpose` with a key that counts at `now`,
    /// whether or not it has expired. It names something; it proves nothing.
    pub fn open_at_any_age(
        &self,
        text: &str,
        purpose: TicketPurpose,
        now: Timestamp,
    ) -> Option<Ticket> {
        self.read(text, purpose, now)
    }

    fn read(&self, text: &str, purpose: TicketPurpose, now: Timestamp) -> Option<Ticket> {
        if MAX_TEXT < text.len() {
            return None;
        }
        let bytes = base64url::decode(text)?;
        let (signed, tag) = bytes.split_last_chunk::<TAG_LENGTH>()?;
        let (&[version], rest) = signed.split_first_chunk()?;
        let (&label, rest) = rest.split_first_chunk()?;
        let (&[code], rest) = rest.split_first_chunk()?;
        #[cfg(canary)]
        let code = crate::canary::Canary::TicketOfAnyPurpose.instead(code, purpose.code());
        if version != VERSION || code != purpose.code() {
            return None;
        }
        let key = self.keyring.find(|keys| &keys.ticket, KeyLabel(label), now)?;
        if !key.verifies(LABEL, &[signed], tag) {
            return None;
        }
        let (&nonce, rest) = rest.split_first_chunk()?;
        let (&expires_at, rest) = rest.split_first_chunk()?;
        let (subject, payload) = read_subject(rest)?;
        Some(Ticket {
            purpose,
            nonce: Nonce(nonce),
            expires_at: Timestamp::from_millis(i64::from_be_bytes(expires_at)),
            subject,
            payload: payload.to_vec(),
        })
    }
}

fn read_subject(bytes: &[u8]) -> Option<(Option<Subject>, &[u8])> {
    match bytes.split_first()? {
        (0, payload) => Some((None, payload)),
        (1, rest) => {
            let (&user, rest) = rest.split_first_chunk()?;
            let (&epoch, payload) = rest.split_first_chunk()?;
            let subject =
                Subject { user: UserId::from_bytes(user), epoch: Epoch::from_bytes(epoch) };
            Some((Some(subject), payload))
        }
        _ => None,
    }
}

/// Most bytes of a ticket's payload; with it, a ticket still fits into a cookie of 4096 bytes next
/// to its name and attributes or into a URL.
pub const MAX_PAYLOAD: usize = 2900;

/// Most characters of a ticket.
pub const MAX_TEXT: usize = base64url::length(MAX_OVERHEAD + MAX_PAYLOAD);

const MAX_OVERHEAD: usize = 1 + KeyLabel::LENGTH + 1 + 16 + 8 + 1 + 16 + 8 + TAG_LENGTH;
const VERSION: u8 = 1;
const LABEL: &[u8] = b"guestpass ticket v1\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_has_room_for_all_its_parts() {
        // Version, key, purpose, nonce, end, whether there is a subject, user, epoch, tag.
        let parts = [1, 8, 1, 16, 8, 1, 16, 8, 32];
        assert_eq!(MAX_OVERHEAD, parts.iter().sum::<usize>());
        assert_eq!(MAX_TEXT, 3988);
    }
}
