//! What the operations mean, without stores, secrets or races.

use std::collections::BTreeMap;

use super::side::{Answer, Told};
use super::{Act, Entered, LIFETIME, Operation};
use crate::engine::SignInOutcome;
use crate::model::{Account, Epoch, Outcome, Standing, Timestamp};
use crate::rules::{OnConflict, Rejection};

/// Everybody, and every session that was ever opened.
pub(super) struct Model {
    on_conflict: OnConflict,
    now: Timestamp,
    people: Vec<Person>,
    sessions: Vec<Opened>,
    keys: BTreeMap<u8, Key>,
}

struct Person {
    life: Life,
    login: Option<Entered>,
    has_key: bool,
    is_disabled: bool,
    /// Raised whenever everything issued before is to end.
    generation: u32,
    ends_at: Option<Timestamp>,
    /// The epoch that stood for each generation.
    epochs: Vec<Epoch>,
    id: Option<crate::model::UserId>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    Anonymous,
    Regular,
    Merged(usize),
    Deleted,
    Collected,
}

struct Opened {
    user: usize,
    generation: u32,
    ends_at: Timestamp,
    is_signed_out: bool,
}

struct Key {
    user: usize,
    outcome: Option<Outcome>,
}

/// What a session is good for.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Live,
    Disabled,
    /// Over, but it still says whose it was, until it is swept.
    Superseded,
    Over,
}

impl Model {
    pub(super) fn new(on_conflict: OnConflict, now: Timestamp) -> Self {
        let (people, sessions, keys) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { on_conflict, now, people, sessions, keys }
    }

    pub(super) fn users(&self) -> usize {
        self.people.len()
    }

    /// Whether `answer` is what `operation` must come to, and what has changed by it.
    pub(super) fn judge(&mut self, operation: &Operation, answer: &Answer) {
        let expected = match *operation {
            Operation::SignUpGuest => Ok(self.new_guest(None)),
            Operation::SignInByKey { key } => self.sign_in_by_key(key),
            Operation::Promote { session, credential } => {
                let Some(session) = self.session(session) else { return };
                return self.judge_promotion(session, credential, answer);
            }
            Operation::PromoteByKey { key, credential } => match self.keys.get(&key) {
                None => Ok(Told::NoGuest(Rejection::Denied)),
                Some(key) => {
                    let user = key.user;
                    self.promote(user, self.people[user].generation, credential)
                }
            },
            Operation::SignUp { credential } => self.sign_up(credential),
            Operation::SignIn { credential, guest } => {
                let guest = guest.and_then(|session| self.session(session));
                self.sign_in(credential, guest)
            }
            Operation::Authenticate { session } => {
                let Some(session) = self.session(session) else { return };
                match self.state(session) {
                    State::Live => Ok(Told::Caller { user: self.sessions[session].user }),
                    State::Disabled => Err(Rejection::Disabled),
                    State::Superseded | State::Over => return assert_over(answer),
                }
            }
            Operation::SignOut { session } => {
                let Some(session) = self.session(session) else { return };
                return self.judge_sign_out(session, answer);
            }
            Operation::ChangePassword { session, old, new } => {
                let Some(session) = self.session(session) else { return };
                match self.state(session) {
                    State::Live => self.change_password(session, old, new),
                    State::Disabled => Err(Rejection::Disabled),
                    State::Superseded | State::Over => return assert_over(answer),
                }
            }
            Operation::Manage { user, act } => self.manage(user, act),
            Operation::Sweep => return self.judge_sweep(answer),
            Operation::Wait(time) => {
                self.now = self.now.plus(time);
                Ok(Told::Done)
            }
        };
        assert_eq!(*answer, expected, "{operation:?}");
    }

