//! Signing up an anonymous user with a session.

use std::ops::Range;

use futures_executor::block_on;
use guestpass::model::SessionKind;
use guestpass::store::sqlite::Durability;
use guestpass::{Engine, Open};

use crate::Outcome;
use crate::bench::Bench;
use crate::flight::fly;
use crate::guests::Guest;
use crate::measure::{Race, Rounds, Share, median, quantile, race};
use crate::raw::Raw;
use crate::report::{Figure, Goal, Line};
use crate::wal::commits;

/// One line, and what it is measured on.
struct Case {
    name: &'static str,
    words: (&'static str, &'static str),
    durability: Durability,
    in_flight: usize,
    goal: f64,
}

const CASES: [Case; 5] = [
    Case {
        name: "sign_up.full.1",
        words: ("sign up a guest, durable, one at a time", "one raw transaction each"),
        durability: Durability::Full,
        in_flight: 1,
        goal: 0.90,
    },
    Case {
        name: "sign_up.full.64",
        words: ("sign up guests, durable, 64 in flight", "raw transactions of 64"),
        durability: Durability::Full,
        in_flight: 64,
        goal: 0.80,
    },
    Case {
        name: "sign_up.full.512",
        words: ("sign up guests, durable, 512 in flight", "raw transactions of 512"),
        durability: Durability::Full,
        in_flight: 512,
        goal: 0.60,
    },
    Case {
        name: "sign_up.normal.1",
        words: ("sign up a guest, NORMAL, one at a time", "one raw transaction each"),
        durability: Durability::Normal,
        in_flight: 1,
        goal: 0.55,
    },
    Case {
        name: "sign_up.normal.64",
        words: ("sign up guests, NORMAL, 64 in flight", "raw transactions of 64"),
        durability: Durability::Normal,
        in_flight: 64,
        goal: 0.75,
    },
];

pub(crate) fn lines(bench: &Bench) -> Outcome<Vec<Line>> {
    let mut lines = Vec::new();
    for case in CASES.iter().filter(|case| bench.args.wants(case.name)) {
        match case.in_flight {
            1 => lines.push(alone(bench, case)?),
            _ => lines.extend(together(bench, case)?),
        }
    }
    Ok(lines)
}

/// Signs one guest up with a session in a cookie.
pub(crate) async fn sign_up(engine: &Engine) -> Outcome {
    engine.sign_up_anonymously(Open::Session(SessionKind::Cookie), None).await?;
    Ok(())
}

fn alone(bench: &Bench, case: &Case) -> Outcome<Line> {
    let mut sides = Sides::new(bench, case)?;
    let path = bench.path(&format!("{}.ours", case.name));
    block_on(sign_up(&sides.engine))?;
    let before = commits(&path)?;
    block_on(sign_up(&sides.engine))?;
    let writes = commits(&path)? - before;
    if writes != 1 {
        return Err(format!("{}: a sign-up is {writes} durable writes, not one", case.name).into());
    }
    let count = match case.durability {
        Durability::Full => 4,
        Durability::Normal => 100,
    };
    let engine = sides.engine.clone();
    let mut ours = || Share::of(count, || (0..count).try_for_each(|_| block_on(sign_up(&engine))));
    let mut limit = || sides.raw(count, 1);
    let race = race(Rounds { rounds: 11, turns: 6 }, &mut ours, &mut limit)?;
    Ok(Line::of_race(case.name, case.words, race, case.goal).note("one durable write each"))
}

fn together(bench: &Bench, case: &Case) -> Outcome<Vec<Line>> {
    let mut sides = Sides::new(bench, case)?;
    let operations = case.in_flight * if case.in_flight < 100 { 16 } else { 6 };
    let engine = sides.engine.clone();
    let mut tails = Vec::new();
    let mut commit_times = Vec::new();
    let mut ours = || {
        let engine = engine.clone();
        let operation = move |_| {
            let engine = engine.clone();
            async move { sign_up(&engine).await }
        };
        let (share, latencies) = fly(&bench.runtime, case.in_flight, operations, operation)?;
        tails.push(quantile(latencies.iter().map(std::time::Duration::as_secs_f64), 0.99));
        Ok(share)
    };
    let mut limit = || {
        let share = sides.raw(operations, case.in_flight)?;
        let commits = f64::from(share.operations) / f64::from(u32::try_from(case.in_flight)?);
        commit_times.push(share.time.as_secs_f64() / commits);
        Ok(share)
    };
    let race: Race = race(Rounds { rounds: 9, turns: 2 }, &mut ours, &mut limit)?;
    let mut lines = vec![Line::of_race(case.name, case.words, race, case.goal)];
    if case.durability == Durability::Full {
        let ratios = tails.iter().zip(&commit_times).map(|(tail, commit)| tail / commit);
        lines.push(Line {
            name: format!("{}.p99", case.name),
            operation: "its slowest answer of a hundred",
            against: "the time of one such raw transaction",
            ours: Figure::Milliseconds(median(tails.iter().copied()) * 1e3),
            limit: Figure::Milliseconds(median(commit_times.iter().copied()) * 1e3),
            ratio: median(ratios),
            goal: Goal::AtMost(4.0),
            notes: Vec::new(),
        });
    }
    Ok(lines)
}

/// Ours and the limit, each with a file of its own that grows as the other's does.
struct Sides {
    engine: Engine,
    raw: Raw,
    crowd: &'static str,
    now: guestpass::model::Timestamp,
    numbers: Range<u64>,
}

impl Sides {
    fn new(bench: &Bench, case: &Case) -> Outcome<Self> {
        let path = |side: &str| bench.path(&format!("{}.{side}", case.name));
        Ok(Self {
            engine: bench.engine_on(&path("ours"), case.durability)?,
            raw: Raw::open(&path("raw"), case.durability)?,
            crowd: case.name,
            now: bench.now,
            numbers: 0..u64::MAX,
        })
    }

    /// Signs up so many guests, who are drawn beforehand, in transactions of `size`.
    fn raw(&mut self, count: usize, size: usize) -> Outcome<Share> {
        let guest = |number| Guest::new(self.crowd, number, self.now);
        let guests: Vec<Guest> =
            self.numbers.by_ref().take(count).map(guest).collect::<Outcome<_>>()?;
        Share::of(count, || guests.chunks(size).try_for_each(|group| self.raw.sign_up(group)))
    }
}
