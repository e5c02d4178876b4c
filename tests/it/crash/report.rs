//! What a process tells of the steps it takes: one line before each, and one once it is acknowledged.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::Mutex;

use super::life::{Fact, Kind, Life, Story};

/// Where a process tells.
pub(super) struct Teller<W>(Mutex<W>);

impl<W: Write> Teller<W> {
    pub(super) fn new(out: W) -> Self {
        Self(Mutex::new(out))
    }

    /// Tells in one call, so that a line is there whole or not at all.
    pub(super) fn tell(&self, what: &str, life: &Life, step: usize, facts: &[Fact]) {
        let mut words = format!("\n> {what} {} {} {step}", life.number, life.story.name());
        for Fact(kind, text) in facts {
            let _infallible = write!(words, " {kind:?}={text}");
        }
        self.say(&words);
    }

    /// Tells something that is of no life.
    pub(super) fn tell_that(&self, what: &str) {
        self.say(&format!("\n> {what}"));
    }

    fn say(&self, words: &str) {
        let mut out = self.0.lock().unwrap();
        out.write_all(format!("{words}\n").as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

/// What was told.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) lives: BTreeMap<u32, Told>,
    /// How often each other thing was told.
    counts: BTreeMap<String, u32>,
}

/// What was told of a life.
#[derive(Debug)]
pub(crate) struct Told {
    /// As those who live it know it. Of a step under way they know what it began with.
    pub(crate) life: Life,
    /// Steps that were acknowledged.
    pub(crate) done: usize,
    /// Whether one more was begun and may be done or not.
    pub(crate) is_under_way: bool,
}

impl Report {
    /// Reads what was told, up to the last line that is whole.
    pub(crate) fn read(told: &[u8]) -> Self {
        let whole = told.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let mut report = Self::default();
        for line in String::from_utf8_lossy(&told[..whole]).lines() {
            if let Some(line) = line.strip_prefix("> ") {
                report.take(line);
            }
        }
        report
    }

    /// How often this was told.
    pub(crate) fn count(&self, what: &str) -> u32 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// Steps that were acknowledged in all lives.
    pub(crate) fn acknowledged(&self) -> usize {
        self.lives.values().map(|told| told.done).sum()
    }

    fn take(&mut self, line: &str) {
        let mut words = line.split(' ');
        let what = words.next().unwrap();
        *self.counts.entry(what.to_owned()).or_default() += 1;
        let number = words.next().and_then(|word| word.parse().ok());
        let story = words.next().and_then(Story::named);
        let (Some(number), Some(story)) = (number, story) else { return };
        let step: usize = words.next().unwrap().parse().unwrap();
        let facts = words.map(|word| {
            let (kind, text) = word.split_once('=').unwrap();
            Fact(Kind::named(kind).unwrap(), text.to_owned())
        });
        let told = self.lives.entry(number).or_insert_with(|| Told {
            life: Life::new(number, story),
            done: 0,
            is_under_way: false,
        });
        match what {
            "begin" => told.is_under_way = true,
            "done" => (told.done, told.is_under_way) = (step + 1, false),
            _ => {}
        }
        told.life.facts.extend(facts);
    }
}