    /// Whether a stored account is what the model has.
    pub(super) fn compare(&mut self, number: usize, account: &Account) {
        let merged_into = match self.people[number].life {
            Life::Merged(into) => self.people[into].id,
            Life::Anonymous | Life::Regular | Life::Deleted | Life::Collected => None,
        };
        let person = &mut self.people[number];
        let user = &account.user;
        assert_eq!(*person.id.get_or_insert(user.id), user.id, "the sub never changes");
        let standing = match person.life {
            Life::Anonymous => Standing::Anonymous,
            Life::Regular => Standing::Regular,
            Life::Merged(_) => Standing::Merged { into: merged_into.expect("compared before") },
            Life::Deleted => Standing::Deleted,
            Life::Collected => Standing::Collected,
        };
        assert_eq!((user.standing, user.is_disabled), (standing, person.is_disabled));
        assert_eq!(user.ends_at, person.ends_at);
        assert_eq!(account.password().is_some(), person.login.is_some());
        assert_eq!(account.device_key().is_some(), person.has_key);
        let generation = usize::try_from(person.generation).expect("few");
        while person.epochs.len() <= generation {
            assert!(!person.epochs.contains(&user.epoch), "the epoch was not raised");
            // Generations that nobody saw never had an epoch of their own.
            let unseen = Epoch::from_bytes([0; 8]);
            let is_last = person.epochs.len() == generation;
            person.epochs.push(if is_last { user.epoch } else { unseen });
        }
        assert_eq!(person.epochs[generation], user.epoch, "the epoch was raised for no reason");
    }

    fn sign_in_by_key(&mut self, number: u8) -> Answer {
        match self.keys.get(&number) {
            None => Ok(self.new_guest(Some(number))),
            Some(Key { outcome: Some(Outcome::Promoted), .. }) => Err(Rejection::AlreadyPromoted),
            Some(Key { outcome: Some(Outcome::Merged), .. }) => Err(Rejection::AlreadyMerged),
            Some(Key { outcome: Some(Outcome::Deleted), .. }) => Err(Rejection::Deleted),
            Some(Key { user, outcome: None }) => self.let_in(*user),
        }
    }

    fn sign_up(&mut self, credential: Entered) -> Answer {
        match self.owner(credential) {
            Some(owner) if !self.is_right(owner, credential) => Err(Rejection::IdentityTaken),
            Some(owner) => self.let_in(owner),
            None => {
                let user = self.add(Life::Regular, Some(credential), None);
                Ok(self.open(user, SignInOutcome::SignedUp))
            }
        }
    }

    fn sign_in(&mut self, credential: Entered, guest: Option<usize>) -> Answer {
        let owner = self.owner(credential).filter(|owner| self.is_right(*owner, credential));
        let owner = owner.ok_or(Rejection::Denied)?;
        let Some(session) = guest.filter(|session| self.state(*session) == State::Live) else {
            return self.let_in(owner);
        };
        let guest = self.sessions[session].user;
        match self.people[guest].life {
            Life::Anonymous => self.merge(guest, owner),
            Life::Regular | Life::Merged(_) | Life::Deleted | Life::Collected => self.let_in(owner),
        }
    }

    fn judge_promotion(&mut self, session: usize, credential: Entered, answer: &Answer) {
        let Opened { user, generation, .. } = self.sessions[session];
        if let Ok(Told::NoGuest(rejection)) = answer {
            let is_regular = self.people[user].life == Life::Regular;
            match self.state(session) {
                State::Live => assert!(is_regular && *rejection == Rejection::NotAnonymous),
                State::Disabled => panic!("a disabled guest is told so"),
                State::Superseded | State::Over => assert_over(&Err(*rejection)),
            }
            return;
        }
        let expected = self.promote(user, generation, credential);
        assert_eq!(*answer, expected);
    }

