//! Identities: whose they are, and that they are proven.

use crate::credential::SessionToken;
use crate::engine::{Engine, Error};
use crate::model::{IdentityKey, ProvenIdentity, UserId};
use crate::rules::proving;
use crate::store::Lookup;

impl Engine {
    /// Notes that the user whose session this is has proven an identity of its own, which was only
    /// claimed until now: somebody who is signed in has followed the link in the host's mail. The
    /// password and the sessions stay.
    ///
    /// The host must be sure that the proof is by whoever has this session, for instance by asking for
    /// the code of the mail in it. For a proof by somebody who is not signed in there is
    /// [`Engine::sign_in`] with [`Credential::proven`](crate::Credential::proven), which trusts nothing
    /// that was set up before.
    ///
    /// # Errors
    ///
    /// - those of [`Engine::authenticate`];
    /// - [`Rejection::UserUnknown`](crate::Rejection::UserUnknown) if the user does not have the identity;
    /// - [`Error::Contended`], [`Error::Store`].
    ///
    /// # Cancellation
    ///
    /// The identity is proven or not.
    pub async fn confirm_identity(
        &self,
        token: &SessionToken,
        identity: &ProvenIdentity,
    ) -> Result<(), Error> {
        let caller = self.authenticate(token).await?;
        let (key, epoch, now) = (identity.key(), caller.user.epoch, self.now());
        let rule = |account: &_| Ok(proving::confirm(account, &key, epoch, now)?);
        self.decide(caller.user.id, rule).await?;
        Ok(())
    }

    /// Who has an identity; for operators, who know people by their login IDs.
    ///
    /// ```
    /// # use guestpass::{Engine, Error};
    /// use guestpass::model::{IdentityKey, LoginId, LoginIdType};
    ///
    /// # async fn lock_out(engine: &Engine) -> Result<(), Box<dyn std::error::Error>> {
    /// let email = LoginId::parse(LoginIdType::Email, "mallory@example.com")?;
    /// if let Some(user) = engine.find(&IdentityKey::from(&email)).await? {
    ///     engine.disable(user).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Store`]. There are no others.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    pub async fn find(&self, identity: &IdentityKey) -> Result<Option<UserId>, Error> {
        let account = self.backend().users().load(Lookup::Identity(identity)).await?;
        Ok(account.map(|account| account.user.id))
    }
}
