//! Redeeming authorization codes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::credential::{self, SessionToken, Ticket, TicketPurpose};
use crate::engine::open::{code_binding, method_from_byte};
use crate::engine::ticket::remember_until;
use crate::engine::{Engine, Error, Landed, Opened, SignInOutcome, SignedIn};
use crate::model::{ClientId, Nonce, SessionId, SessionKind, Standing};
use crate::rules::lifetime::{self, Lifetime};
use crate::rules::{Admission, Rejection};
use crate::store::{Atomicity, Landing};

impl Engine {
    /// Redeems an authorization code for a refresh-token session (RFC 6749, section 4.1.3, with the
    /// proof of RFC 7636, section 4.5).
    ///
    /// A code works once. Redeeming it again ends the session that it opened: one of the two who have
    /// it stole it.
    ///
    /// # Errors
    ///
    /// - [`Rejection::TicketInvalid`] if it is no code of ours, or the client, redirect URI or code
    ///   verifier is not the one it was issued for; the code is still good then;
    /// - [`Rejection::TicketExpired`], [`Rejection::TicketSpent`];
    /// - [`Rejection::SessionSuperseded`] if its user has changed since it was issued, and
    ///   [`Rejection::Disabled`];
    /// - [`Rejection::ClientUnknown`], [`Rejection::ClientNotAllowed`];
    /// - [`Error::Store`], [`Error::Entropy`].
    ///
    /// # Cancellation
    ///
    /// The code may be spent without a session.
    pub async fn redeem_code(
        &self,
        code: &str,
        client: &ClientId,
        redirect_uri: &str,
        code_verifier: &str,
    ) -> Result<SignedIn, Error> {
        let now = self.now();
        self.client(client)?;
        let ticket = self.open_ticket(code, TicketPurpose::AuthorizationCode, now)?;
        let challenge = code_challenge(code_verifier).ok_or(Rejection::TicketInvalid)?;
        let binding = code_binding(client, redirect_uri, &challenge);
        let (Some((bound, [method, nonce @ ..])), Some(subject)) =
            (ticket.payload.split_first_chunk::<32>(), ticket.subject)
        else {
            return Err(Rejection::TicketInvalid.into());
        };
        let nonce = (!nonce.is_empty()).then(|| String::from_utf8_lossy(nonce).into_owned());
        let method = method_from_byte(*method).ok_or(Rejection::TicketInvalid)?;
        if !credential::equal(bound, &binding) {
            return Err(Rejection::TicketInvalid.into());
        }
        let Some(user) = self.backend().users().user(subject.user).await? else {
            return Err(Rejection::SessionSuperseded.into());
        };
        let is_same = user.epoch == subject.epoch
            && match user.standing {
                Standing::Anonymous | Standing::Regular => true,
                Standing::Merged { .. } | Standing::Deleted | Standing::Collected => false,
            };
        if !is_same || lifetime::is_past_fence(&user, now) {
            return Err(Rejection::SessionSuperseded.into());
        }
        // The session bears the code's own name, so that a second use finds what the first one opened.
        let id = SessionId::from_bytes(ticket.nonce.0);
        if user.is_disabled {
            // A guest keeps its sessions for the day that it is enabled, but none whose code was used twice.
            self.backend().sessions().remove_by_id(subject.user, id).await?;
            return Err(Rejection::Disabled.into());
        }
        let token = SessionToken::draw(self.entropy())?;
        let kind = SessionKind::Refresh(client.clone());
        let lifetime = Lifetime::of(&kind, self.policy())?;
        let admission = Admission::sealed(subject.user, subject.epoch, method);
        let session = lifetime::open(&admission, (id, token.digest()), kind, lifetime, now);
        let mut landing = Landing {
            spend: Some((ticket.nonce, remember_until(ticket.expires_at))),
            open_session: Some(session.clone()),
            ..Landing::default()
        };
        match self.land(&mut landing).await {
            Ok(Landed::Whole) => {}
            Ok(Landed::Stale | Landed::Held) => return Err(Error::Contended),
            Err(Error::Rejected(Rejection::TicketSpent)) => {
                self.note_second_use(&ticket).await?;
                self.backend().sessions().remove_by_id(subject.user, id).await?;
                return Err(Rejection::TicketSpent.into());
            }
            Err(error) => return Err(error),
        }
        if !self.note_second_use(&ticket).await? {
            self.backend().sessions().remove(&session.digest).await?;
            return Err(Rejection::TicketSpent.into());
        }
        self.end_surplus_sessions(&session).await;
        let opened = Opened::Session { token, session };
        Ok(SignedIn { user, outcome: SignInOutcome::SignedIn, opened, nonce })
    }

    /// Notes, where a code may be seen as spent before its session is there, that the code was used a
    /// second time; says whether this is the first to note anything. Both users of the code do so after
    /// their landing: the second removes the session if that is there by now, and if it is not, the
    /// first finds the note and removes it.
    async fn note_second_use(&self, code: &Ticket) -> Result<bool, Error> {
        match self.backend().atomicity() {
            Atomicity::Whole => Ok(true),
            Atomicity::Stepwise => {
                let note = Nonce(code.nonce.0.map(|byte| !byte));
                let until = remember_until(code.expires_at);
                Ok(self.backend().sessions().spend(&note, until).await?)
            }
        }
    }
}

/// The code challenge of a verifier by the method `S256`; `None` if it is not a verifier.
fn code_challenge(verifier: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let fits = (43..=128).contains(&verifier.len()) && verifier.bytes().all(allowed);
    fits.then(|| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())))
}
