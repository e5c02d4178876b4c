//! Operations of several threads at once, with what each answered and when.

use std::fmt;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use guestpass::model::{Standing, UserId};
use guestpass::rules::OnConflict;
use guestpass::{Engine, Guest};

use crate::support::{
    Asker, Came, Held, Model, NAMES, Operation, Place, Player, Random, Shown, World, description,
    outcome, run,
};

/// What several threads asked at once, after the same beginning in the model, and what was there in the
/// end.
pub(crate) struct History {
    /// Whether a session and its user may be read at two instants.
    pub(crate) is_apart: bool,
    /// The model after what went before.
    pub(crate) model: Model,
    /// The users of that, in the order of the model.
    pub(crate) users: Vec<UserId>,
    pub(crate) calls: Vec<Call>,
}

impl fmt::Debug for History {
    /// One line for each call; users are called by what they begin as, or by the number of the newcomer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.model.on_conflict())?;
        for Call { asked, began, ended, answer } in &self.calls {
            write!(f, "{began:3} to {ended:3}: {asked:?}: {}", answer.words)?;
            match answer.user {
                None => writeln!(f)?,
                Some(user) => match self.users.iter().position(|one| *one == user) {
                    Some(number) => writeln!(f, " as {number}")?,
                    None => writeln!(f, " as {user}")?,
                },
            }
        }
        Ok(())
    }
}

/// One operation: what was asked, what was answered, and when.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) asked: Asked,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) answer: Answer,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// An operation on users and sessions that were there before.
    Plain(Operation),
    /// A guest who was shown before is promoted.
    Promote { guest: Shown, name: u8, password: u8 },
    /// Somebody who was shown to be a guest before signs in.
    SignIn { guest: Shown, name: u8, password: u8 },
    /// Whether the session that another call has opened counts.
    IsLive(usize),
    /// What a user is.
    Look(UserId),
}

/// What was answered, and as whom somebody was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) words: String,
    pub(crate) user: Option<UserId>,
}

/// Where a history begins: two guests with a device key, one without, and the owner of a login ID. All of
/// them have a session.
const BEGINNING: [Operation; 4] = [
    Operation::SignInByKey { device: 0 },
    Operation::SignInByKey { device: 1 },
    Operation::SignUpGuest,
    Operation::SignUp { name: OWNER, password: 0 },
];
const GUESTS: usize = 3;
/// The name, the user and the session of the owner.
const OWNER: u8 = 2;
const OWNERS: u8 = 3;

const THREADS: usize = 3;
/// Most operations of one thread; the search takes longer the more there are at once.
const CALLS_OF_A_THREAD: usize = 4;

