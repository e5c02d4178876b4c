//! What a store call reads and what it writes, and which calls therefore come to the same in either order.

use guestpass::model::TokenDigest;
use guestpass::store::{Landing, Nonce, SessionUse};

/// What one step of an operation has to do with: the store call that it is about to make. What it does
/// after that, until it is about to make the next, is its own business.
///
/// It follows from what the traits promise and from the arguments of the call, and never from what the call
/// will find. So it also says what a call that fails has to do with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footprint(Vec<(Part, Access)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Reads,
    Writes,
}

/// Something that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Clock,
    /// All users, their identities and keys, and the events. A commit takes identities and appends events,
    /// so that also commits on different users can be told apart by their order.
    Users,
    /// The session with this digest, or all. Its ID is drawn, and no other's.
    Sessions(Option<TokenDigest>),
    /// Whether this nonce is spent, or each.
    Nonces(Option<Nonce>),
}

impl Part {
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Clock, Self::Clock) | (Self::Users, Self::Users) => true,
            (Self::Sessions(one), Self::Sessions(other)) => is_one(one, other),
            (Self::Nonces(one), Self::Nonces(other)) => is_one(one, other),
            _ => false,
        }
    }
}

/// Whether something is in both, where each is one thing or all of its kind.
fn is_one<T: Copy + PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_none() || other.is_none() || one == other
}

impl Footprint {
    /// Of a step that makes no store call.
    pub(crate) fn nothing() -> Self {
        Self(Vec::new())
    }

    fn reads(part: Part) -> Self {
        Self(vec![(part, Access::Reads)])
    }

    fn writes(part: Part) -> Self {
        Self(vec![(part, Access::Writes)])
    }

    /// Of a step that asks for the time.
    pub(crate) fn reads_clock() -> Self {
        Self::reads(Part::Clock)
    }

    /// Of a step that moves the clock.
    pub(crate) fn moves_clock() -> Self {
        Self::writes(Part::Clock)
    }

    pub(crate) fn reads_users() -> Self {
        Self::reads(Part::Users)
    }

    pub(super) fn writes_users() -> Self {
        Self::writes(Part::Users)
    }

    pub(super) fn reads_sessions() -> Self {
        Self::reads(Part::Sessions(None))
    }

    pub(super) fn writes_sessions() -> Self {
        Self::writes(Part::Sessions(None))
    }

    pub(super) fn reads_session(digest: &TokenDigest) -> Self {
        Self::reads(Part::Sessions(Some(*digest)))
    }

    pub(super) fn writes_session(digest: &TokenDigest) -> Self {
        Self::writes(Part::Sessions(Some(*digest)))
    }

    pub(super) fn spends(nonce: &Nonce) -> Self {
        Self::writes(Part::Nonces(Some(*nonce)))
    }

    pub(super) fn sweeps() -> Self {
        Self::writes_sessions().and(Self::writes(Part::Nonces(None)))
    }

    /// Only a sweep shortens, and then goes on to the next user of whom the engine has noted that earlier
    /// sessions are over, which it does where it writes users.
    pub(super) fn shortens() -> Self {
        Self::writes_sessions().and(Self::writes_users())
    }

    /// The footprint of both together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(super) fn of_landing(landing: &Landing) -> Self {
        let spent = landing.spend.iter().map(|(nonce, _)| Self::spends(nonce));
        let committed = landing.commit.iter().map(|_| Self::writes_users());
        let sessions = landing.move_session.iter().chain(&landing.open_session);
        let sessions = sessions.map(|session| Self::writes_session(&session.digest));
        spent.chain(committed).chain(sessions).fold(Self::nothing(), Self::and)
    }

    pub(super) fn of_use(used: &SessionUse) -> Self {
        let fence = used.fence.iter().map(|_| Self::writes_users());
        fence.fold(Self::writes_session(&used.digest), Self::and)
    }

    /// Whether a step makes no store call, so that it comes to the same whenever it is made.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether two steps that come one right after the other come to the same in either order: neither
    /// writes what the other reads or writes. What an operation does between its calls to the store touches
    /// nothing that another one looks at, but for the buckets of the limits, which count the same in either
    /// order; and each draws apart from the others.
    pub(crate) fn commutes(&self, other: &Self) -> bool {
        let both_read = |one: Access, other: Access| (one, other) == (Access::Reads, Access::Reads);
        self.0.iter().all(|(part, access)| {
            let is_fine = |(its, its_access): &(Part, Access)| {
                !part.meets(*its) || both_read(*access, *its_access)
            };
            other.0.iter().all(is_fine)
        })
    }
}
