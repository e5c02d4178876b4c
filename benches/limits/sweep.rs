//! Letting go of sessions that have ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_executor::block_on;
use guestpass::Engine;
use guestpass::store::sqlite::Durability;

use crate::bench::Bench;
use crate::measure::{Rounds, Share, median, quantile, race};
use crate::raw::Raw;
use crate::report::{Figure, Goal, Line};
use crate::sign_up::sign_up;
use crate::{Outcome, fill};

pub(crate) fn lines(bench: &Bench) -> Outcome<Vec<Line>> {
    let [ours, raw] = ["ours", "raw"].map(|side| bench.path(&format!("sweep.{side}")));
    fill::ended_sessions(&ours, bench.args.guests, bench.now)?;
    std::fs::copy(&ours, &raw)?;
    fill::sync(&raw)?;
    let engine = bench.engine_on(&ours, Durability::Full)?;
    let raw = Raw::open(&raw, Durability::Full)?;
    let portion = block_on(engine.sweep(PORTION))?.sessions_and_nonces;
    let mut holds = Vec::new();
    let mut ours = || {
        let mut swept = 0;
        let share = Share::of(0, || {
            for _ in 0..TURN {
                let start = Instant::now();
                swept += block_on(engine.sweep(PORTION))?.sessions_and_nonces;
                holds.push(start.elapsed().as_secs_f64());
            }
            Ok(())
        })?;
        Ok(Share { operations: swept, ..share })
    };
    let mut limit = || {
        let mut swept = 0;
        let share = Share::of(0, || {
            for _ in 0..TURN {
                swept += delete(&raw, bench.now.as_millis(), portion)?;
            }
            Ok(())
        })?;
        Ok(Share { operations: swept, ..share })
    };
    let race = race(Rounds { rounds: 9, turns: 4 }, &mut ours, &mut limit)?;
    let words =
        ("sweep sessions that have ended, durable", "raw deletes in portions of the same size");
    let longest = quantile(holds.iter().copied(), 1.0) * 1e3;
    Ok(vec![
        Line::of_race("sweep", words, race, 0.85)
            .note(format!("{portion} sessions a portion"))
            .note(beside_sweeping(&engine)?),
        Line {
            name: "sweep.hold".to_owned(),
            operation: "its longest portion, for which other writes wait",
            against: "50 ms",
            ours: Figure::Milliseconds(longest),
            limit: Figure::Milliseconds(50.0),
            ratio: longest / 50.0,
            goal: Goal::AtMost(1.0),
            notes: vec![format!("median {}", Figure::Milliseconds(median(holds) * 1e3))],
        },
    ])
}

/// One portion of the limit.
fn delete(raw: &Raw, before: i64, limit: u32) -> Outcome<u32> {
    raw.run("BEGIN IMMEDIATE")?;
    let sql = "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions \
               WHERE ends_at < ? ORDER BY ends_at LIMIT ?)";
    let deleted = raw.connection.prepare_cached(sql)?.execute([before, limit.into()])?;
    raw.run("COMMIT")?;
    Ok(u32::try_from(deleted)?)
}

/// How long signing up takes beside a sweep.
fn beside_sweeping(engine: &Engine) -> Outcome<String> {
    let idle = tail(engine)?;
    let is_over = AtomicBool::new(false);
    let busy = std::thread::scope(|scope| {
        let sweeping = scope.spawn(|| -> Outcome {
            while !is_over.load(Ordering::Relaxed) {
                block_on(engine.sweep(PORTION))?;
            }
            Ok(())
        });
        let busy = tail(engine);
        is_over.store(true, Ordering::Relaxed);
        sweeping.join().map_err(|_| "a thread of the benchmark panicked")??;
        busy
    })?;
    Ok(format!("p99 of signing up during a sweep: {busy}, idle: {idle}"))
}

fn tail(engine: &Engine) -> Outcome<Figure> {
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..SIGN_UPS {
        let start = Instant::now();
        block_on(sign_up(engine))?;
        times.push(start.elapsed());
    }
    let tail = quantile(times.iter().map(Duration::as_secs_f64), 0.99);
    Ok(Figure::Milliseconds(tail * 1e3))
}

/// As much as a host may ask for; the store may do less at a time.
const PORTION: u32 = guestpass::store::MAX_PORTION;
/// Portions of one turn.
const TURN: usize = 6;
const SIGN_UPS: usize = 200;
