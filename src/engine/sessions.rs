//! Listing and ending sessions.

use crate::credential::SessionToken;
use crate::engine::ticket::remember_until;
use crate::engine::{Engine, Error, Landed, LiveSessions, MAX_ATTEMPTS};
use crate::model::{
    Account, Nonce, Session, SessionId, SessionKind, Timestamp, TokenDigest, UserId,
};
use crate::rules::status::{self, Decision};
use crate::rules::{Rejection, lifetime};
use crate::store::{Landing, MAX_PORTION};

impl Engine {
    /// The live sessions of a user, in the order of their IDs, after `after`, at most `limit` and never
    /// more than [`MAX_PORTION`]. More may follow while [`LiveSessions::next`] says after which; with a
    /// limit of 0 it is `after` again.
    ///
    /// # Errors
    ///
    /// [`Rejection::UserUnknown`], [`Error::Store`]. There are no others.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    pub async fn sessions(
        &self,
        user: UserId,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<LiveSessions, Error> {
        let now = self.now();
        let Some(user) = self.backend().users().user(user).await? else {
            return Err(Rejection::UserUnknown.into());
        };
        let limit = usize::try_from(limit.min(MAX_PORTION)).unwrap_or(usize::MAX);
        let mut live = LiveSessions { sessions: Vec::new(), next: after };
        for _ in 0..MAX_LISTED_PORTIONS {
            if limit <= live.sessions.len() {
                break;
            }
            let portion = self.backend().sessions().of_user(
                user.id,
                user.epoch,
                None,
                live.next,
                MAX_PORTION,
            );
            let portion = portion.await?;
            live.next = portion.last().map(|last| last.id);
            if live.next.is_none() {
                break;
            }
            live.sessions.extend(portion.into_iter().filter(|session| {
                match lifetime::check(session, &user, self.policy(), now) {
                    Ok(_) | Err(Rejection::Disabled) => true,
                    Err(_) => false,
                }
            }));
        }
        if limit < live.sessions.len() {
            live.sessions.truncate(limit);
            live.next = live.sessions.last().map(|last| last.id);
        }
        Ok(live)
    }

    /// Ends the session with this token; says whether there was one. A guest without a device key whose
    /// last session this was can never come back.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Contended`]; the session may have ended then.
    ///
    /// # Cancellation
    ///
    /// The session may have ended.
    pub async fn sign_out(&self, token: &SessionToken) -> Result<bool, Error> {
        self.end_session(&token.digest()).await
    }

    /// Ends the session that an access token belongs to; says whether there was one. A token that has
    /// expired, or is none of ours, ends nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Contended`]; the session may have ended then.
    ///
    /// # Cancellation
    ///
    /// The session may have ended.
    pub async fn sign_out_access(&self, access_token: &str) -> Result<bool, Error> {
        match self.open_access_token(access_token, self.now()) {
            Ok(token) => self.end_session(&token.digest).await,
            Err(_) => Ok(false),
        }
    }

    /// Ends the session of `user` with this ID; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Contended`]; the session may have ended then.
    ///
    /// # Cancellation
    ///
    /// The session may have ended.
    pub async fn sign_out_session(&self, user: UserId, session: SessionId) -> Result<bool, Error> {
        self.lower_fence(user, LastSession::Is(session), self.now()).await?;
        let removed = self.backend().sessions().remove_by_id(user, session).await?;
        if removed {
            self.lower_fence(user, LastSession::Gone, self.now()).await?;
        }
        Ok(removed)
    }

    /// Ends all sessions of a user, access tokens, codes and flows with them. A guest without a device
    /// key can never come back.
    ///
    /// # Errors
    ///
    /// [`Rejection::UserUnknown`], also for a user that is over; [`Error::Contended`],
    /// [`Error::Store`], [`Error::Entropy`].
    ///
    /// # Cancellation
    ///
    /// All of them have ended, or none.
    pub async fn sign_out_all(&self, user: UserId) -> Result<(), Error> {
        let now = self.now();
        self.decide(user, |account| {
            Ok(status::sign_out_all(account, self.next_epoch(account)?, now)?)
        })
        .await?;
        Ok(())
    }

    async fn end_session(&self, digest: &TokenDigest) -> Result<bool, Error> {
        let Some(session) = self.backend().sessions().session(digest).await? else {
            return Ok(false);
        };
        // First, because who is told of a failure asks again with a session that may be gone by then. And
        // afterwards, because two sessions that end at once both find the other.
        self.lower_fence(session.user, LastSession::Is(session.id), self.now()).await?;
        let removed = self.backend().sessions().remove(digest).await?;
        if removed {
            self.lower_fence(session.user, LastSession::Gone, self.now()).await?;
        }
        Ok(removed)
    }

