//! Telling who a request comes from.

use crate::credential::{self, AccessToken, AccessTokenError, SessionToken};
use crate::engine::{Caller, Engine, Error};
use crate::model::{ClientId, Session, SessionKind, Timestamp, User, UserId};
use crate::rules::Rejection;
use crate::rules::lifetime;
use crate::rules::status::{self, Decision};
use crate::store::SessionUse;

impl Engine {
    /// Tells whose session `token` is.
    ///
    /// # Errors
    ///
    /// - [`Rejection::SessionUnknown`], [`Rejection::SessionExpired`],
    ///   [`Rejection::SessionSuperseded`], [`Rejection::Disabled`];
    /// - [`Rejection::ClientUnknown`] if the session is of a client that the policy no longer has;
    /// - [`Error::Store`].
    ///
    /// A use that cannot be recorded is no error: the session then ends as if it had not been used.
    ///
    /// # Cancellation
    ///
    /// Safe: at most the access is not recorded.
    pub async fn authenticate(&self, token: &SessionToken) -> Result<Caller, Error> {
        let now = self.now();
        match self.backend().resolve(&token.digest()).await? {
            Some((session, user)) => self.admit(session, user, now).await,
            None => Err(Rejection::SessionUnknown.into()),
        }
    }

    /// Tells whose access token this is, opaque or JWT.
    ///
    /// # Errors
    ///
    /// - [`Rejection::AccessTokenInvalid`] if it is none of ours, [`Rejection::AccessTokenExpired`];
    /// - those of [`Engine::authenticate`] for the session that it belongs to.
    ///
    /// # Cancellation
    ///
    /// Safe: at most the access is not recorded.
    pub async fn authenticate_access(&self, access_token: &str) -> Result<Caller, Error> {
        let now = self.now();
        let token = self.open_access_token(access_token, now)?;
        let Some((session, user)) = self.backend().resolve(&token.digest).await? else {
            return Err(self.why_gone(&token).await?.into());
        };
        #[cfg(canary)]
        if crate::canary::Canary::TokenOfAnyEpoch.sings() {
            return self.admit(session, user, now).await;
        }
        if token.user != user.id || token.epoch != user.epoch {
            return Err(Rejection::SessionSuperseded.into());
        }
        self.admit(session, user, now).await
    }

    /// Tells whose refresh token this is, for a client that wants an access token for it.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::authenticate`], and [`Rejection::ClientMismatch`] if the token is not this
    /// client's.
    ///
    /// # Cancellation
    ///
    /// Safe: at most the access is not recorded.
    pub async fn refresh(&self, token: &SessionToken, client: &ClientId) -> Result<Caller, Error> {
        let caller = self.authenticate(token).await?;
        match &caller.session.kind {
            SessionKind::Refresh(issued_to) if issued_to == client => Ok(caller),
            SessionKind::Refresh(_) | SessionKind::Cookie => Err(Rejection::ClientMismatch.into()),
        }
    }

    pub(super) fn open_access_token(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Result<AccessToken, Rejection> {
        // A JWT has dots in it and an opaque token has none.
        let opened = if text.contains('.') {
            let carried =
                credential::jwt::verify_own(text, ACCESS_TOKEN_TYPE, &self.0.keyring, now)
                    .and_then(|claims| claims.get("jti")?.as_str().map(str::to_owned))
                    .ok_or(Rejection::AccessTokenInvalid)?;
            AccessToken::open_carried(&carried, &self.0.keyring, now)
        } else {
            AccessToken::open(text, &self.0.keyring, now)
        };
        opened.map_err(|error| match error {
            AccessTokenError::Invalid => Rejection::AccessTokenInvalid,
            AccessTokenError::Expired => Rejection::AccessTokenExpired,
        })
    }

    /// Why the session of an access token is not there: signed out, or ended with its epoch and swept.
    async fn why_gone(&self, token: &AccessToken) -> Result<Rejection, Error> {
        Ok(match self.backend().users().user(token.user).await? {
            Some(user) if user.epoch != token.epoch => Rejection::SessionSuperseded,
            Some(_) | None => Rejection::SessionUnknown,
        })
    }

    async fn admit(
        &self,
        mut session: Session,
        user: User,
        now: Timestamp,
    ) -> Result<Caller, Error> {
        let lifetime = lifetime::check(&session, &user, self.policy(), now)?;
        if let Some(ends_at) = lifetime::recorded_end(&session, lifetime, now) {
            let fence = match user.ends_at {
                Some(fence) if fence < ends_at => Some(lifetime::fence(ends_at, lifetime)),
                Some(_) | None => None,
            };
            // Who is in stays in, whatever becomes of this: the next use is recorded instead.
            let _recorded_or_not = self.record_use(&session, fence, ends_at, now).await;
            session.accessed_at = now;
            session.ends_at = ends_at;
        }
        Ok(Caller { user, session })
    }

    /// Records that a session was used and now ends at `ends_at`. Its user's fence is moved to `fence`
    /// first, so that no session ever ends beyond the fence.
    async fn record_use(
        &self,
        session: &Session,
        fence: Option<Timestamp>,
        ends_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        let fence = match fence {
            Some(fence) => {
                let account = self.account(session.user).await?;
                match status::raise_fence(&account, fence, now)? {
                    Decision::Change(commit) => Some(commit),
                    Decision::Settled => None,
                }
            }
            None => None,
        };
        #[cfg(canary)]
        if crate::canary::Canary::RevivedByUse.sings() {
            let _ = self.backend().sessions().insert(session).await;
        }
        let used = SessionUse { digest: session.digest, accessed_at: now, ends_at, fence };
        Ok(self.backend().record_use(&used).await?)
    }

    /// Moves the fence of an anonymous user to `ends_at` or beyond.
    pub(super) async fn raise_fence(
        &self,
        user: UserId,
        ends_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.decide(user, |account| Ok(status::raise_fence(account, ends_at, now)?)).await?;
        Ok(())
    }
}

/// The `typ` of JWT access tokens (RFC 9068, section 2.1).
pub(super) const ACCESS_TOKEN_TYPE: &str = "at+jwt";
