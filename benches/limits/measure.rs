//! Letting several sides take turns, and what is kept of it.

use std::time::{Duration, Instant};

use crate::Outcome;

/// What one side did in one turn. What it had to prepare for that is not in the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) operations: u32,
    pub(crate) time: Duration,
}

impl Share {
    /// Runs `work`, which is so many operations, and nothing else.
    pub(crate) fn of(operations: usize, work: impl FnOnce() -> Outcome) -> Outcome<Self> {
        let start = Instant::now();
        work()?;
        Ok(Self { time: start.elapsed(), operations: u32::try_from(operations)? })
    }
}

/// How many turns each side has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    /// Each gives one ratio.
    pub(crate) rounds: usize,
    /// Turns of each side in a round. The shorter they are, the more alike is what disturbs them.
    pub(crate) turns: usize,
}

/// Enough for most lines: a round of eight turns lasts longer than what disturbs it.
pub(crate) const ROUNDS: Rounds = Rounds { rounds: 9, turns: 8 };

/// One side of a race.
pub(crate) type Side<'a> = &'a mut dyn FnMut() -> Outcome<Share>;

/// The operations a second of each side in each round.
///
/// The sides take turns, and every other time in the opposite order, so that none always comes after
/// the same other one. Before the first round each has one turn to warm up.
pub(crate) fn take_turns<const N: usize>(
    rounds: Rounds,
    sides: [Side<'_>; N],
) -> Outcome<Vec<[f64; N]>> {
    let mut sides = sides;
    for side in &mut sides {
        side()?;
    }
    let mut rates = Vec::with_capacity(rounds.rounds);
    for _ in 0..rounds.rounds {
        let mut shares = [(0.0, 0.0); N];
        for turn in 0..rounds.turns {
            for place in 0..N {
                let index = if turn % 2 == 0 { place } else { N - 1 - place };
                let share = sides[index]()?;
                shares[index].0 += f64::from(share.operations);
                shares[index].1 += share.time.as_secs_f64();
            }
        }
        rates.push(shares.map(|(operations, seconds)| operations / seconds));
    }
    Ok(rates)
}

/// Ours against the limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Race {
    /// Operations a second, the median of the rounds.
    pub(crate) ours: f64,
    /// The same of the limit.
    pub(crate) limit: f64,
    /// The median of the rounds' ratios.
    pub(crate) ratio: f64,
}

/// Lets ours and the limit take turns.
pub(crate) fn race(rounds: Rounds, ours: Side<'_>, limit: Side<'_>) -> Outcome<Race> {
    let rates = take_turns(rounds, [ours, limit])?;
    Ok(Race {
        ours: median(rates.iter().map(|[ours, _]| *ours)),
        limit: median(rates.iter().map(|[_, limit]| *limit)),
        ratio: median(rates.iter().map(|[ours, limit]| ours / limit)),
    })
}

/// The middle one.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value that so large a part is not above; not a number if there are none.
pub(crate) fn quantile(values: impl IntoIterator<Item = f64>, part: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list that fits into memory"
    )]
    let place = (values.len().saturating_sub(1) as f64 * part).round() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}
