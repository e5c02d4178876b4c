//! Operations on whatever users, sessions and names there are: every sequence of them is valid.

use guestpass::credential::Action;
use guestpass::model::{ProvenIdentity, UserId};
use guestpass::{Credential, Engine, Error, Guest, SignedIn};
use proptest::prelude::*;

use super::{Device, Held, World, cookie, days, email, run};

/// One thing that somebody does. Users and sessions are named by an index modulo how many there are;
/// without any, nothing is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    SignUpGuest,
    SignInByKey {
        device: u8,
    },
    SignUp {
        name: u8,
        password: u8,
    },
    SignIn {
        name: u8,
        password: u8,
        guest: Option<u8>,
    },
    Promote {
        session: u8,
        name: u8,
        password: u8,
    },
    PromoteByKey {
        device: u8,
        name: u8,
        password: u8,
    },
    Authenticate {
        session: u8,
    },
    SignOut {
        session: u8,
    },
    SignOutAll {
        user: u8,
    },
    ChangePassword {
        session: u8,
        old: u8,
        new: u8,
    },
    SetPassword {
        name: u8,
        new: u8,
    },
    Disable {
        user: u8,
    },
    Enable {
        user: u8,
    },
    Delete {
        user: u8,
    },
    /// Sixty days pass: more than any session goes unused, or any guest without a key lasts.
    Forsake,
    Sweep,
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let (name, password, device) = (0..3u8, 0..2u8, 0..2u8);
    let any = any::<u8>;
    prop_oneof![
        2 => Just(O::SignUpGuest),
        2 => device.clone().prop_map(|device| O::SignInByKey { device }),
        2 => (name.clone(), password.clone())
            .prop_map(|(name, password)| O::SignUp { name, password }),
        3 => (name.clone(), password.clone(), proptest::option::of(any()))
            .prop_map(|(name, password, guest)| O::SignIn { name, password, guest }),
        6 => (any(), name.clone(), password.clone())
            .prop_map(|(session, name, password)| O::Promote { session, name, password }),
        4 => (device, name.clone(), password.clone())
            .prop_map(|(device, name, password)| O::PromoteByKey { device, name, password }),
        2 => any().prop_map(|session| O::Authenticate { session }),
        1 => any().prop_map(|session| O::SignOut { session }),
        1 => any().prop_map(|user| O::SignOutAll { user }),
        1 => (any(), password.clone(), password.clone())
            .prop_map(|(session, old, new)| O::ChangePassword { session, old, new }),
        1 => (name, password).prop_map(|(name, new)| O::SetPassword { name, new }),
        1 => any().prop_map(|user| O::Disable { user }),
        1 => any().prop_map(|user| O::Enable { user }),
        1 => any().prop_map(|user| O::Delete { user }),
        1 => Just(O::Forsake),
        1 => Just(O::Sweep),
    ]
}

/// A world in which operations are done.
pub(crate) struct Player {
    pub(crate) world: World,
    pub(crate) users: Vec<UserId>,
    pub(crate) sessions: Vec<Held>,
}

impl Player {
    pub(crate) fn new(world: World) -> Self {
        Self { world, users: Vec::new(), sessions: Vec::new() }
    }

    /// Does it, and says what came of it in words that are the same on every backend.
    pub(crate) fn perform(&mut self, operation: Operation) -> String {
        if let Operation::Forsake = operation {
            self.world.advance(days(60));
            return "done".to_owned();
        }
        let (users, sessions) = (&self.users, &self.sessions);
        match (Asker { engine: &self.world.engine, users, sessions }).ask(operation) {
            Came::Said(words) => words,
            Came::In(held) => self.let_in(*held),
        }
    }

    /// Keeps the session, and names the user by its number.
    fn let_in(&mut self, held: Held) -> String {
        if !self.users.contains(&held.user) {
            self.users.push(held.user);
        }
        let number = self.users.iter().position(|user| *user == held.user).unwrap();
        let outcome = outcome(&held);
        self.sessions.push(held);
        format!("{outcome} as {number}")
    }
}

/// Somebody who asks an engine about users and sessions.
pub(crate) struct Asker<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) users: &'a [UserId],
    pub(crate) sessions: &'a [Held],
}

/// What comes of an operation.
pub(crate) enum Came {
    /// An answer in words.
    Said(String),
    /// A session.
    In(Box<Held>),
}