    fn promote(&mut self, user: usize, generation: u32, credential: Entered) -> Answer {
        let owner = self.owner(credential);
        let became = match self.people[user].life {
            Life::Regular => Some(user),
            Life::Merged(into) => Some(into),
            Life::Anonymous | Life::Deleted | Life::Collected => None,
        };
        if let Some(owner) = owner.filter(|owner| became == Some(*owner)) {
            if self.is_right(owner, credential) {
                return self.let_in(owner);
            }
            let is_merged = owner != user;
            return Err(if is_merged {
                Rejection::AlreadyMerged
            } else {
                Rejection::AlreadyPromoted
            });
        }
        self.check_guest(user, generation)?;
        if let Some(owner) = owner {
            return match self.on_conflict {
                OnConflict::Error => Err(Rejection::IdentityTaken),
                OnConflict::Login if !self.is_right(owner, credential) => Err(Rejection::Denied),
                OnConflict::Login => self.merge(user, owner),
            };
        }
        self.end(user, Life::Regular);
        self.retire(user, Outcome::Promoted);
        self.people[user].login = Some(credential);
        Ok(self.open(user, SignInOutcome::Promoted))
    }

    fn merge(&mut self, guest: usize, owner: usize) -> Answer {
        match self.on_conflict {
            OnConflict::Error => return Err(Rejection::IdentityTaken),
            OnConflict::Login => {}
        }
        if self.people[owner].is_disabled {
            return Err(Rejection::Disabled);
        }
        self.end(guest, Life::Merged(owner));
        self.retire(guest, Outcome::Merged);
        let guest = self.people[guest].id.expect("compared before");
        Ok(self.open(owner, SignInOutcome::Merged { guest }))
    }

    fn check_guest(&self, user: usize, generation: u32) -> Result<(), Rejection> {
        let person = &self.people[user];
        match person.life {
            Life::Anonymous => {}
            Life::Regular => return Err(Rejection::AlreadyPromoted),
            Life::Merged(_) => return Err(Rejection::AlreadyMerged),
            Life::Deleted => return Err(Rejection::Deleted),
            Life::Collected => return Err(Rejection::Collected),
        }
        if person.generation != generation {
            return Err(Rejection::SessionSuperseded);
        }
        if person.is_disabled { Err(Rejection::Disabled) } else { Ok(()) }
    }

    fn change_password(&mut self, session: usize, old: u8, new: u8) -> Answer {
        let user = self.sessions[session].user;
        let person = &mut self.people[user];
        let login = person.login.as_mut().ok_or(Rejection::NoPassword)?;
        if login.password != old {
            return Err(Rejection::Denied);
        }
        login.password = new;
        person.generation += 1;
        self.sessions[session].generation = person.generation;
        Ok(Told::Done)
    }

    fn judge_sign_out(&mut self, session: usize, answer: &Answer) {
        let Ok(Told::SignedOut(was_there)) = answer else { panic!("{answer:?}") };
        match self.state(session) {
            State::Live | State::Disabled => assert!(was_there),
            // Swept or not.
            State::Superseded | State::Over if !self.sessions[session].is_signed_out => {}
            State::Superseded | State::Over => assert!(!was_there, "signed out, and back again"),
        }
        self.sessions[session].is_signed_out = true;
        let user = self.sessions[session].user;
        let is_left = |one: &Opened| {
            one.user == user && !one.is_signed_out && one.generation == self.people[user].generation
        };
        if *was_there && !self.sessions.iter().any(is_left) {
            let person = &mut self.people[user];
            person.ends_at = person.ends_at.map(|_| Timestamp::EPOCH);
        }
    }

    fn judge_sweep(&mut self, answer: &Answer) {
        let Ok(Told::Swept(swept)) = answer else { panic!("{answer:?}") };
        let mut collected = 0;
        for user in 0..self.people.len() {
            if self.people[user].ends_at.is_some_and(|ends_at| ends_at <= self.now) {
                self.end(user, Life::Collected);
                self.people[user].is_disabled = false;
                collected += 1;
            }
        }
        assert_eq!(swept.guests, collected, "orphans, and nobody else");
    }

