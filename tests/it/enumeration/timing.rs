//! How long it takes to be refused, whoever has the login ID.
//!
//! Measured as dudect does: two classes, measurements of either in an order that is drawn, and Welch's t
//! for the difference of their means, of all and of those below a few percentiles, because the longest
//! ones are the operating system's. From as near as can be: no network, nobody else.

use std::fmt::Write as _;
use std::time::Instant;

use guestpass::credential::Argon2Params;
use guestpass::{Credential, Engine};

use super::{DELETED, DISABLED, NOBODY, PROVEN, REGULAR, populate};
use crate::long::Reading;
use crate::support::{Place, Random, World, cookie, email, run};

/// Measurements of two classes, in nanoseconds.
#[derive(Debug, Default)]
struct Measured {
    classes: [Vec<f64>; 2],
}

/// How far the means of two classes are apart, and in how many standard errors.
#[derive(Clone, Copy, Debug)]
struct Apart {
    nanoseconds: f64,
    standard_error: f64,
    t: f64,
}

/// What measurements say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Apart,
    NotApart,
    /// There are too few of them for what they do not show to mean anything.
    TooSeldom,
}

impl Measured {
    fn count(&self) -> usize {
        self.classes.iter().map(Vec::len).sum()
    }

    /// How far apart they are, without those above the percentile at which t is largest.
    fn apart(&self) -> Apart {
        let mut all: Vec<f64> = self.classes.iter().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        let crops = PERCENTILES.iter().map(|percent| all[(all.len() - 1) * percent / 100]);
        let found = crops.map(|crop| self.apart_below(crop));
        found.max_by(|one, other| one.t.total_cmp(&other.t)).unwrap()
    }

    fn verdict(&self) -> Verdict {
        if MOST_T <= self.apart().t {
            return Verdict::Apart;
        }
        if self.count() < LEAST_TRIES { Verdict::TooSeldom } else { Verdict::NotApart }
    }

    /// From how many nanoseconds on a difference of the means of all would have been told.
    fn least_told(&self) -> f64 {
        MOST_T * self.apart_below(f64::INFINITY).standard_error
    }

    fn apart_below(&self, crop: f64) -> Apart {
        let [one, other] = self.classes.each_ref().map(|class| {
            let mut count = 0.0;
            let (mut mean, mut squares) = (0.0, 0.0);
            for &found in class.iter().filter(|found| **found <= crop) {
                // By Welford's method.
                count += 1.0;
                let before = found - mean;
                mean += before / count;
                squares += before * (found - mean);
            }
            (mean, squares / (count - 1.0) / count)
        });
        let nanoseconds = (one.0 - other.0).abs();
        let standard_error = (one.1 + other.1).sqrt();
        Apart { nanoseconds, standard_error, t: nanoseconds / standard_error }
    }
}

/// Measures refusals at sign-in, of a login ID that is nobody's against each of the others.
///
/// With the parameters that a host has by default, the classes must not be told apart by as many tries as
/// the limit for one login ID allows in a month. With parameters so cheap that next to nothing but the
/// rest of the work is left, they can be; by how much is bounded.
pub(crate) fn refused_sign_ins(seed: u64, until: Instant) -> Vec<Reading> {
    let mut random = Random::new(seed);
    let mut readings = Vec::new();
    let began = Instant::now();
    let cases = [
        (Place::Memory, "memory", Cost::Cheap),
        (Place::Sqlite, "SQLite", Cost::Cheap),
        (Place::Memory, "memory", Cost::Default),
        (Place::Sqlite, "SQLite", Cost::Default),
    ];
    for (index, (place, name, cost)) in cases.into_iter().enumerate() {
        // A tenth of the time for either of the cheap ones.
        let share = (until.saturating_duration_since(began) / 10) * [1, 2, 6, 10][index];
        let world = World::with(place, |policy| {
            policy.rate_limits.password.per_login_id.enabled = false;
        });
        let engine = world.engine_hashing(cost.params());
        run(populate(&engine));
        let end = began + share;
        let measured = measure(&engine, &mut random, end);
        let mut told = String::new();
        for (other, measured) in OTHERS.iter().zip(&measured) {
            let apart = measured.apart();
            let Apart { nanoseconds, t, .. } = apart;
            let found = match measured.verdict() {
                Verdict::Apart => format!("{nanoseconds:.0} ns"),
                Verdict::NotApart => "not told apart".to_owned(),
                Verdict::TooSeldom => "measured too seldom to say".to_owned(),
            };
            let least = measured.least_told() / 1000.0;
            write!(told, "{other} {found} (t {t:.1}, told from {least:.1} µs on), ").unwrap();
            match (measured.verdict(), cost) {
                (Verdict::NotApart | Verdict::TooSeldom, _) => {}
                (Verdict::Apart, Cost::Cheap) => {
                    assert!(nanoseconds < MOST_NANOSECONDS, "{name} {other}: {apart:?}");
                }
                (Verdict::Apart, Cost::Default) => panic!("{name} {other}: {apart:?}"),
            }
        }
        let count = measured.iter().map(Measured::count).min().unwrap();
        write!(told, "of {count} or more tries each").unwrap();
        let name = format!("refused sign-in, {name}, {} hash: apart from nobody's", cost.name());
        readings.push(Reading { name, value: told });
    }
    readings
}

