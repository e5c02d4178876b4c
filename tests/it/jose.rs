//! Our verdict on signed tokens beside that of two other implementations of JOSE, `jose` under Node.js and
//! `PyJWT` under Python: what we accept, they accept.
//!
//! They need `npm ci --prefix tests/sdk` and `pip install -r tests/jose/requirements.txt`, in the
//! environment of the Python that `GUESTPASS_PYTHON` names. Without those a test says that it was skipped
//! and passes, unless `GUESTPASS_REQUIRE_SDKS` is set.

mod cases;

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::time::Instant;

use serde_json::json;

use crate::long;
use crate::support::Random;
use cases::{Case, Cases};

/// Another implementation.
struct Peer {
    name: &'static str,
    program: String,
    script: PathBuf,
    /// Says that everything is there that the script needs.
    probe: Vec<String>,
    /// Whether it may refuse a token that we accept.
    is_excused: fn(&Case) -> bool,
    /// What is to be done if it is not there.
    remedy: &'static str,
}

fn peers() -> [Peer; 2] {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let node_module = tests.join("sdk/node_modules/jose/package.json");
    [
        Peer {
            name: "jose",
            program: "node".to_owned(),
            script: tests.join("sdk/jose.mjs"),
            probe: vec![
                "--eval".to_owned(),
                format!("require('fs').readFileSync({:?})", node_module.to_str().unwrap()),
            ],
            is_excused: |_| false,
            remedy: "`npm ci --prefix tests/sdk`, with Node.js, makes",
        },
        Peer {
            name: "PyJWT",
            program: env::var("GUESTPASS_PYTHON").unwrap_or_else(|_| "python3".to_owned()),
            script: tests.join("jose/verify.py"),
            probe: ["-c", "import jwt, cryptography; jwt.PyJWK"].map(str::to_owned).to_vec(),
            // It knows the algorithm as `EdDSA` only (RFC 9864 has the other name).
            is_excused: |case| case.algorithms.iter().any(|name| name == "Ed25519"),
            remedy: "`pip install -r tests/jose/requirements.txt`, for the Python that GUESTPASS_PYTHON \
                     names, makes",
        },
    ]
}

impl Peer {
    fn is_there(&self) -> bool {
        let probe = Command::new(&self.program)
            .args(&self.probe)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        probe.is_ok_and(|status| status.success())
    }

    /// Whether it accepts each of the tokens in the file.
    fn verdicts(&self, file: &Path) -> Vec<bool> {
        let output = Command::new(&self.program)
            .arg(&self.script)
            .arg(file)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {complained}", self.name);
        let said = String::from_utf8(output.stdout).unwrap();
        let verdict = |line: &str| match line {
            "accept" => true,
            "refuse" => false,
            other => panic!("{}: {other}", self.name),
        };
        said.lines().map(verdict).collect()
    }
}

/// What came of some tokens.
#[derive(Debug, Default)]
struct Tally {
    tokens: usize,
    accepted: usize,
    /// How many each peer has accepted, and refused that we accept and it is excused for.
    peers: Vec<(&'static str, usize, usize)>,
}

/// Decides `count` tokens, and compares with every peer that is there.
fn compare(random: &mut Random, cases: &Cases, count: usize) -> Tally {
    let drawn: Vec<Case> = (0..count).map(|_| cases.draw(random)).collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for case in &drawn {
        let line = match &case.jwk {
            Some(jwk) => json!({ "token": case.token, "jwk": jwk }),
            None => json!({ "token": case.token }),
        };
        writeln!(file, "{line}").unwrap();
    }
    file.flush().unwrap();
    for case in &drawn {
        // By itself: what was not signed with the key is never accepted, and what is as it should be is.
        assert!(!case.is_accepted || case.is_signed, "accepted, but not signed: {case:?}");
        assert!(case.is_accepted || !case.is_honest, "refused, but as it should be: {case:?}");
    }
    let accepted = drawn.iter().filter(|case| case.is_accepted).count();
    let mut tally = Tally { tokens: count, accepted, peers: Vec::new() };
    for peer in peers().iter().filter(|peer| peer.is_there()) {
        let verdicts = peer.verdicts(file.path());
        assert_eq!(verdicts.len(), count, "{} has not answered all", peer.name);
        let mut excused = 0;
        for (case, &theirs) in drawn.iter().zip(&verdicts) {
            if case.is_accepted && !theirs {
                assert!((peer.is_excused)(case), "laxer than {}: {case:#?}", peer.name);
                excused += 1;
            }
        }
        let theirs = verdicts.iter().filter(|accepts| **accepts).count();
        tally.peers.push((peer.name, theirs, excused));
    }
    tally
}

/// Says once which are not there and skipped, or panics if they must not be.
fn tell_of_missing() {
    static SAID: Once = Once::new();
    let missing: Vec<_> = peers().into_iter().filter(|peer| !peer.is_there()).collect();
    let must_be_there = env::var_os("GUESTPASS_REQUIRE_SDKS").is_some();
    if let [Peer { name, .. }, ..] = &missing[..] {
        assert!(!must_be_there, "GUESTPASS_REQUIRE_SDKS is set, but there is no {name}");
    }
    SAID.call_once(|| {
        for Peer { name, remedy, .. } in missing {
            // Straight to the terminal: the test runner would swallow what a test prints that passes.
            let _said_or_not =
                writeln!(std::io::stderr(), "skipped: the comparison with {name}; {remedy} it run");
        }
    });
}

/// Whether there is any other implementation to compare with.
pub(crate) fn has_peers() -> bool {
    peers().iter().any(Peer::is_there)
}

#[test]
fn we_accept_no_token_that_another_implementation_refuses() {
    tell_of_missing();
    let tally = compare(&mut Random::new(1), &Cases::new(), TOKENS);
    let share = tally.accepted * 100 / tally.tokens;
    assert!((20..80).contains(&share), "{share} % accepted compare too little");
    println!("{tally:?}");
}

/// Tokens that are compared with every implementation that is there, until it is time. What nobody else
/// has looked at does not count.
pub(crate) fn random_tokens(seed: u64, until: Instant) -> u64 {
    tell_of_missing();
    let cases = Cases::new();
    // Starting the others costs more than a verdict, so a longer run asks them about more at a time.
    let count = if until <= Instant::now() { FEW } else { TOKENS };
    long::repeat(seed, until, |random| {
        let tally = compare(random, &cases, count);
        if tally.peers.is_empty() { 0 } else { u64::try_from(tally.tokens).unwrap() }
    })
}

const TOKENS: usize = 2_000;
const FEW: usize = 50;
