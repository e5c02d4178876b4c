//! What operations come to, one after the other, said as simply as it can be.

use std::collections::BTreeMap;

use guestpass::Rejection as R;
use guestpass::rules::OnConflict;

use super::operation::{NAMES, NOTHING, Operation, pick};

/// All users and sessions, as plain data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Model {
    on_conflict: OnConflict,
    users: Vec<User>,
    sessions: Vec<Session>,
    /// Whose device this is or was.
    keys: BTreeMap<u8, usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct User {
    standing: Standing,
    has_key: bool,
    /// Counts what has ended earlier sessions.
    epoch: u32,
    is_disabled: bool,
    is_past_fence: bool,
    name: Option<u8>,
    password: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Standing {
    Guest,
    Regular,
    Merged(usize),
    Deleted,
    Collected,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Session {
    user: usize,
    epoch: u32,
    is_expired: bool,
    is_gone: bool,
}

/// Somebody who shows to be a guest, as of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    user: usize,
    epoch: u32,
}

type Answer = Result<String, R>;

impl Model {
    pub(crate) fn new(on_conflict: OnConflict) -> Self {
        Self { on_conflict, users: Vec::new(), sessions: Vec::new(), keys: BTreeMap::new() }
    }

    /// What comes of `operation`, in the words of [`Player`](super::operation::Player).
    pub(crate) fn perform(&mut self, operation: Operation) -> String {
        in_words(self.answer(operation))
    }

    /// Who holds the session with this number shows to be a guest, to act as one later.
    pub(crate) fn show_now(&self, session: usize) -> Shown {
        let Session { user, epoch, .. } = self.sessions[session];
        Shown { user, epoch }
    }

    /// Promotes somebody who was shown earlier.
    pub(crate) fn promote_shown(&mut self, shown: Shown, name: u8, password: u8) -> String {
        in_words(self.promote(shown, name, password))
    }

    /// Signs in somebody who was shown to be a guest earlier.
    pub(crate) fn sign_in_shown(&mut self, shown: Shown, name: u8, password: u8) -> String {
        in_words(self.sign_in_as(name, password, Some(shown)))
    }

    /// The first step of a sign-out: a guest without a key ends whose last session it is.
    pub(crate) fn end_guest_of(&mut self, session: usize) {
        let user = &mut self.users[self.sessions[session].user];
        user.is_past_fence |= user.standing == Standing::Guest && !user.has_key;
    }

    /// The second: the session goes; says whether it was there.
    pub(crate) fn end_session(&mut self, session: usize) -> bool {
        !std::mem::replace(&mut self.sessions[session].is_gone, true)
    }

    /// A change of the password by somebody who was let in with a session before, also if that was signed
    /// out since: all sessions end; at which epoch the caller's own goes on, or why not.
    pub(crate) fn change_let_in(
        &mut self,
        session: usize,
        old: u8,
        new: u8,
    ) -> Result<u32, String> {
        let why_over = self.check(session).err();
        let changed = self.change(session, old, new);
        changed.map_err(|rejection| why_over.unwrap_or(rejection).code().to_owned())
    }

    /// After that the caller's session is moved.
    pub(crate) fn move_session(&mut self, session: usize, epoch: u32) {
        self.sessions[session].epoch = epoch;
    }

    pub(crate) fn on_conflict(&self) -> OnConflict {
        self.on_conflict
    }

    /// How many sessions there are or were.
    pub(crate) fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// What a user is by now.
    pub(crate) fn describe(&self, user: usize) -> String {
        let user = &self.users[user];
        let standing = match user.standing {
            Standing::Guest => "guest",
            Standing::Regular => "regular",
            Standing::Merged(_) => "merged",
            Standing::Deleted => "deleted",
            Standing::Collected => "collected",
        };
        let name = user.name.map_or("nobody", |name| NAMES[usize::from(name)]);
        description(standing, user.is_disabled, name)
    }

    /// Whether each session counts, in the order in which they were opened.
    pub(crate) fn live(&self) -> Vec<bool> {
        (0..self.sessions.len()).map(|session| self.check(session).is_ok()).collect()
    }

    fn answer(&mut self, operation: Operation) -> Answer {
        use Operation as O;
        match operation {
            O::SignUpGuest => Ok(self.sign_up_guest(false)),
            O::SignInByKey { device } => self.sign_in_by_key(device),
            O::SignUp { name, password } => self.sign_up(name, password),
            O::SignIn { name, password, guest } => self.sign_in(name, password, guest),
            O::Promote { session, name, password } => {
                let Some(session) = self.session(session) else { return Ok(nothing()) };
                let shown = self.show(session)?;
                self.promote(shown, name, password)
            }
            O::PromoteByKey { device, name, password } => {
                let user = *self.keys.get(&device).ok_or(R::Denied)?;
                self.promote(Shown { user, epoch: self.users[user].epoch }, name, password)
            }
            O::Authenticate { session } => {
                let Some(session) = self.session(session) else { return Ok(nothing()) };
                self.check(session)?;
                Ok(done())
            }
            O::SignOut { session } => Ok(self.sign_out(session)),
            O::SignOutAll { user } => self.alive(user, |user| {
                user.epoch += 1;
                user.is_past_fence |= user.standing == Standing::Guest && !user.has_key;
            }),
            O::ChangePassword { session, old, new } => self.change_password(session, old, new),
            O::SetPassword { name, new } => {
                let owner = self.owner(name).ok_or(R::UserUnknown)?;
                let owner = &mut self.users[owner];
                if owner.is_disabled {
                    return Err(R::Disabled);
                }
                owner.password = Some(new);
                owner.epoch += 1;
                Ok(done())
            }
            O::Disable { user } => self.alive(user, |user| {
                user.epoch += u32::from(!user.is_disabled && user.standing == Standing::Regular);
                user.is_disabled = true;
            }),
            O::Enable { user } => self.alive(user, |user| user.is_disabled = false),
            O::Delete { user } => {
                let Some(user) = self.user(user) else { return Ok(nothing()) };
                self.end(user, Standing::Deleted);
                Ok(done())
            }
            O::Forsake => {
                self.sessions.iter_mut().for_each(|session| session.is_expired = true);
                let guests = self.users.iter_mut();
                guests
                    .filter(|user| user.standing == Standing::Guest && !user.has_key)
                    .for_each(|user| user.is_past_fence = true);
                Ok(done())
            }
            O::Sweep => Ok(self.sweep()),
        }
    }

    fn sign_up_guest(&mut self, has_key: bool) -> String {
        self.add(Standing::Guest, has_key, None, None);
        self.open("SignedUp", self.users.len() - 1)
    }

    fn sign_in_by_key(&mut self, device: u8) -> Answer {
        let Some(&user) = self.keys.get(&device) else {
            let answer = self.sign_up_guest(true);
            self.keys.insert(device, self.users.len() - 1);
            return Ok(answer);
        };
        self.final_answer(user)?;
        self.let_in("SignedIn", user)
    }

    fn sign_up(&mut self, name: u8, password: u8) -> Answer {
        let Some(owner) = self.owner(name) else {
            self.add(Standing::Regular, false, Some(name), Some(password));
            return Ok(self.open("SignedUp", self.users.len() - 1));
        };
        if self.users[owner].password != Some(password) {
            return Err(R::IdentityTaken);
        }
        self.let_in("SignedIn", owner)
    }

    fn sign_in(&mut self, name: u8, password: u8, guest: Option<u8>) -> Answer {
        let guest = guest.and_then(|guest| self.show(self.session(guest)?).ok());
        self.sign_in_as(name, password, guest)
    }

    fn sign_in_as(&mut self, name: u8, password: u8, guest: Option<Shown>) -> Answer {
        let owner = self.prove(name, password)?;
        match guest {
            Some(shown) if self.check_guest(shown).is_ok() => self.merge(shown.user, owner),
            Some(_) | None => self.let_in("SignedIn", owner),
        }
    }

    fn promote(&mut self, shown: Shown, name: u8, password: u8) -> Answer {
        let Some(owner) = self.owner(name) else {
            self.check_guest(shown)?;
            let user = &mut self.users[shown.user];
            user.standing = Standing::Regular;
            user.epoch += 1;
            (user.name, user.password) = (Some(name), Some(password));
            return Ok(self.open("Promoted", shown.user));
        };
        let (became, otherwise) = match self.users[shown.user].standing {
            Standing::Regular => (Some(shown.user), R::AlreadyPromoted),
            Standing::Merged(into) => (Some(into), R::AlreadyMerged),
            Standing::Guest | Standing::Deleted | Standing::Collected => (None, R::Denied),
        };
        if became == Some(owner) {
            self.prove(name, password).map_err(|_| otherwise)?;
            return self.let_in("SignedIn", owner);
        }
        self.check_guest(shown)?;
        if self.on_conflict == OnConflict::Login {
            self.prove(name, password)?;
        }
        self.merge(shown.user, owner)
    }

    fn merge(&mut self, guest: usize, owner: usize) -> Answer {
        if self.on_conflict == OnConflict::Error {
            return Err(R::IdentityTaken);
        }
        let answer = self.let_in("Merged", owner)?;
        self.end(guest, Standing::Merged(owner));
        Ok(answer)
    }

    fn sign_out(&mut self, session: u8) -> String {
        let Some(session) = self.session(session) else { return nothing() };
        if !self.end_session(session) {
            return "no".to_owned();
        }
        self.end_guest_of(session);
        done()
    }

    fn change_password(&mut self, session: u8, old: u8, new: u8) -> Answer {
        let Some(session) = self.session(session) else { return Ok(nothing()) };
        self.check(session)?;
        let epoch = self.change(session, old, new)?;
        self.move_session(session, epoch);
        Ok(done())
    }

    fn change(&mut self, session: usize, old: u8, new: u8) -> Result<u32, R> {
        let Session { user, epoch, .. } = self.sessions[session];
        let user = &mut self.users[user];
        if user.epoch != epoch {
            return Err(R::SessionSuperseded);
        }
        if user.password.ok_or(R::NoPassword)? != old {
            return Err(R::Denied);
        }
        user.password = Some(new);
        user.epoch += 1;
        Ok(user.epoch)
    }

    fn sweep(&mut self) -> String {
        for session in &mut self.sessions {
            session.is_gone |= session.is_expired;
        }
        let past = |user: &&mut User| user.standing == Standing::Guest && user.is_past_fence;
        let mut count = 0;
        for user in self.users.iter_mut().filter(past) {
            user.standing = Standing::Collected;
            user.epoch += 1;
            user.is_disabled = false;
            count += 1;
        }
        count.to_string()
    }

    fn show(&self, session: usize) -> Result<Shown, R> {
        let Session { user, epoch, .. } = self.sessions[session];
        match self.check(session) {
            Ok(()) if self.users[user].standing != Standing::Guest => Err(R::NotAnonymous),
            Ok(()) | Err(R::SessionSuperseded | R::Disabled) => Ok(Shown { user, epoch }),
            Err(rejection) => Err(rejection),
        }
    }

    fn check(&self, session: usize) -> Result<(), R> {
        let session = &self.sessions[session];
        let user = &self.users[session.user];
        if session.is_gone {
            Err(R::SessionUnknown)
        } else if session.is_expired {
            Err(R::SessionExpired)
        } else if session.epoch != user.epoch {
            Err(R::SessionSuperseded)
        } else if user.is_past_fence {
            Err(R::SessionExpired)
        } else if user.is_disabled {
            Err(R::Disabled)
        } else {
            Ok(())
        }
    }

    fn check_guest(&self, shown: Shown) -> Result<(), R> {
        self.final_answer(shown.user)?;
        let user = &self.users[shown.user];
        if shown.epoch != user.epoch {
            Err(R::SessionSuperseded)
        } else if user.is_past_fence {
            Err(R::SessionExpired)
        } else if user.is_disabled {
            Err(R::Disabled)
        } else {
            Ok(())
        }
    }

    fn final_answer(&self, user: usize) -> Result<(), R> {
        match self.users[user].standing {
            Standing::Guest => Ok(()),
            Standing::Regular => Err(R::AlreadyPromoted),
            Standing::Merged(_) => Err(R::AlreadyMerged),
            Standing::Deleted => Err(R::Deleted),
            Standing::Collected => Err(R::Collected),
        }
    }

    fn prove(&self, name: u8, password: u8) -> Result<usize, R> {
        let owner = self.owner(name).ok_or(R::Denied)?;
        if self.users[owner].password == Some(password) { Ok(owner) } else { Err(R::Denied) }
    }

    fn owner(&self, name: u8) -> Option<usize> {
        self.users.iter().position(|user| user.name == Some(name))
    }

    fn let_in(&mut self, outcome: &str, user: usize) -> Answer {
        if self.users[user].is_disabled {
            return Err(R::Disabled);
        }
        Ok(self.open(outcome, user))
    }

    fn open(&mut self, outcome: &str, user: usize) -> String {
        let epoch = self.users[user].epoch;
        self.sessions.push(Session { user, epoch, is_expired: false, is_gone: false });
        format!("{outcome} as {user}")
    }

    fn add(&mut self, standing: Standing, has_key: bool, name: Option<u8>, password: Option<u8>) {
        self.users.push(User {
            standing,
            has_key,
            epoch: 0,
            is_disabled: false,
            is_past_fence: false,
            name,
            password,
        });
    }

    fn end(&mut self, user: usize, standing: Standing) {
        let user = &mut self.users[user];
        if user.standing != standing {
            user.epoch += 1;
        }
        user.standing = standing;
        (user.is_disabled, user.is_past_fence) = (false, false);
        (user.name, user.password) = (None, None);
    }

    /// Changes a user who is not over.
    fn alive(&mut self, user: u8, change: impl FnOnce(&mut User)) -> Answer {
        let Some(user) = self.user(user) else { return Ok(nothing()) };
        let user = &mut self.users[user];
        match user.standing {
            Standing::Guest | Standing::Regular => change(user),
            Standing::Merged(_) | Standing::Deleted | Standing::Collected => {
                return Err(R::UserUnknown);
            }
        }
        Ok(done())
    }

    fn user(&self, index: u8) -> Option<usize> {
        let all: Vec<usize> = (0..self.users.len()).collect();
        pick(&all, index).copied()
    }

    fn session(&self, index: u8) -> Option<usize> {
        let all: Vec<usize> = (0..self.sessions.len()).collect();
        pick(&all, index).copied()
    }
}

/// What a user is, in words.
pub(crate) fn description(standing: &str, is_disabled: bool, name: &str) -> String {
    format!("{standing}, disabled: {is_disabled}, {name}")
}

fn in_words(answer: Answer) -> String {
    answer.unwrap_or_else(|rejection| rejection.code().to_owned())
}

fn done() -> String {
    "done".to_owned()
}

fn nothing() -> String {
    NOTHING.to_owned()
}