    fn manage(&mut self, user: usize, act: Act) -> Answer {
        let Some(user) = user.checked_rem(self.people.len()) else { return Ok(Told::Done) };
        let person = &mut self.people[user];
        let is_alive = matches!(person.life, Life::Anonymous | Life::Regular);
        match act {
            Act::Delete if person.life == Life::Deleted => {}
            Act::Delete => {
                self.end(user, Life::Deleted);
                self.retire(user, Outcome::Deleted);
                let person = &mut self.people[user];
                (person.login, person.is_disabled) = (None, false);
            }
            Act::SignOutAll | Act::Disable | Act::Enable if !is_alive => {
                return Err(Rejection::UserUnknown);
            }
            Act::SignOutAll => {
                person.generation += 1;
                person.ends_at = person.ends_at.map(|_| Timestamp::EPOCH);
            }
            Act::Disable => {
                if person.life == Life::Regular && !person.is_disabled {
                    person.generation += 1;
                }
                person.is_disabled = true;
            }
            Act::Enable => person.is_disabled = false,
        }
        Ok(Told::Done)
    }

    fn new_guest(&mut self, key: Option<u8>) -> Told {
        let user = self.add(Life::Anonymous, None, key);
        self.open(user, SignInOutcome::SignedUp)
    }

    fn add(&mut self, life: Life, login: Option<Entered>, key: Option<u8>) -> usize {
        let user = self.people.len();
        if let Some(key) = key {
            self.keys.insert(key, Key { user, outcome: None });
        }
        let is_fenced = life == Life::Anonymous && key.is_none();
        self.people.push(Person {
            life,
            login,
            has_key: key.is_some(),
            is_disabled: false,
            generation: 0,
            ends_at: is_fenced.then(|| self.now.plus(LIFETIME).plus(LIFETIME / 20)),
            epochs: Vec::new(),
            id: None,
        });
        user
    }

    fn let_in(&mut self, user: usize) -> Answer {
        if self.people[user].is_disabled {
            return Err(Rejection::Disabled);
        }
        Ok(self.open(user, SignInOutcome::SignedIn))
    }

    fn open(&mut self, user: usize, outcome: SignInOutcome) -> Told {
        let (generation, ends_at) = (self.people[user].generation, self.now.plus(LIFETIME));
        self.sessions.push(Opened { user, generation, ends_at, is_signed_out: false });
        Told::In { user, outcome }
    }

    fn end(&mut self, user: usize, life: Life) {
        let person = &mut self.people[user];
        person.life = life;
        person.generation += 1;
        person.ends_at = None;
        person.has_key = false;
    }

    fn retire(&mut self, user: usize, outcome: Outcome) {
        for key in self.keys.values_mut().filter(|key| key.user == user) {
            key.outcome = Some(outcome);
        }
    }

    fn owner(&self, entered: Entered) -> Option<usize> {
        self.people.iter().position(|one| one.login.is_some_and(|own| own.login == entered.login))
    }

    fn is_right(&self, owner: usize, entered: Entered) -> bool {
        self.people[owner].login.is_some_and(|login| login.password == entered.password)
    }

    fn session(&self, number: usize) -> Option<usize> {
        number.checked_rem(self.sessions.len())
    }

    fn state(&self, number: usize) -> State {
        let session = &self.sessions[number];
        let person = &self.people[session.user];
        let is_past_fence = person.ends_at.is_some_and(|ends_at| ends_at <= self.now);
        if session.is_signed_out || session.ends_at <= self.now {
            State::Over
        } else if session.generation != person.generation {
            State::Superseded
        } else if is_past_fence {
            State::Over
        } else if person.is_disabled {
            State::Disabled
        } else {
            State::Live
        }
    }
}

/// A session that is over stays over, whatever word is found for it.
fn assert_over(answer: &Answer) {
    match answer {
        Err(
            Rejection::SessionUnknown | Rejection::SessionExpired | Rejection::SessionSuperseded,
        ) => {}
        other => panic!("the session is over: {other:?}"),
    }
}
