//! The ledger of the long runs, at the end of a chapter of the manual.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Drill, Reading};

/// All runs that were written down.
#[derive(Debug)]
pub(super) struct Ledger {
    rows: Vec<Row>,
    measured: Vec<Measured>,
}

/// What the latest run that measured something has found.
#[derive(Debug)]
struct Measured {
    reading: Reading,
    commit: String,
}

/// One run.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) seed: u64,
    /// What was checked out, and not changed.
    pub(super) commit: String,
    pub(super) seconds: u64,
    pub(super) counts: Vec<Count>,
}

/// What a drill has counted.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) drill: String,
    pub(super) count: u64,
}

impl Ledger {
    /// Reads what [`print`](Self::print) has written, but for the totals, which follow from the rows.
    pub(super) fn parse(text: &str, drills: &[Drill]) -> Self {
        let (_, rest) = text.split_once(HEAD_OF_RUNS).unwrap();
        let (rows, measured) = rest.split_once(HEAD_OF_MEASURED).unwrap();
        Self {
            rows: rows.lines().map(|line| Row::parse(line, drills)).collect(),
            measured: measured.lines().map(Measured::parse).collect(),
        }
    }

    /// The totals, also those that are 0, and then the rows.
    pub(super) fn print(&self, drills: &[Drill]) -> String {
        let seconds: u64 = self.rows.iter().map(|row| row.seconds).sum();
        let mut text = format!("Runs: {}. Seconds: {}.\n", self.rows.len(), spaced(seconds));
        text.push_str(HEAD_OF_TOTALS);
        for drill in drills {
            let total = self.total(drill.name);
            writeln!(text, "| {} | {} | {} |", drill.name, spaced(total), drill.unit).unwrap();
        }
        text.push_str(HEAD_OF_RUNS);
        for row in &self.rows {
            writeln!(text, "{}", row.print()).unwrap();
        }
        text.push_str(HEAD_OF_MEASURED);
        for Measured { reading, commit } in &self.measured {
            writeln!(text, "| {} | {} | `{commit}` |", reading.name, reading.value).unwrap();
        }
        text
    }

    /// What all runs of a drill have counted.
    pub(super) fn total(&self, drill: &str) -> u64 {
        let counts = self.rows.iter().flat_map(|row| &row.counts);
        counts.filter(|count| count.drill == drill).map(|count| count.count).sum()
    }

    /// Takes a reading, in place of an earlier one of the same.
    fn measure(&mut self, measured: Measured) {
        match self.measured.iter_mut().find(|it| it.reading.name == measured.reading.name) {
            Some(earlier) => *earlier = measured,
            None => self.measured.push(measured),
        }
    }
}

impl Measured {
    fn parse(line: &str) -> Self {
        let [name, value, commit] = cells(line)[..] else { panic!("no measurement: {line}") };
        let reading = Reading { name: name.to_owned(), value: value.to_owned() };
        Self { reading, commit: commit.trim_matches('`').to_owned() }
    }
}

impl Row {
    fn parse(line: &str, drills: &[Drill]) -> Self {
        let [seed, commit, seconds, counts] = cells(line)[..] else { panic!("no run: {line}") };
        let commit = commit.trim_matches('`').to_owned();
        assert!(
            commit.chars().all(|c| c.is_ascii_hexdigit()),
            "no commit, or a changed one: {line}"
        );
        Self {
            seed: seed.parse().unwrap(),
            commit,
            seconds: seconds.parse().unwrap(),
            counts: counts
                .split(", ")
                .filter(|count| !count.is_empty())
                .map(|count| Count::parse(count, drills))
                .collect(),
        }
    }

    fn print(&self) -> String {
        let counts: Vec<String> =
            self.counts.iter().map(|count| format!("{} {}", count.drill, count.count)).collect();
        let Self { seed, commit, seconds, .. } = self;
        format!("| {seed} | `{commit}` | {seconds} | {} |", counts.join(", "))
    }
}

impl Count {
    fn parse(text: &str, drills: &[Drill]) -> Self {
        let (drill, count) = text.rsplit_once(' ').unwrap();
        assert!(drills.iter().any(|known| known.name == drill), "no drill is called {drill}");
        Self { drill: drill.to_owned(), count: count.parse().unwrap() }
    }
}

/// The ledger as it stands in the manual.
pub(super) fn read() -> String {
    chapter().1
}

/// Adds a run to the ledger in the manual, and what it has measured.
pub(super) fn add(row: Row, readings: Vec<Reading>, drills: &[Drill]) {
    let (before, text) = chapter();
    let mut ledger = Ledger::parse(&text, drills);
    for reading in readings {
        ledger.measure(Measured { reading, commit: row.commit.clone() });
    }
    ledger.rows.push(row);
    fs::write(path(), before + &ledger.print(drills)).unwrap();
}

/// The commit that is checked out, or `None` if something was changed since: what is tested then is
/// nothing that anybody could look up. What the ledger itself has gained is no such change.
pub(super) fn commit() -> Option<String> {
    let head = git(&["rev-parse", "--short", "HEAD"]).unwrap();
    git(&["diff", "--quiet", "HEAD", "--", ".", ":!src/manual/proof.md"])?;
    Some(head.trim().to_owned())
}

/// What git prints, or `None` if it says no.
fn git(arguments: &[&str]) -> Option<String> {
    let root = env!("CARGO_MANIFEST_DIR");
    let output = Command::new("git").args(arguments).current_dir(root).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// The chapter up to the ledger, and the ledger.
fn chapter() -> (String, String) {
    let text = fs::read_to_string(path()).unwrap();
    let at = text.find(HEADING).unwrap() + HEADING.len();
    let (before, ledger) = text.split_at(at);
    (before.to_owned(), ledger.to_owned())
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/proof.md")
}

/// The cells of a row of a table.
pub(super) fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// A number in groups of three digits.
pub(super) fn spaced(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

const HEADING: &str = "## The ledger\n\n";
const HEAD_OF_TOTALS: &str = "\n| drill | total | what is counted |\n| --- | ---: | --- |\n";
const HEAD_OF_RUNS: &str = "\n| seed | commit | seconds | counts |\n| --- | --- | ---: | --- |\n";
const HEAD_OF_MEASURED: &str = "\n| measured | found | commit |\n| --- | --- | --- |\n";