impl Asker<'_> {
    /// Does an operation that does not move the clock.
    pub(crate) fn ask(&self, operation: Operation) -> Came {
        use Operation as O;
        let engine = self.engine;
        match operation {
            O::SignUpGuest => Came::of(run(engine.sign_up_anonymously(cookie(), None))),
            O::SignInByKey { device } => {
                let request = Device::new(device).request(engine, Action::Auth);
                Came::of(run(engine.sign_in_with_device_key(&request, cookie(), None)))
            }
            O::SignUp { name, password } => {
                Came::of(run(engine.sign_up(credential(name, password), cookie(), None)))
            }
            O::SignIn { name, password, guest } => {
                let guest = guest.and_then(|guest| self.guest(guest)?.ok());
                self.sign_in(guest.as_ref(), name, password)
            }
            O::Promote { session, name, password } => match self.guest(session) {
                None => Came::Said(NOTHING.to_owned()),
                Some(Err(error)) => Came::Said(code(&error)),
                Some(Ok(guest)) => self.promote(&guest, name, password),
            },
            O::PromoteByKey { device, name, password } => {
                let request = Device::new(device).request(engine, Action::Promote);
                match run(engine.guest_by_key(&request)) {
                    Err(error) => Came::Said(code(&error)),
                    Ok(guest) => self.promote(&guest, name, password),
                }
            }
            O::Authenticate { session } => {
                self.with(session, |held| run(engine.authenticate(&held.token)).map(|_| "done"))
            }
            O::SignOut { session } => self.with(session, |held| {
                run(engine.sign_out(&held.token)).map(|found| if found { "done" } else { "no" })
            }),
            O::ChangePassword { session, old, new } => self.with(session, |held| {
                let (old, new) = (PASSWORDS[usize::from(old)], PASSWORDS[usize::from(new)]);
                run(engine.change_password(&held.token, old, new, None)).map(|()| "done")
            }),
            O::SignOutAll { user } => self.of(user, |user| run(engine.sign_out_all(user))),
            O::Disable { user } => self.of(user, |user| run(engine.disable(user))),
            O::Enable { user } => self.of(user, |user| run(engine.enable(user))),
            O::Delete { user } => self.of(user, |user| run(engine.delete(user))),
            O::SetPassword { name, new } => {
                let identity = ProvenIdentity::login_id(email(NAMES[usize::from(name)]));
                let result = run(engine.set_password(identity, PASSWORDS[usize::from(new)]));
                Came::Said(result.map_or_else(|error| code(&error), |_| "done".to_owned()))
            }
            O::Forsake => panic!("an engine does not move the clock"),
            O::Sweep => Came::Said(run(engine.sweep(1000)).unwrap().guests.to_string()),
        }
    }

    pub(crate) fn promote(&self, guest: &Guest, name: u8, password: u8) -> Came {
        let credential = credential(name, password);
        Came::of(run(self.engine.promote(guest, credential, cookie(), None)))
    }

    pub(crate) fn sign_in(&self, guest: Option<&Guest>, name: u8, password: u8) -> Came {
        let credential = credential(name, password);
        Came::of(run(self.engine.sign_in(credential, guest, cookie(), None)))
    }

    fn guest(&self, session: u8) -> Option<Result<Guest, Error>> {
        let held = pick(self.sessions, session)?;
        Some(run(self.engine.guest_by_session(&held.token)))
    }

    fn with(&self, session: u8, act: impl Fn(&Held) -> Result<&'static str, Error>) -> Came {
        Came::Said(match pick(self.sessions, session) {
            None => NOTHING.to_owned(),
            Some(held) => act(held).map_or_else(|error| code(&error), str::to_owned),
        })
    }

    fn of(&self, user: u8, act: impl Fn(UserId) -> Result<(), Error>) -> Came {
        Came::Said(match pick(self.users, user) {
            None => NOTHING.to_owned(),
            Some(user) => act(*user).map_or_else(|error| code(&error), |()| "done".to_owned()),
        })
    }
}

impl Came {
    fn of(result: Result<SignedIn, Error>) -> Self {
        match result {
            Ok(signed_in) => Self::In(Box::new(Held::from(signed_in))),
            Err(error) => Self::Said(code(&error)),
        }
    }
}

/// How somebody was let in, in one word.
pub(crate) fn outcome(held: &Held) -> String {
    format!("{:?}", held.outcome).split(' ').next().unwrap().to_owned()
}

/// The one that an index names, if there is any.
pub(crate) fn pick<T>(of: &[T], index: u8) -> Option<&T> {
    of.get(usize::from(index).checked_rem(of.len())?)
}

fn credential(name: u8, password: u8) -> Credential {
    Credential::password(email(NAMES[usize::from(name)]), PASSWORDS[usize::from(password)])
}

fn code(error: &Error) -> String {
    match (error.rejection(), error) {
        (Some(rejection), _) => rejection.code().to_owned(),
        (None, Error::Contended) => GAVE_UP.to_owned(),
        (None, _) => panic!("{error:?}"),
    }
}

/// What is said when others were faster, so that nothing was done.
pub(crate) const GAVE_UP: &str = "contended";

/// What comes of an operation on something when there is none.
pub(crate) const NOTHING: &str = "nothing to do it to";
pub(crate) const NAMES: [&str; 3] = ["ada", "grace", "hedy"];
pub(crate) const PASSWORDS: [&str; 2] = ["correct horse battery", "another password"];
