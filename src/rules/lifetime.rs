//! How long sessions last, and the fence of anonymous users.

use std::time::Duration;

use crate::model::{Session, SessionId, SessionKind, Timestamp, TokenDigest, User};
use crate::rules::policy::seconds;
use crate::rules::{Admission, ClientPolicy, Policy, Rejection, SessionPolicy};

/// How long sessions of one kind last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    absolute: Duration,
    idle: Option<Duration>,
}

impl Lifetime {
    /// The lifetime of sessions of `kind`.
    ///
    /// # Errors
    ///
    /// [`Rejection::ClientUnknown`] if the policy has no such client (any more). There are no others.
    pub(crate) fn of(kind: &SessionKind, policy: &Policy) -> Result<Self, Rejection> {
        match kind {
            SessionKind::Cookie => Ok(Self::of_cookie(&policy.session)),
            SessionKind::Refresh(client) => match policy.client(client.as_str()) {
                Some(client) => Ok(Self::of_client(client)),
                None => Err(Rejection::ClientUnknown),
            },
        }
    }

    fn of_cookie(policy: &SessionPolicy) -> Self {
        Self {
            absolute: seconds(policy.lifetime_seconds),
            idle: policy.idle_timeout_enabled.then(|| seconds(policy.idle_timeout_seconds)),
        }
    }

    fn of_client(policy: &ClientPolicy) -> Self {
        Self {
            absolute: seconds(policy.refresh_token_lifetime_seconds),
            idle: policy
                .refresh_token_idle_timeout_enabled
                .then(|| seconds(policy.refresh_token_idle_timeout_seconds)),
        }
    }

    /// How coarsely accesses are recorded: a session may be recorded as unused this long though it was
    /// used.
    pub(crate) fn grain(&self) -> Duration {
        match self.idle {
            Some(idle) => COARSEST_GRAIN.min(idle / GRAINS_PER_IDLE),
            None => COARSEST_GRAIN,
        }
    }

    /// When a session ends that was opened at `created` and is recorded as last used at `accessed`.
    ///
    /// The idle timeout counts from the latest instant at which the session may have been used without
    /// that being recorded, so a session ends late by at most one grain, and never early.
    pub(crate) fn end(&self, created: Timestamp, accessed: Timestamp) -> Timestamp {
        let absolute = created.plus(self.absolute);
        #[cfg(canary)]
        let absolute = crate::canary::Canary::NoAbsoluteEnd.instead(absolute, Timestamp::MAX);
        match self.idle {
            Some(idle) => absolute.min(accessed.plus(idle).plus(self.grain())),
            None => absolute,
        }
    }

    /// How far beyond a session's end the fence of an anonymous user is put, so that moving the one
    /// does not mean moving the other each time.
    fn slack(&self) -> Duration {
        self.idle.unwrap_or(self.absolute) / GRAINS_PER_IDLE
    }
}

/// The session that `admission` opens.
pub(crate) fn open(
    admission: &Admission,
    (id, digest): (SessionId, TokenDigest),
    kind: SessionKind,
    lifetime: Lifetime,
    now: Timestamp,
) -> Session {
    Session {
        digest,
        id,
        user: admission.user(),
        epoch: admission.epoch(),
        kind,
        method: admission.method(),
        created_at: now,
        accessed_at: now,
        ends_at: lifetime.end(now, now),
    }
}

/// Whether `session` of `user` counts at `now`.
///
/// # Errors
///
/// - [`Rejection::SessionExpired`] if it has ended, by what was written or by the present policy, or
///   the user's fence has passed;
/// - [`Rejection::SessionSuperseded`] if the user is at another epoch;
/// - [`Rejection::Disabled`] if the user is locked out;
/// - [`Rejection::ClientUnknown`] if its client is no longer in the policy.
///
/// There are no others.
pub(crate) fn check(
    session: &Session,
    user: &User,
    policy: &Policy,
    now: Timestamp,
) -> Result<Lifetime, Rejection> {
    let lifetime = Lifetime::of(&session.kind, policy)?;
    let end = session.ends_at.min(lifetime.end(session.created_at, session.accessed_at));
    if end <= now {
        return Err(Rejection::SessionExpired);
    }
    if session.user != user.id || session.epoch != user.epoch || !user.is_alive() {
        return Err(Rejection::SessionSuperseded);
    }
    if is_past_fence(user, now) {
        return Err(Rejection::SessionExpired);
    }
    if user.is_disabled {
        return Err(Rejection::Disabled);
    }
    Ok(lifetime)
}

/// The new end of `session` if its use at `now` is worth recording, else `None`.
pub(crate) fn recorded_end(
    session: &Session,
    lifetime: Lifetime,
    now: Timestamp,
) -> Option<Timestamp> {
    let due = session.accessed_at.plus(lifetime.grain());
    (due <= now).then(|| lifetime.end(session.created_at, now))
}

/// Whether nothing of `user` counts any more because its fence has passed.
pub(crate) fn is_past_fence(user: &User, now: Timestamp) -> bool {
    user.ends_at.is_some_and(|ends_at| ends_at <= now)
}

/// Where the fence of an anonymous user goes that gets something which lasts until `end`.
pub(crate) fn fence(end: Timestamp, lifetime: Lifetime) -> Timestamp {
    end.plus(lifetime.slack())
}

/// Accesses are recorded at most this coarsely.
const COARSEST_GRAIN: Duration = Duration::from_secs(60);
/// And at least this many times within an idle timeout.
const GRAINS_PER_IDLE: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn ends_at_the_earlier_of_lifetime_and_idle_timeout() {
        let idle = Lifetime { absolute: 10 * HOUR, idle: Some(HOUR) };
        let start = Timestamp::from_millis(1_000);
        assert_eq!(idle.end(start, start), start.plus(HOUR).plus(COARSEST_GRAIN));
        assert_eq!(idle.end(start, start.plus(9 * HOUR + HOUR / 2)), start.plus(10 * HOUR));
        let absolute = Lifetime { absolute: 10 * HOUR, idle: None };
        assert_eq!(absolute.end(start, start), start.plus(10 * HOUR));
    }

    #[test]
    fn lifetimes_of_a_second_work() {
        let short =
            Lifetime { absolute: Duration::from_secs(2), idle: Some(Duration::from_secs(1)) };
        assert_eq!(short.grain(), Duration::from_millis(50));
        assert_eq!(short.end(Timestamp::EPOCH, Timestamp::EPOCH).as_millis(), 1_050);
    }

    #[test]
    fn a_far_future_does_not_wrap() {
        let long = Lifetime { absolute: Duration::MAX, idle: None };
        assert_eq!(long.end(Timestamp::MAX, Timestamp::MAX), Timestamp::MAX);
    }
}
