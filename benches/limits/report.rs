//! The lines, as text and as a table.

use std::fmt;

use crate::bench::Bench;
use crate::measure::Race;
use crate::{Outcome, picture};

/// One measured operation.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// What is done, in words.
    pub(crate) operation: &'static str,
    /// What it is held against, in words.
    pub(crate) against: &'static str,
    pub(crate) ours: Figure,
    pub(crate) limit: Figure,
    /// Of operations a second ours by the limit's; of everything else, too, ours by the limit's.
    pub(crate) ratio: f64,
    pub(crate) goal: Goal,
    /// What was seen beside it.
    pub(crate) notes: Vec<String>,
}

impl Line {
    /// A line about operations a second.
    pub(crate) fn of_race(
        name: impl Into<String>,
        (operation, against): (&'static str, &'static str),
        race: Race,
        at_least: f64,
    ) -> Self {
        Self {
            name: name.into(),
            operation,
            against,
            ours: Figure::Rate(race.ours),
            limit: Figure::Rate(race.limit),
            ratio: race.ratio,
            goal: Goal::AtLeast(at_least),
            notes: Vec::new(),
        }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn is_met(&self) -> bool {
        match self.goal {
            Goal::AtLeast(goal) => goal <= self.ratio,
            Goal::AtMost(goal) => self.ratio <= goal,
        }
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Figure {
    /// Operations a second.
    Rate(f64),
    Milliseconds(f64),
    /// For one guest.
    Bytes(f64),
    /// How many times as much as something else.
    Times(f64),
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(rate) if *rate < 10_000.0 => write!(f, "{rate:.0}/s"),
            Self::Rate(rate) if *rate < 1e6 => write!(f, "{:.1}k/s", rate / 1e3),
            Self::Rate(rate) => write!(f, "{:.2}M/s", rate / 1e6),
            Self::Milliseconds(time) => write!(f, "{time:.2}ms"),
            Self::Bytes(bytes) => write!(f, "{bytes:.0}B"),
            Self::Times(times) => write!(f, "{times:.2}x"),
        }
    }
}

/// What the ratio is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    /// Where less is better: time, bytes, growth.
    AtMost(f64),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(goal) => write!(f, ">={goal:.2}"),
            Self::AtMost(goal) => write!(f, "<={goal:.2}"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, ours, limit, ratio, goal, .. } = self;
        let verdict = if self.is_met() { "met" } else { "short" };
        write!(f, "{name} ours={ours} limit={limit} ratio={ratio:.2} goal={goal} {verdict}")?;
        self.notes.iter().try_for_each(|note| write!(f, "\n    {note}"))
    }
}

/// All lines of a run.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Line>);

impl Report {
    /// Prints a line, and keeps it.
    pub(crate) fn add(&mut self, line: Line) {
        println!("{line}");
        self.0.push(line);
    }

    /// Counts, and writes the files that were asked for.
    pub(crate) fn finish(&self, bench: &Bench) -> Outcome {
        let met = self.0.iter().filter(|line| line.is_met()).count();
        println!("{met} met, {} short", self.0.len() - met);
        if let Some(path) = &bench.args.table {
            std::fs::write(path, self.table())?;
        }
        if let Some(path) = &bench.args.svg {
            std::fs::write(path, picture::draw(&self.0))?;
        }
        Ok(())
    }

    fn table(&self) -> String {
        let mut table = String::from("| operation | limit | ours | limit | ratio | goal |\n");
        table.push_str("| --- | --- | ---: | ---: | ---: | ---: |\n");
        for line in &self.0 {
            let Line { operation, against, ours, limit, ratio, goal, .. } = line;
            let mark = if line.is_met() { "" } else { " (short)" };
            let row = format!(
                "| {operation} | {against} | {ours} | {limit} | {ratio:.2}{mark} | {goal} |\n"
            );
            table.push_str(&row);
        }
        table
    }
}
