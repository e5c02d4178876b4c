//! Reading somebody where nobody is found, so that being refused takes as long.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

use crate::engine::{Engine, Error};
use crate::model::{Account, PasswordHash, UserId};
use crate::store::Lookup;

/// A user with a password, to be read in place of one who does not exist.
///
/// The latest one who was read on the way to a password; until there was one, nobody is.
#[derive(Debug, Default)]
pub(super) struct Decoy(Mutex<Option<UserId>>);

impl Decoy {
    fn note(&self, user: UserId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(user);
    }

    fn user(&self) -> Option<UserId> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Reads the user that a password is about to be verified for.
    ///
    /// To find nobody is quicker than to read an account, on some stores by a lot. So where nobody is
    /// found another user is read, and what comes of it makes no difference.
    pub(super) async fn read_for_password(
        &self,
        lookup: Lookup<'_>,
    ) -> Result<Option<Account>, Error> {
        let found = self.backend().users().load(lookup).await?;
        match &found {
            Some(account) if account.password().is_some() => self.0.decoy.note(account.user.id),
            Some(_) => {}
            None => {
                if let Some(other) = self.0.decoy.user() {
                    let other = self.backend().users().load(Lookup::User(other)).await;
                    black_box(other.ok().flatten().as_ref().and_then(password_hash));
                }
            }
        }
        Ok(found)
    }
}

/// The hash of an account's password.
pub(super) fn password_hash(account: &Account) -> Option<PasswordHash> {
    account.password().map(|(_, hash)| hash.clone())
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;
    use crate::credential::{Argon2Params, HasherOptions, Keyring};
    use crate::engine::{Credential, Open};
    use crate::model::{LoginId, LoginIdType, ProvenIdentity, SessionKind, SystemEntropy};
    use crate::rules::Policy;
    use crate::store::memory::MemoryBackend;

    #[test]
    fn the_decoy_is_who_was_read_last_of_those_with_a_password() {
        let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
        let params = Argon2Params::for_tests();
        let engine = Engine::builder(MemoryBackend::new(), keyring, Policy::default())
            .hasher(HasherOptions { params, ..HasherOptions::default() })
            .build()
            .unwrap();
        let email =
            |name| LoginId::parse(LoginIdType::Email, &format!("{name}@example.com")).unwrap();
        let sign_up = |credential| {
            let open = Open::Session(SessionKind::Cookie);
            block_on(engine.sign_up(credential, open, None)).unwrap().user.id
        };
        let with_password = |name| sign_up(Credential::password(email(name), "correct horse"));
        let (ada, bob) = (with_password("ada"), with_password("bob"));
        sign_up(Credential::proven(ProvenIdentity::login_id(email("eve"))));

        let read_then = |name| {
            let guess = Credential::password(email(name), "wrong horse");
            let open = Open::Session(SessionKind::Cookie);
            assert!(block_on(engine.sign_in(guess, None, open, None)).is_err());
            engine.0.decoy.user()
        };
        assert_eq!(read_then("ada"), Some(ada));
        assert_eq!(read_then("bob"), Some(bob));
        assert_eq!(read_then("eve"), Some(bob), "to read somebody without a password takes less");
        assert_eq!(read_then("nobody"), Some(bob));
    }
}