    /// Lowers the fence of an anonymous user who has no session left but, perhaps, the last one.
    async fn lower_fence(
        &self,
        user: UserId,
        last: LastSession,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(user) = self.backend().users().user(user).await? else { return Ok(()) };
        if user.ends_at.is_none() {
            return Ok(());
        }
        let left = self.backend().sessions().of_user(user.id, user.epoch, None, None, 2).await?;
        let is_over = match (last, &left[..]) {
            (LastSession::Gone, []) => true,
            (LastSession::Is(ending), [only]) => only.id == ending,
            (LastSession::Gone | LastSession::Is(_), _) => false,
        };
        if !is_over {
            return Ok(());
        }
        self.decide(user.id, |account| Ok(status::lower_fence(account, now))).await?;
        Ok(())
    }

    /// Ends the earliest sessions of a user, of the kind that was just opened, beyond the number that there
    /// may be of it; never the one that was opened, whatever the clock says.
    ///
    /// Where the policy names no number, [`MAX_SESSIONS`] bounds what reading and sweeping the sessions of one
    /// user may take. Then they are counted now and again only, so some more may be there: 64 for each process
    /// that lets the user in.
    ///
    /// The sign-in that it follows has landed and its answer must go out, so a failure here, and what is beyond
    /// [`MAX_ENDED`], is left to the next sign-in of the kind.
    pub(super) async fn end_surplus_sessions(&self, opened: &Session) {
        let _ended_or_not = self.try_end_surplus_sessions(opened).await;
    }

    async fn try_end_surplus_sessions(&self, opened: &Session) -> Result<(), Error> {
        let now = self.now();
        let of_policy = match &opened.kind {
            SessionKind::Cookie => 0,
            SessionKind::Refresh(client) => self.client(client)?.max_concurrent_session,
        };
        let most = match of_policy {
            0 if !self.0.limits.is_time_to_count(opened, now) => return Ok(()),
            0 => MAX_SESSIONS,
            most => most,
        };
        let mut others = Vec::new();
        let mut after = None;
        for _ in 0..MAX_PORTIONS {
            let sessions = self.backend().sessions();
            let (user, epoch, kind) = (opened.user, opened.epoch, Some(&opened.kind));
            let portion = sessions.of_user(user, epoch, kind, after, MAX_PORTION).await?;
            let Some(last) = portion.last() else { break };
            after = Some(last.id);
            let is_another = |session: &Session| session.id != opened.id && now < session.ends_at;
            others.extend(portion.into_iter().filter(is_another));
        }
        others.sort_by_key(|session| (session.created_at, session.id));
        let allowed = usize::try_from(most.saturating_sub(1)).unwrap_or(usize::MAX);
        let surplus = others.len().saturating_sub(allowed);
        for session in others.iter().take(surplus.min(MAX_ENDED)) {
            if !self.is_first_to_end(session, opened).await? {
                break;
            }
            self.backend().sessions().remove(&session.digest).await?;
        }
        if surplus <= MAX_ENDED {
            self.0.limits.note_count(opened);
        }
        Ok(())
    }

    /// Whether who has opened the one session may end the other as surplus.
    ///
    /// Two sign-ins at once each see the session of the other, and must not end both. Which of them came
    /// later no clock knows: the one that began first may land last. So the first of the two to say so goes
    /// on, and the other, whose session ends, stops. All take the others in the same order, so that no
    /// number of them end each other in a circle.
    async fn is_first_to_end(&self, other: &Session, opened: &Session) -> Result<bool, Error> {
        let (one, other) = (opened.id.as_bytes(), other.id.as_bytes());
        let both = Nonce(std::array::from_fn(|at| one[at] ^ other[at]));
        Ok(self.backend().sessions().spend(&both, remember_until(self.now())).await?)
    }

    /// Lets a rule decide about a user and lands it, again while others are faster; says whether there
    /// was anything to do.
    pub(super) async fn decide(
        &self,
        user: UserId,
        rule: impl Fn(&Account) -> Result<Decision, Error> + Send,
    ) -> Result<bool, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let account = self.account(user).await?;
            let commit = match rule(&account)? {
                Decision::Change(commit) => commit,
                Decision::Settled => return Ok(false),
            };
            let after = Account::after(Some(&account), &commit).ok_or(Error::Contended)?;
            let mut landing = Landing { commit: Some(commit), ..Landing::default() };
            match self.land(&mut landing).await? {
                Landed::Whole => {
                    if after.user.epoch != account.user.epoch {
                        self.supersede(user, account.user.epoch);
                    }
                    return Ok(true);
                }
                Landed::Stale | Landed::Held => {}
            }
        }
        Err(Error::Contended)
    }
}

/// The last session of a user.
#[derive(Clone, Copy, Debug)]
enum LastSession {
    /// It was ended.
    Gone,
    /// It is about to be ended, if it is this one.
    Is(SessionId),
}

/// Most sessions of one user by cookie, or with one client, where the policy names no number.
pub const MAX_SESSIONS: u32 = 1000;
/// Most sessions that one sign-in ends.
const MAX_ENDED: usize = 128;
/// Most portions that are looked through for one list of sessions: some of them may have ended, and whoever
/// asks goes on from there.
const MAX_LISTED_PORTIONS: u32 = 8;
/// Most portions of sessions that are looked through for those to end.
const MAX_PORTIONS: u32 = 64;
