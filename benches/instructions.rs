//! How many instructions the hot paths take, counted by callgrind: unlike seconds they are the same on a
//! busy machine, so a regression of a few per cent is seen.
//!
//! `cargo bench --bench instructions` compares with `benches/instructions.txt` and fails if a path takes
//! more than [`TOLERANCE_PER_CENT`] above what stands there; `-- --write` writes what it counted there.
//! Each path is run by this program under callgrind, once a few times and once more often, and the
//! difference is what the path takes.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement that meets what it does not expect has failed"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::Mutex;

use futures_executor::block_on;
use guestpass::credential::{Argon2Params, HasherOptions, Keyring, SessionToken};
use guestpass::engine::FlowStart;
use guestpass::model::{ClientId, Entropy, EntropyError, ManualClock, SessionKind, Timestamp};
use guestpass::rules::{ApplicationType, ClientPolicy};
use guestpass::store::memory::MemoryBackend;
use guestpass::{Engine, Open, Policy};

/// What is counted: makes what it needs, then runs the path so many times.
type Path = fn(&Engine, u32);

const PATHS: &[(&str, Path)] = &[
    ("authenticate", |engine, times| {
        let token = sign_up(engine, SessionKind::Cookie);
        for _ in 0..times {
            black_box(block_on(engine.authenticate(black_box(&token))).unwrap());
        }
    }),
    ("authenticate_access", |engine, times| {
        let token = sign_up(engine, app());
        let caller = block_on(engine.authenticate(&token)).unwrap();
        let access = engine.access_token(&caller).unwrap().text;
        for _ in 0..times {
            black_box(block_on(engine.authenticate_access(black_box(&access))).unwrap());
        }
    }),
    ("sign_up", |engine, times| {
        for _ in 0..times {
            black_box(sign_up(engine, SessionKind::Cookie));
        }
    }),
    ("issue_ticket", |engine, times| {
        for _ in 0..times {
            black_box(engine.challenge().unwrap());
        }
    }),
    ("check_ticket", |engine, times| {
        let flow = block_on(engine.open_flow(FlowStart::Plain, b"payload")).unwrap();
        for _ in 0..times {
            black_box(engine.flow(black_box(&flow.ticket.text)).unwrap());
        }
    }),
];

fn main() -> ExitCode {
    if let Ok(counted) = std::env::var(COUNTED) {
        let (name, times) = counted.split_once(' ').unwrap();
        let (_, path) = PATHS.iter().find(|(other, _)| *other == name).unwrap();
        path(&engine(), times.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|out| out.status.success()) {
        println!("skipped: valgrind is not installed");
        return ExitCode::from(u8::from(std::env::var_os("CI").is_some()));
    }
    let found: BTreeMap<&str, u64> = PATHS.iter().map(|(name, _)| (*name, count(name))).collect();
    if std::env::args().any(|argument| argument == "--write") {
        std::fs::write(BASELINE, render(&found)).unwrap();
        println!("wrote {BASELINE}");
        return ExitCode::SUCCESS;
    }
    compare(&found, &baseline())
}

/// Instructions of one run of a path.
fn count(name: &str) -> u64 {
    let [few, many] = [FEW, FEW + RUNS].map(|times| {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().unwrap())
            .env(COUNTED, format!("{name} {times}"))
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{told}");
        let collected = told.lines().find_map(|line| line.split_once("Collected :")).unwrap().1;
        collected.trim().parse::<u64>().unwrap()
    });
    (many - few) / u64::from(RUNS)
}

fn compare(found: &BTreeMap<&str, u64>, baseline: &BTreeMap<String, u64>) -> ExitCode {
    let mut is_fine = true;
    for (name, count) in found {
        let Some(expected) = baseline.get(*name) else {
            println!("{name} instructions={count} baseline=none");
            is_fine = false;
            continue;
        };
        // In tenths of a per cent.
        let change = i128::from(*count) * 1000 / i128::from(*expected) - 1000;
        let verdict = if change > TOLERANCE_PER_CENT * 10 {
            is_fine = false;
            "more"
        } else if change < -TOLERANCE_PER_CENT * 10 {
            "fewer"
        } else {
            "same"
        };
        let (sign, whole) = (if change < 0 { '-' } else { '+' }, change.abs());
        println!(
            "{name} instructions={count} baseline={expected} change={sign}{}.{}% {verdict}",
            whole / 10,
            whole % 10
        );
    }
    ExitCode::from(u8::from(!is_fine))
}

fn baseline() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(BASELINE).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, count)| (name.to_owned(), count.parse().unwrap())).collect()
}

fn render(found: &BTreeMap<&str, u64>) -> String {
    found.iter().fold(String::new(), |mut text, (name, count)| {
        let _infallible = writeln!(text, "{name} {count}");
        text
    })
}

/// An engine that does the same at each start.
fn engine() -> Engine {
    let mut policy = Policy::default();
    policy.rate_limits.signup_anonymous.per_ip.enabled = false;
    policy.clients = vec![ClientPolicy::new("app", ApplicationType::Native)];
    let keyring = Keyring::ephemeral(&Counting::default()).unwrap();
    Engine::builder(MemoryBackend::new(), keyring, policy)
        .clock(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)))
        .entropy(Counting::default())
        .hasher(HasherOptions { params: Argon2Params::for_tests(), threads: 1, queue: 1 })
        .build()
        .unwrap()
}

fn sign_up(engine: &Engine, kind: SessionKind) -> SessionToken {
    let signed_up = block_on(engine.sign_up_anonymously(Open::Session(kind), None)).unwrap();
    signed_up.into_session().unwrap().0
}

fn app() -> SessionKind {
    SessionKind::Refresh(ClientId::parse("app").unwrap())
}

/// Bytes that are never the same twice, and the same at each start.
#[derive(Debug, Default)]
struct Counting(Mutex<u64>);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut state = self.0.lock().unwrap();
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64.
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Says to the program what to run and how often, when it runs under callgrind.
const COUNTED: &str = "GUESTPASS_COUNTED";
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");
/// What two runs, two machines and two versions of the compiler may differ by.
const TOLERANCE_PER_CENT: i128 = 5;
/// Runs that also make up for what happens once.
const FEW: u32 = 100;
const RUNS: u32 = 2000;
