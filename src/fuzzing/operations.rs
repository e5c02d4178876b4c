//! Sequences of operations: on memory, on SQLite, and on a model that fits on a page.

mod model;
mod side;

use std::time::Duration;

use crate::fuzzing::input::Input;
use crate::fuzzing::world::NOW;
use crate::model::{Account, ManualClock};
use crate::rules::{OnConflict, Policy};
use model::Model;
use side::Side;

/// Both backends answer alike and hold the same accounts, and the answers are those of the model.
pub fn operations(data: &[u8]) {
    let mut input = Input::new(data);
    let on_conflict = input.pick(&[OnConflict::Error, OnConflict::Login]);
    let clock = ManualClock::at(NOW);
    let policy = policy(on_conflict);
    let mut memory = Side::on_memory(policy.clone(), clock.clone());
    let mut sqlite = Side::on_sqlite(policy, clock.clone());
    let mut model = Model::new(on_conflict, NOW);
    let mut seen = Vec::new();
    for _ in 0..MAX_OPERATIONS {
        if input.is_empty() {
            break;
        }
        let operation = Operation::read(&mut input);
        if let Operation::Wait(time) = operation {
            clock.advance(time);
        }
        let answer = memory.perform(&operation);
        assert_eq!(answer, sqlite.perform(&operation), "{operation:?}");
        model.judge(&operation, &answer);
        compare(&memory, &sqlite, &mut model, &mut seen);
    }
    // Also who was not changed must be the same.
    compare(&memory, &sqlite, &mut model, &mut Vec::new());
    for session in 0..memory.sessions() {
        let operation = Operation::Authenticate { session };
        let answer = memory.perform(&operation);
        assert_eq!(answer, sqlite.perform(&operation), "{operation:?}");
        model.judge(&operation, &answer);
    }
    assert_eq!(memory.events(), sqlite.events());
}

/// What is stored is sound, the same on both sides, and as the model has it.
///
/// Who is as in `seen` is not looked up in SQLite again, which takes most of the time.
fn compare(memory: &Side, sqlite: &Side, model: &mut Model, seen: &mut Vec<Account>) {
    for number in 0..model.users() {
        let account = memory.account(number);
        if seen.get(number) != Some(&account) {
            assert_eq!(account, sqlite.account(number));
        }
        assert_eq!(account.check(), Ok(()));
        model.compare(number, &account);
        match seen.get_mut(number) {
            Some(before) => *before = account,
            None => seen.push(account),
        }
    }
}

/// Something that a person, a device or an operator does. Numbers beyond what there is wrap around.
#[derive(Clone, Copy, Debug)]
enum Operation {
    SignUpGuest,
    SignInByKey { key: u8 },
    Promote { session: usize, credential: Entered },
    PromoteByKey { key: u8, credential: Entered },
    SignUp { credential: Entered },
    SignIn { credential: Entered, guest: Option<usize> },
    Authenticate { session: usize },
    SignOut { session: usize },
    ChangePassword { session: usize, old: u8, new: u8 },
    Manage { user: usize, act: Act },
    Sweep,
    Wait(Duration),
}

/// What is done to a user as a whole.
#[derive(Clone, Copy, Debug)]
enum Act {
    SignOutAll,
    Disable,
    Enable,
    Delete,
}

/// An address and a password, of a few each.
#[derive(Clone, Copy, Debug)]
struct Entered {
    login: u8,
    password: u8,
}

impl Operation {
    fn read(input: &mut Input<'_>) -> Self {
        let kind = input.byte();
        let number = |input: &mut Input<'_>| usize::from(input.byte());
        let key = |input: &mut Input<'_>| input.byte() % DEVICES;
        match kind % 16 {
            0 => Self::SignUpGuest,
            1 => Self::SignInByKey { key: key(input) },
            2 | 3 => Self::Promote { session: number(input), credential: Entered::read(input) },
            4 => Self::PromoteByKey { key: key(input), credential: Entered::read(input) },
            5 => Self::SignUp { credential: Entered::read(input) },
            6 => Self::SignIn { credential: Entered::read(input), guest: None },
            7 => {
                let guest = Some(number(input));
                Self::SignIn { credential: Entered::read(input), guest }
            }
            8 => Self::Authenticate { session: number(input) },
            9 => Self::SignOut { session: number(input) },
            10 => Self::Manage { user: number(input), act: Act::SignOutAll },
            11 => {
                let session = number(input);
                let Entered { login: old, password: new } = Entered::read(input);
                Self::ChangePassword { session, old, new }
            }
            12 => Self::Manage { user: number(input), act: Act::Disable },
            13 => {
                let byte = input.byte();
                let act = if byte < 128 { Act::Enable } else { Act::Delete };
                Self::Manage { user: (byte & 127).into(), act }
            }
            14 => Self::Sweep,
            _ => Self::Wait(input.pick(&WAITS)),
        }
    }
}

impl Entered {
    fn read(input: &mut Input<'_>) -> Self {
        let byte = input.byte();
        Self { login: byte % LOGINS, password: (byte >> 4) % PASSWORDS }
    }
}

fn policy(on_conflict: OnConflict) -> Policy {
    let mut policy = Policy::default();
    policy.anonymous.on_conflict = on_conflict;
    policy.session.lifetime_seconds = LIFETIME.as_secs();
    policy.session.idle_timeout_enabled = false;
    policy.rate_limits.password.per_login_id.enabled = false;
    policy.rate_limits.password.per_login_id_per_ip.enabled = false;
    policy
}

const MAX_OPERATIONS: usize = 40;
const DEVICES: u8 = 3;
const LOGINS: u8 = 3;
const PASSWORDS: u8 = 2;
const LIFETIME: Duration = Duration::from_secs(1000);
const WAITS: [Duration; 6] = [
    Duration::from_millis(1),
    Duration::from_secs(61),
    Duration::from_secs(999),
    Duration::from_secs(1000),
    Duration::from_secs(1050),
    Duration::from_secs(25 * 3600),
];
