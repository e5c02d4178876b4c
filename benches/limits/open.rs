//! From nothing to the first answer.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use futures_executor::block_on;
use guestpass::credential::SessionToken;
use guestpass::store::sqlite::Durability;

use crate::bench::{Bench, CROWD};
use crate::guests::{Guest, token_text};
use crate::measure::median;
use crate::raw::Raw;
use crate::report::{Figure, Goal, Line};
use crate::{Outcome, fill};

pub(crate) fn lines(bench: &Bench) -> Outcome<Vec<Line>> {
    let small = bench.path("open.db");
    fill::file(&small, CROWD, SMALL, bench.now)?;
    let words = "open a file of all guests and answer the first request";
    let of_all = line(bench, "open", words, bench.large_file()?)?;
    let words = "open a file of ten thousand guests and answer the first request";
    Ok(vec![of_all, line(bench, "open.small", words, &small)?])
}

fn line(bench: &Bench, name: &str, operation: &'static str, path: &Path) -> Outcome<Line> {
    let (mut ours, mut limit) = (Vec::new(), Vec::new());
    let token = SessionToken::parse(&token_text(CROWD, FIRST)).ok_or("no session token")?;
    for _ in 0..OPENINGS {
        let start = Instant::now();
        let engine = bench.engine_on(path, Durability::Full)?;
        black_box(block_on(engine.authenticate(&token))?);
        ours.push(start.elapsed().as_secs_f64() * 1e3);
        drop(engine);

        let digest = Guest::new(CROWD, FIRST, bench.now)?.session.digest;
        let start = Instant::now();
        let raw = Raw::open_to_read(path)?;
        black_box(raw.resolve(&digest)?.ok_or("no session")?);
        limit.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let ratios: Vec<f64> =
        ours.iter().zip(&limit).map(|(ours, raw)| ours / (raw + SPARE)).collect();
    Ok(Line {
        name: name.to_owned(),
        operation,
        against: "a raw connection and its first read, and 20 ms",
        ours: Figure::Milliseconds(median(ours)),
        limit: Figure::Milliseconds(median(limit) + SPARE),
        ratio: median(ratios),
        goal: Goal::AtMost(1.0),
        notes: Vec::new(),
    })
}

const SMALL: u64 = 10_000;
/// Whose request is the first; neither the first nor the last of the file.
const FIRST: u64 = 7_531;
const OPENINGS: usize = 15;
/// What opening may take beyond a bare connection, in milliseconds.
const SPARE: f64 = 20.0;
