//! Opening sessions and issuing codes for those who were admitted.

use sha2::{Digest, Sha256};

use crate::credential::{SessionToken, Subject, Ticket, TicketPurpose};
use crate::engine::{CodeRequest, Engine, Error, Issued, Open, Opened, SignInOutcome, SignedIn};
use crate::model::{ClientId, Method, Session, SessionId, SessionKind, Timestamp, User};
use crate::rules::lifetime::{self, Lifetime};
use crate::rules::{Admission, ClientPolicy, Rejection};

/// What will be opened once a landing is whole: drawn beforehand, so that nothing can fail afterwards.
#[derive(Debug)]
pub(super) enum Prepared {
    Session { id: SessionId, token: SessionToken, kind: SessionKind, lifetime: Lifetime },
    Code { request: CodeRequest, nonce: [u8; 16], lifetime: Lifetime },
}

impl Prepared {
    /// The session that `admission` opens; none for a code.
    pub(super) fn session(&self, admission: &Admission, now: Timestamp) -> Option<Session> {
        match self {
            Self::Session { id, token, kind, lifetime } => {
                let names = (*id, token.digest());
                Some(lifetime::open(admission, names, kind.clone(), *lifetime, now))
            }
            Self::Code { .. } => None,
        }
    }

    /// The fence of an anonymous user whom nothing else can sign in. The session of a code begins when
    /// that is redeemed, which may be as late as it expires.
    pub(super) fn fence(&self, now: Timestamp) -> Timestamp {
        let (lifetime, begins) = match self {
            Self::Session { lifetime, .. } => (*lifetime, now),
            Self::Code { lifetime, .. } => (*lifetime, now.plus(CODE_LIFETIME)),
        };
        lifetime::fence(lifetime.end(begins, begins), lifetime)
    }
}

impl Engine {
    /// Draws what `open` needs.
    pub(super) fn prepare(&self, open: Open, now: Timestamp) -> Result<Prepared, Error> {
        match open {
            Open::Session(kind) => {
                if let SessionKind::Refresh(client) = &kind {
                    self.client(client)?;
                }
                let lifetime = Lifetime::of(&kind, self.policy())?;
                Ok(Prepared::Session {
                    id: SessionId::draw(self.entropy(), now)?,
                    token: SessionToken::draw(self.entropy())?,
                    kind,
                    lifetime,
                })
            }
            Open::Code(request) => {
                // What can't be sealed is refused before anything has landed.
                if request.nonce.as_ref().is_some_and(|nonce| CodeRequest::MAX_NONCE < nonce.len())
                {
                    return Err(Error::Credential);
                }
                self.client(&request.client)?;
                let kind = SessionKind::Refresh(request.client.clone());
                let lifetime = Lifetime::of(&kind, self.policy())?;
                let nonce = crate::model::entropy::draw(self.entropy())?;
                Ok(Prepared::Code { request, nonce, lifetime })
            }
        }
    }

    /// Gives away what was prepared; the landing that it belongs to is whole.
    pub(super) async fn give(
        &self,
        prepared: Prepared,
        user: User,
        admission: &Admission,
        outcome: SignInOutcome,
        now: Timestamp,
    ) -> Result<SignedIn, Error> {
        let session = prepared.session(admission, now);
        match (&session, outcome) {
            (Some(session), SignInOutcome::SignedIn | SignInOutcome::Merged { .. }) => {
                self.end_surplus_sessions(session).await;
            }
            // At a new epoch there are no others.
            (_, SignInOutcome::SignedUp | SignInOutcome::Promoted) | (None, _) => {}
        }
        let opened = match (prepared, session) {
            (Prepared::Session { token, .. }, Some(session)) => Opened::Session { token, session },
            (Prepared::Code { request, nonce, .. }, _) => {
                Opened::Code(self.seal_code(&request, nonce, admission, now)?)
            }
            (Prepared::Session { .. }, None) => return Err(Error::Credential),
        };
        Ok(SignedIn { user, outcome, opened, nonce: None })
    }

    fn seal_code(
        &self,
        request: &CodeRequest,
        nonce: [u8; 16],
        admission: &Admission,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        let binding = code_binding(&request.client, &request.redirect_uri, &request.code_challenge);
        let mut payload = binding.to_vec();
        payload.push(method_byte(admission.method()));
        payload.extend(request.nonce.iter().flat_map(|nonce| nonce.bytes()));
        let expires_at = now.plus(CODE_LIFETIME);
        let text = self
            .0
            .tickets
            .seal(&Ticket {
                purpose: TicketPurpose::AuthorizationCode,
                nonce: crate::store::Nonce(nonce),
                expires_at,
                subject: Some(Subject { user: admission.user(), epoch: admission.epoch() }),
                payload,
            })
            .map_err(|_| Error::Credential)?;
        Ok(Issued { text, expires_at })
    }

    /// The policy of a client that may act for people.
    pub(super) fn client(&self, id: &ClientId) -> Result<&ClientPolicy, Rejection> {
        match self.policy().client(id.as_str()) {
            Some(client) if client.is_first_party_public() => Ok(client),
            Some(_) => Err(Rejection::ClientNotAllowed),
            None => Err(Rejection::ClientUnknown),
        }
    }
}

/// What a code is bound to, as one digest. Each part is led by its length, so that none can pretend to
/// be part of another.
pub(super) fn code_binding(client: &ClientId, redirect_uri: &str, challenge: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [client.as_str(), redirect_uri, challenge] {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}

fn method_byte(method: Method) -> u8 {
    match method {
        Method::Anonymous => 0,
        Method::DeviceKey => 1,
        Method::Password => 2,
        Method::ProvenIdentity => 3,
    }
}

pub(super) fn method_from_byte(byte: u8) -> Option<Method> {
    [Method::Anonymous, Method::DeviceKey, Method::Password, Method::ProvenIdentity]
        .into_iter()
        .find(|method| method_byte(*method) == byte)
}

/// How long an authorization code is good for.
pub(super) const CODE_LIFETIME: std::time::Duration = std::time::Duration::from_secs(5 * 60);
