//! What operators do: disable, enable, delete, read the events.

use crate::engine::{Engine, Error};
use crate::model::{Event, EventCursor, User, UserId};
use crate::rules::status;
use crate::store::MAX_PORTION;

impl Engine {
    /// What is kept of a user as a whole: what it is, whether it is locked out, into whom it was merged. Also of
    /// one that is over; `None` if there never was such a user.
    ///
    /// Whose a login ID is says [`find`](Self::find), and what a user has [`user_info`](Self::user_info). There
    /// is no list of all users: a host that shows one keeps it by the [`events`](Self::events).
    ///
    /// # Errors
    ///
    /// [`Error::Store`]. There are no others.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    pub async fn user(&self, user: UserId) -> Result<Option<User>, Error> {
        Ok(self.backend().users().user(user).await?)
    }

    /// Locks a user out. A regular user's sessions end; a guest, who may have no other way back, keeps
    /// its own for the day it is enabled, if that comes before they end unused. A guest without a device key
    /// is collected after that, as any who does not come back.
    ///
    /// # Errors
    ///
    /// [`Rejection::UserUnknown`](crate::Rejection::UserUnknown), also for a user that is over; [`Error::Contended`],
    /// [`Error::Store`], [`Error::Entropy`].
    ///
    /// # Cancellation
    ///
    /// The user is disabled or not.
    pub async fn disable(&self, user: UserId) -> Result<(), Error> {
        let now = self.now();
        self.decide(user, |account| Ok(status::disable(account, self.next_epoch(account)?, now)?))
            .await?;
        Ok(())
    }

    /// Lets a user in again that was disabled.
    ///
    /// # Errors
    ///
    /// [`Rejection::UserUnknown`](crate::Rejection::UserUnknown), also for a user that is over; [`Error::Contended`],
    /// [`Error::Store`].
    ///
    /// # Cancellation
    ///
    /// The user is enabled or not.
    pub async fn enable(&self, user: UserId) -> Result<(), Error> {
        let now = self.now();
        self.decide(user, |account| Ok(status::enable(account, now)?)).await?;
        Ok(())
    }

    /// Deletes a user with its identities and authenticators, and ends its sessions. The root record stays, so
    /// that the `sub` is never given again, and so do its device keys, retired, to tell their holder. A user
    /// that is deleted already is no error.
    ///
    /// No session counts any more. The rows, which name the user and when it came, go a day later if this
    /// engine [sweeps](Self::sweep), and otherwise when they would have ended.
    ///
    /// # Errors
    ///
    /// [`Rejection::UserUnknown`](crate::Rejection::UserUnknown) if there never was such a user, [`Error::Contended`], [`Error::Store`], [`Error::Entropy`].
    ///
    /// # Cancellation
    ///
    /// The user is deleted or not.
    pub async fn delete(&self, user: UserId) -> Result<(), Error> {
        let now = self.now();
        self.decide(user, |account| Ok(status::delete(account, self.next_epoch(account)?, now)))
            .await?;
        Ok(())
    }

    /// The events after `after`, in the order of their commits, at most `limit` and never more than
    /// [`MAX_PORTION`].
    ///
    /// Whoever keeps the cursor of the last event that was dealt with, and asks for those after it,
    /// misses none. A database that is restored from a backup goes on from the last event that is in it,
    /// and so must whoever reads: the cursors of those that are lost are given again. The same holds after
    /// the machine has died, in SQLite with `Durability::Normal`.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]. There are no others.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    pub async fn events(
        &self,
        after: EventCursor,
        limit: u32,
    ) -> Result<Vec<(EventCursor, Event)>, Error> {
        Ok(self.backend().users().events(after, limit.min(MAX_PORTION)).await?)
    }

    /// Forgets events up to and including `through`, at most `limit` and never more than
    /// [`MAX_PORTION`]; says how many. Without it events are kept for ever.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]. There are no others.
    ///
    /// # Cancellation
    ///
    /// All of the portion is forgotten, or nothing.
    pub async fn forget_events(&self, through: EventCursor, limit: u32) -> Result<u32, Error> {
        Ok(self.backend().users().forget_events(through, limit.min(MAX_PORTION)).await?)
    }
}