/// What hashing costs.
#[derive(Clone, Copy, Debug)]
enum Cost {
    Cheap,
    Default,
}

impl Cost {
    fn params(self) -> Argon2Params {
        match self {
            Self::Cheap => Argon2Params::for_tests(),
            Self::Default => Argon2Params::default(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cheap => "cheapest",
            Self::Default => "default",
        }
    }
}

/// Nobody's login ID against each of [`OTHERS`], in turn, until it is time or there are enough.
fn measure(engine: &Engine, random: &mut Random, end: Instant) -> [Measured; OTHERS.len()] {
    let mut measured: [Measured; OTHERS.len()] = Default::default();
    loop {
        for (other, measured) in OTHERS.iter().zip(&mut measured) {
            for _ in 0..PORTION {
                let class = random.below(2);
                let took = refusal(engine, [NOBODY, other][class]);
                measured.classes[class].push(took);
            }
        }
        let count = measured.iter().map(Measured::count).min().unwrap();
        if end <= Instant::now() || MOST_TRIES <= count {
            return measured;
        }
    }
}

/// The nanoseconds that a refusal takes.
fn refusal(engine: &Engine, name: &str) -> f64 {
    let wrong = Credential::password(email(name), "not the password");
    let began = Instant::now();
    let answer = run(engine.sign_in(wrong, None, cookie(), None));
    let took = began.elapsed();
    assert!(answer.is_err());
    f64::from(u32::try_from(took.as_nanos()).unwrap_or(u32::MAX))
}

/// The statistic finds what is there, and nothing that is not.
#[test]
fn a_difference_is_found_where_there_is_one() {
    let mut random = Random::new(1);
    let mut noise = || f64::from(u32::try_from(random.below(1000)).unwrap());
    for (shift, is_found) in [(0.0, false), (50.0, true)] {
        let mut measured = Measured::default();
        for _ in 0..2000 {
            measured.classes[0].push(noise());
            measured.classes[1].push(noise() + shift);
        }
        let apart = measured.apart();
        assert_eq!(MOST_T < apart.t, is_found, "{apart:?}");
    }
}

/// Values from 0 to 1000 have a standard deviation of 289, and the means of 2000 of either class, so drawn,
/// a standard error of 9.1.
#[test]
fn few_measurements_say_nothing_and_many_say_how_fine_they_are() {
    let mut random = Random::new(1);
    let mut noise = || f64::from(u32::try_from(random.below(1000)).unwrap());
    let mut measured = Measured::default();
    let mut measure = |measured: &mut Measured, times: usize, shift: f64| {
        for _ in 0..times {
            measured.classes[0].push(noise());
            measured.classes[1].push(noise() + shift);
        }
    };
    measure(&mut measured, LEAST_TRIES / 2 - 1, 0.0);
    assert_eq!(measured.verdict(), Verdict::TooSeldom);
    measure(&mut measured, 1, 0.0);
    assert_eq!(measured.verdict(), Verdict::NotApart);
    measure(&mut measured, 2000 - LEAST_TRIES / 2, 0.0);
    let least = measured.least_told();
    assert!((MOST_T * 8.5..MOST_T * 9.7).contains(&least), "{least}");
    let mut few = Measured::default();
    measure(&mut few, 100, 500.0);
    assert_eq!(few.verdict(), Verdict::Apart, "what is there is told at any number");
}

const OTHERS: [&str; 4] = [REGULAR, DISABLED, PROVEN, DELETED];
const PERCENTILES: [usize; 6] = [100, 99, 95, 90, 75, 50];
/// What is taken for a sign that there is a difference.
const MOST_T: f64 = 4.5;
/// How far the rest of the work may be apart: a hash takes some thousand times as long.
const MOST_NANOSECONDS: f64 = 5000.0;
/// With fewer of both classes together nothing is taken for a sign that there is no difference.
const LEAST_TRIES: usize = 500;
/// Measurements between two looks at the clock.
const PORTION: usize = 32;
/// A hundred an hour, which is the limit for one login ID by default, for a month of 30 days.
const MOST_TRIES: usize = 100 * 24 * 30;