impl History {
    /// Begins anew on `place`, and lets threads ask what is drawn.
    pub(crate) fn make(place: Place, on_conflict: OnConflict, random: &mut Random) -> Self {
        let world = World::with(place, |policy| policy.anonymous.on_conflict = on_conflict);
        let (mut player, mut model) = (Player::new(world), Model::new(on_conflict));
        for operation in BEGINNING {
            assert_eq!(player.perform(operation), model.perform(operation));
        }
        let guests: Vec<(Guest, Shown)> = (0..GUESTS)
            .map(|guest| (player.world.by_session(&player.sessions[guest]), model.show_now(guest)))
            .collect();
        let asked: Vec<Vec<Asked>> = (0..THREADS)
            .map(|_| (0..CALLS_OF_A_THREAD).map(|_| draw(random, &guests)).collect())
            .collect();

        let (clock, start) = (AtomicU64::new(0), Barrier::new(THREADS));
        player.world.script.jostle();
        let asking = |number: usize, asked: &[Asked]| {
            start.wait();
            let engine = player.world.engine_of(number);
            let ask = |asked: &Asked| {
                Asking { player: &player, engine, guests: &guests, clock: &clock }.ask(*asked)
            };
            asked.iter().map(ask).collect::<Vec<_>>()
        };
        let made: Vec<(Call, Option<Held>)> = thread::scope(|threads| {
            let running: Vec<_> = asked
                .iter()
                .enumerate()
                .map(|(number, asked)| threads.spawn(move || asking(number, asked)))
                .collect();
            running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        player.world.script.rest();

        let is_apart = matches!(place, Place::Pair | Place::SqliteUsers);
        let (mut calls, opened): (Vec<Call>, Vec<Option<Held>>) = made.into_iter().unzip();
        calls.extend(look(&player, &opened, &clock));
        Self { is_apart, model, users: player.users, calls }
    }
}

/// Something to ask, of those that were there from the beginning.
fn draw(random: &mut Random, guests: &[(Guest, Shown)]) -> Asked {
    use Operation as O;
    let mut below = |end: u8| u8::try_from(random.below(end.into())).unwrap();
    let (kind, name, password) = (below(24), below(3), below(2));
    let (user, session) = (below(4), below(4));
    let guest = guests[usize::from(below(3))].1;
    Asked::Plain(match kind {
        0..=6 => return Asked::Promote { guest, name, password: password / (1 + below(2)) },
        7..=8 => return Asked::SignIn { guest, name: OWNER, password: 0 },
        9..=10 => O::SignInByKey { device: password },
        11..=12 => O::SignUp { name, password },
        13 => O::SignIn { name, password, guest: None },
        14..=15 => O::Authenticate { session },
        16..=17 => O::SignOut { session },
        18 => O::SignOutAll { user },
        19 => O::Disable { user },
        20 => O::Enable { user },
        21 => O::Delete { user },
        22 if password == 0 => O::ChangePassword { session: OWNERS, old: 0, new: below(2) },
        22 => O::SetPassword { name, new: below(2) },
        _ => O::Sweep,
    })
}

/// One thread that asks.
struct Asking<'a> {
    player: &'a Player,
    engine: &'a Engine,
    guests: &'a [(Guest, Shown)],
    clock: &'a AtomicU64,
}

impl Asking<'_> {
    fn ask(&self, asked: Asked) -> (Call, Option<Held>) {
        let (users, sessions) = (&self.player.users, &self.player.sessions);
        let client = Asker { engine: self.engine, users, sessions };
        let guest = |shown: Shown| &self.guests.iter().find(|(_, one)| *one == shown).unwrap().0;
        let began = self.clock.fetch_add(1, Ordering::SeqCst);
        let came = match asked {
            Asked::Plain(operation) => client.ask(operation),
            Asked::Promote { guest: shown, name, password } => {
                client.promote(guest(shown), name, password)
            }
            Asked::SignIn { guest: shown, name, password } => {
                client.sign_in(Some(guest(shown)), name, password)
            }
            Asked::IsLive(_) | Asked::Look(_) => panic!("this is asked in the end"),
        };
        let ended = self.clock.fetch_add(1, Ordering::SeqCst);
        let (answer, held) = match came {
            Came::Said(words) => (Answer { words, user: None }, None),
            Came::In(held) => {
                (Answer { words: outcome(&held), user: Some(held.user) }, Some(*held))
            }
        };
        (Call { asked, began, ended, answer }, held)
    }
}

/// What is there in the end, asked one after the other: which sessions count, and what the users are.
fn look(player: &Player, opened: &[Option<Held>], clock: &AtomicU64) -> Vec<Call> {
    let call = |asked: Asked, words: String| {
        let began = clock.fetch_add(2, Ordering::SeqCst);
        let answer = Answer { words, user: None };
        Call { asked, began, ended: began + 1, answer }
    };
    let is_live = |held: &Held| {
        let answer = run(player.world.engine.authenticate(&held.token));
        answer.map_or_else(|error| error.rejection().unwrap().code(), |_| "done").to_owned()
    };
    let mut calls = Vec::new();
    for (session, held) in (0..).zip(&player.sessions) {
        let asked = Asked::Plain(Operation::Authenticate { session });
        calls.push(call(asked, is_live(held)));
    }
    let mut users = player.users.clone();
    for (number, held) in opened.iter().enumerate() {
        let Some(held) = held else { continue };
        calls.push(call(Asked::IsLive(number), is_live(held)));
        if !users.contains(&held.user) {
            users.push(held.user);
        }
    }
    calls.extend(users.iter().map(|user| call(Asked::Look(*user), describe(player, *user))));
    calls
}

fn describe(player: &Player, user: UserId) -> String {
    let account = player.world.account(user);
    let standing = match account.user.standing {
        Standing::Anonymous => "guest",
        Standing::Regular => "regular",
        Standing::Merged { .. } => "merged",
        Standing::Deleted => "deleted",
        Standing::Collected => "collected",
    };
    let is_owner = |name: &&&str| player.world.owner(name) == Some(user);
    let name = NAMES.iter().find(is_owner).copied().unwrap_or("nobody");
    description(standing, account.user.is_disabled, name)
}
