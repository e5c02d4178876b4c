//! What more guests cost those who come back.

use guestpass::store::sqlite::Durability;

use crate::authenticate::{SQLITE_TURN, Shared, Texts, authenticate};
use crate::bench::{Bench, CROWD};
use crate::measure::{ROUNDS, Share, median, take_turns};
use crate::report::{Figure, Goal, Line};
use crate::{Outcome, fill};

pub(crate) fn lines(bench: &Bench) -> Outcome<Vec<Line>> {
    // Only when it was asked for: so many guests take minutes and gigabytes.
    if bench.args.guests < LARGE {
        return Ok(Vec::new());
    }
    let (small, large) = (bench.path("growth.db"), bench.large_file()?);
    fill::file(&small, CROWD, SMALL, bench.now)?;
    let engines =
        [bench.engine_on(&small, Durability::Full)?, bench.engine_on(large, Durability::Full)?];
    let raw = [Shared::open(&small)?, Shared::open(large)?];
    let texts = [SMALL, bench.args.guests].map(|guests| Texts::session_tokens(guests, SQLITE_TURN));
    let [mut small_1, mut large_1] = texts.clone();
    let [mut small_2, mut large_2] = texts;
    let ours = |engine: usize, texts: &[String]| {
        Share::of(texts.len(), || authenticate(&engines[engine], texts))
    };
    let limit = |raw_of: usize, texts: &[String]| {
        Share::of(texts.len(), || raw[raw_of].authenticate(texts))
    };
    let rates = take_turns(
        ROUNDS,
        [
            &mut || ours(0, small_1.next()),
            &mut || ours(1, large_1.next()),
            &mut || limit(0, small_2.next()),
            &mut || limit(1, large_2.next()),
        ],
    )?;
    let of = |value: fn(&[f64; 4]) -> f64| median(rates.iter().map(value));
    Ok(vec![Line {
        name: "growth".to_owned(),
        operation: "how much longer authenticating takes among all guests than among ten thousand",
        against: "how much longer the raw reads take",
        ours: Figure::Times(of(|[small, large, ..]| small / large)),
        limit: Figure::Times(of(|[.., small, large]| small / large)),
        ratio: of(|[ours, ours_large, raw, raw_large]| (ours / ours_large) / (raw / raw_large)),
        goal: Goal::AtMost(1.2),
        notes: vec![format!("{} guests", bench.args.guests)],
    }])
}

const SMALL: u64 = 10_000;
const LARGE: u64 = 10_000_000;
