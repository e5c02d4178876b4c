//! Access tokens: self-contained, short-lived, checked by one MAC.
//!
//! The text is unpadded base64url of
//!
//! ```text
//! version 1 | key 8 | session 32 | user 16 | epoch 8 | expiry 8 | client: length 1 + up to 128 | MAC 32
//! ```
//!
//! with HMAC-SHA256 over everything before the MAC. The digest of the session token is in it in the
//! clear: it is what the store knows, and no way leads from it to the session token.

use crate::credential::base64url;
use crate::credential::keyring::{KeyLabel, Keyring};
use crate::credential::mac::TAG_LENGTH;
use crate::model::{ClientId, Epoch, Timestamp, TokenDigest, UserId};

/// What an access token says. It counts only while the session is there, which is for the store to
/// say, and the user's epoch is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// The session that it was issued for.
    pub digest: TokenDigest,
    /// Whose session that is.
    pub user: UserId,
    /// The user's epoch when it was issued.
    pub epoch: Epoch,
    /// The client that it was issued to; `None` for the holder of a cookie session.
    pub client: Option<ClientId>,
    /// It counts only before this instant.
    pub expires_at: Timestamp,
}

/// A text is not an access token that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// Not an access token that we issued with a key that still counts.
    #[error("not an access token")]
    Invalid,
    /// One of ours, but over.
    #[error("the access token has expired")]
    Expired,
}

impl AccessToken {
    /// The text of the access token, under a MAC.
    pub fn seal(&self, keyring: &Keyring) -> String {
        self.seal_as(LABEL, keyring)
    }

    /// The text that a JWT carries. It counts only within that, so that whoever sees the claims of a JWT,
    /// in a log for instance, has no access token.
    pub(crate) fn seal_carried(&self, keyring: &Keyring) -> String {
        self.seal_as(CARRIED_LABEL, keyring)
    }

    fn seal_as(&self, purpose: &'static [u8], keyring: &Keyring) -> String {
        let client = self.client.as_ref().map_or(&[][..], |client| client.as_str().as_bytes());
        let (label, key) = keyring.current(|keys| &keys.access_token);
        let mut bytes = Vec::with_capacity(MAX_BYTES);
        bytes.push(VERSION);
        bytes.extend(label.0);
        bytes.extend(self.digest.as_bytes());
        bytes.extend(self.user.as_bytes());
        bytes.extend(self.epoch.as_bytes());
        bytes.extend(self.expires_at.as_millis().to_be_bytes());
        bytes.push(u8::try_from(client.len()).unwrap_or(u8::MAX));
        bytes.extend(client);
        let tag = key.tag(purpose, &[&bytes]);
        bytes.extend(tag);
        base64url::encode(bytes)
    }

    /// The access token that `text` spells, if we issued it and it counts at `now`.
    ///
    /// # Errors
    ///
    /// [`AccessTokenError`]; that a token has expired is told only of one that is ours.
    pub fn open(text: &str, keyring: &Keyring, now: Timestamp) -> Result<Self, AccessTokenError> {
        Self::open_as(LABEL, text, keyring, now)
    }

    /// The same of what a JWT of ours carries.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub(crate) fn open_carried(
        text: &str,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<Self, AccessTokenError> {
        Self::open_as(CARRIED_LABEL, text, keyring, now)
    }

    fn open_as(
        purpose: &'static [u8],
        text: &str,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<Self, AccessTokenError> {
        let token = Self::read(purpose, text, keyring, now).ok_or(AccessTokenError::Invalid)?;
        if token.expires_at <= now {
            return Err(AccessTokenError::Expired);
        }
        Ok(token)
    }

    fn read(purpose: &'static [u8], text: &str, keyring: &Keyring, now: Timestamp) -> Option<Self> {
        if MAX_TEXT < text.len() {
            return None;
        }
        let mut buffer = [0; MAX_BYTES];
        let length = base64url::decode_into(text, &mut buffer)?;
        let (signed, tag) = buffer.get(..length)?.split_last_chunk::<TAG_LENGTH>()?;
        let (&[version], rest) = signed.split_first_chunk()?;
        let (&label, rest) = rest.split_first_chunk()?;
        if version != VERSION {
            return None;
        }
        let key = keyring.find(|keys| &keys.access_token, KeyLabel(label), now)?;
        if !key.verifies(purpose, &[signed], tag) {
            return None;
        }
        let (&digest, rest) = rest.split_first_chunk()?;
        let (&user, rest) = rest.split_first_chunk()?;
        let (&epoch, rest) = rest.split_first_chunk()?;
        let (&expires_at, rest) = rest.split_first_chunk()?;
        let (&length, client) = rest.split_first()?;
        if client.len() != usize::from(length) {
            return None;
        }
        let client = match client {
            [] => None,
            name => Some(ClientId::parse(std::str::from_utf8(name).ok()?)?),
        };
        Some(Self {
            digest: TokenDigest::from_bytes(digest),
            user: UserId::from_bytes(user),
            epoch: Epoch::from_bytes(epoch),
            client,
            expires_at: Timestamp::from_millis(i64::from_be_bytes(expires_at)),
        })
    }
}

/// Most characters of an access token.
pub const MAX_TEXT: usize = base64url::length(MAX_BYTES);

const MAX_BYTES: usize =
    1 + KeyLabel::LENGTH + 32 + 16 + 8 + 8 + 1 + ClientId::MAX_LENGTH + TAG_LENGTH;
const VERSION: u8 = 1;
const LABEL: &[u8] = b"guestpass access token v1\0";
const CARRIED_LABEL: &[u8] = b"guestpass access token in a JWT v1\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_has_room_for_all_its_parts() {
        // Version, key, digest, user, epoch, end, length of the client ID, client ID, tag.
        let parts = [1, 8, 32, 16, 8, 8, 1, 128, 32];
        assert_eq!(MAX_BYTES, parts.iter().sum::<usize>());
        assert_eq!(MAX_TEXT, 312);
    }
}
