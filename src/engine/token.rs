//! Access tokens and ID tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::credential::{AccessToken, jwt};
use crate::engine::authenticate::ACCESS_TOKEN_TYPE;
use crate::engine::user_info::{CAN_REAUTHENTICATE, IS_ANONYMOUS, IS_VERIFIED, ROLES};
use crate::engine::{AccessTokenIssued, Caller, Engine, Error};
use crate::model::{ClientId, SessionKind};
use crate::rules::Rejection;

impl Engine {
    /// Issues an access token for the session of `caller`: an opaque one, or a JWT (RFC 9068) if the
    /// session's client asks for JWTs. Nothing is stored.
    ///
    /// # Errors
    ///
    /// - [`Rejection::ClientMismatch`] if it is a cookie session, [`Rejection::ClientUnknown`],
    ///   [`Rejection::ClientNotAllowed`];
    /// - [`Error::Credential`] if it could not be signed.
    pub fn access_token(&self, caller: &Caller) -> Result<AccessTokenIssued, Error> {
        let SessionKind::Refresh(client) = &caller.session.kind else {
            return Err(Rejection::ClientMismatch.into());
        };
        let policy = self.client(client)?;
        let now = self.now();
        let expires_in_seconds = policy.access_token_lifetime_seconds;
        let expires_at = now.plus(std::time::Duration::from_secs(expires_in_seconds));
        let token = AccessToken {
            digest: caller.session.digest,
            user: caller.user.id,
            epoch: caller.session.epoch,
            client: Some(client.clone()),
            expires_at,
        };
        if !policy.issue_jwt_access_token {
            return Ok(AccessTokenIssued { text: token.seal(&self.0.keyring), expires_in_seconds });
        }
        let claims = json!({
            "iss": self.policy().public_origin.as_str(),
            "aud": [self.policy().public_origin.as_str()],
            "sub": caller.user.id.to_string(),
            "client_id": client.as_str(),
            "iat": now.as_seconds(),
            "exp": expires_at.as_seconds(),
            "jti": token.seal_carried(&self.0.keyring),
            IS_ANONYMOUS: caller.user.is_anonymous(),
            IS_VERIFIED: caller.user.is_verified,
            CAN_REAUTHENTICATE: caller.user.can_reauthenticate,
        });
        let text = jwt::sign(&claims, ACCESS_TOKEN_TYPE, &self.0.keyring)
            .map_err(|_| Error::Credential)?;
        Ok(AccessTokenIssued { text, expires_in_seconds })
    }

    /// Issues an ID token (OpenID Connect Core 1.0, section 2) about `caller` for `client`. It is good
    /// for five minutes. With a nonce, that is in it: the one that the client asked for the code with.
    ///
    /// # Errors
    ///
    /// - [`Rejection::ClientUnknown`], [`Rejection::ClientNotAllowed`], and
    ///   [`Rejection::ClientMismatch`] if the session is another client's;
    /// - [`Error::Credential`] if it could not be signed.
    pub fn id_token(
        &self,
        caller: &Caller,
        client: &ClientId,
        nonce: Option<&str>,
    ) -> Result<String, Error> {
        self.client(client)?;
        let kind = match &caller.session.kind {
            SessionKind::Cookie => "idp",
            SessionKind::Refresh(issued_to) if issued_to == client => "offline_grant",
            SessionKind::Refresh(_) => return Err(Rejection::ClientMismatch.into()),
        };
        let now = self.now();
        let mut claims = json!({
            "iss": self.policy().public_origin.as_str(),
            "aud": [client.as_str()],
            "sub": caller.user.id.to_string(),
            "iat": now.as_seconds(),
            "exp": now.as_seconds().saturating_add(ID_TOKEN_LIFETIME_SECONDS),
            "auth_time": caller.session.created_at.as_seconds(),
            "sid": URL_SAFE_NO_PAD.encode(format!("{kind}:{}", caller.session.id)),
            IS_ANONYMOUS: caller.user.is_anonymous(),
            IS_VERIFIED: caller.user.is_verified,
            CAN_REAUTHENTICATE: caller.user.can_reauthenticate,
            ROLES: [],
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        jwt::sign(&claims, ID_TOKEN_TYPE, &self.0.keyring).map_err(|_| Error::Credential)
    }

    /// The claims of an ID token that this engine issued, whether or not it has expired; `None` if it
    /// did not. It names somebody; it proves nothing about who shows it.
    pub fn id_token_claims(&self, id_token: &str) -> Option<Value> {
        jwt::verify_own(id_token, ID_TOKEN_TYPE, &self.0.keyring, self.now())
    }

    /// The public keys that verify ID tokens and JWT access tokens, as a JWK set (RFC 7517, section 5).
    pub fn jwks(&self) -> Value {
        jwt::jwks(&self.0.keyring, self.now())
    }
}

const ID_TOKEN_TYPE: &str = "JWT";
const ID_TOKEN_LIFETIME_SECONDS: i64 = 5 * 60;
