//! How close each operation comes to what the machine can do at all.
//!
//! Beside each operation of ours stands its limit: the same rows, hashes and signatures through bare
//! `rusqlite`, `ed25519-dalek`, `sha2` and a bare map, in the plainest way there is. Both sides take
//! turns of some milliseconds in one process, because on no machine do two figures of two runs belong
//! together; what is kept of a round is the ratio, and of the rounds the median.
//!
//! ```text
//! cargo bench --bench limits                           # everything, in under ten minutes
//! cargo bench --bench limits -- --only sign_up,open    # some of it
//! cargo bench --bench limits -- --guests 10000000      # with more guests, and with their growth
//! cargo bench --bench limits -- --table FILE --svg FILE
//! ```

mod args;
mod authenticate;
mod bench;
mod device_key;
mod fill;
mod flight;
mod growth;
mod guests;
mod measure;
mod open;
mod password;
mod picture;
mod promote;
mod raw;
mod refresh;
mod report;
mod sign_up;
mod size;
mod sweep;
mod wal;
mod whoami;

use std::process::ExitCode;

use args::Args;
use bench::Bench;
use report::{Line, Report};

/// What a line of this benchmark ends with: any failure is the end of the run.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A group of lines that share what they are measured on.
type Group = (&'static str, fn(&Bench) -> Outcome<Vec<Line>>);

/// In the order in which they run: the memory of the process is measured before anything else has
/// used it.
const GROUPS: &[Group] = &[
    ("size", size::lines),
    ("authenticate", authenticate::lines),
    ("device_key", device_key::lines),
    ("whoami", whoami::lines),
    ("refresh", refresh::lines),
    ("open", open::lines),
    ("growth", growth::lines),
    ("sign_up", sign_up::lines),
    ("promote", promote::lines),
    ("password", password::lines),
    ("sweep", sweep::lines),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("limits: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let bench = Bench::new(Args::parse(std::env::args().skip(1))?)?;
    let mut report = Report::default();
    for (name, lines) in GROUPS {
        if bench.args.wants(name) {
            for line in lines(&bench)? {
                report.add(line);
            }
        }
    }
    report.finish(&bench)
}
