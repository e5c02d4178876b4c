//! Telling who a request comes from: by session token in memory and in SQLite, by access token.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_executor::block_on;
use guestpass::Engine;
use guestpass::credential::SessionToken;
use guestpass::model::{Clock, Session, SystemClock, TokenDigest, User, UserId};
use guestpass::store::sqlite::Durability;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::Outcome;
use crate::bench::{Bench, CROWD};
use crate::guests::{Guest, shuffled, token_text};
use crate::measure::{ROUNDS, Race, Rounds, Share, median, take_turns};
use crate::raw::Raw;
use crate::report::{Figure, Goal, Line};

pub(crate) fn lines(bench: &Bench) -> Outcome<Vec<Line>> {
    let mut lines = Vec::new();
    if bench.args.wants("authenticate.memory") {
        lines.extend(memory(bench)?);
    }
    if bench.args.wants("authenticate.sqlite") {
        lines.extend(sqlite(bench)?);
    }
    if bench.args.wants("authenticate.access_token") {
        lines.push(access_token(bench)?);
    }
    Ok(lines)
}

fn memory(bench: &Bench) -> Outcome<Vec<Line>> {
    let engine = &bench.in_memory()?.engine;
    let map = BareMap::new(bench)?;
    let mut tokens = Texts::session_tokens(bench.guests_in_memory(), MEMORY_TURN);
    let ours = |texts: &[String]| authenticate(engine, texts);
    let limit = |texts: &[String]| texts.iter().try_for_each(|text| map.authenticate(text));
    let words =
        ("authenticate a session token, in memory", "decode, SHA-256, two looks into a map");
    race_on_threads("authenticate.memory", words, &mut tokens, &ours, &[&limit, &limit])
}

fn sqlite(bench: &Bench) -> Outcome<Vec<Line>> {
    let path = bench.large_file()?;
    let engine = &bench.engine_on(path, Durability::Full)?;
    let mut tokens = Texts::session_tokens(bench.args.guests, SQLITE_TURN);
    let ours = |texts: &[String]| authenticate(engine, texts);
    let raw = [Shared::open(path)?, Shared::open(path)?];
    let [first, second] = raw.each_ref().map(|raw| move |texts: &[String]| raw.authenticate(texts));
    let words = ("authenticate a session token, in SQLite", "the same reads on one raw connection");
    race_on_threads("authenticate.sqlite", words, &mut tokens, &ours, &[&first, &second])
}

fn access_token(bench: &Bench) -> Outcome<Line> {
    let path = bench.large_file()?;
    let engine = &bench.engine_on(path, Durability::Full)?;
    let raw = Shared::open(path)?;
    let mut tokens = Texts::access_tokens(bench, engine, SQLITE_TURN)?;
    let mut same = tokens.clone();
    let mut ours = || {
        let texts = tokens.next();
        Share::of(texts.len(), || {
            block_on(async {
                for text in texts {
                    black_box(engine.authenticate_access(text).await?);
                }
                Ok(())
            })
        })
    };
    let mut limit = || {
        let texts = same.next();
        Share::of(texts.len(), || raw.authenticate_access(texts))
    };
    let race = crate::measure::race(ROUNDS, &mut ours, &mut limit)?;
    let words =
        ("authenticate an access token, in SQLite", "MAC, the same reads on one raw connection");
    Ok(Line::of_race("authenticate.access_token", words, race, 0.75))
}

/// What is done with a portion of texts.
type Work<'a> = &'a (dyn Fn(&[String]) -> Outcome + Sync);

/// Measures one thread, and what a second one brings. The limit has a connection or a map for each.
fn race_on_threads(
    name: &str,
    words: (&'static str, &'static str),
    texts: &mut Texts,
    ours: Work<'_>,
    limit: &[Work<'_>; 2],
) -> Outcome<Vec<Line>> {
    let mut of = [texts.clone(), texts.clone(), texts.clone(), texts.clone()];
    let [ours_1, limit_1, ours_2, limit_2] = &mut of;
    let rates = std::thread::scope(|scope| {
        let [beside_ours, beside_limit] = [ours, limit[1]].map(|work| Beside::start(scope, work));
        take_turns(
            Rounds { rounds: 9, turns: 6 },
            [
                &mut || on_one(ours_1, ours),
                &mut || on_one(limit_1, limit[0]),
                &mut || on_two(ours_2, ours, &beside_ours),
                &mut || on_two(limit_2, limit[0], &beside_limit),
            ],
        )
    })?;
    let of = |value: fn(&[f64; 4]) -> f64| median(rates.iter().map(value));
    let (ours, limit) = (of(|[ours, ..]| *ours), of(|[_, limit, ..]| *limit));
    let race = Race { ours, limit, ratio: of(|[ours, limit, ..]| ours / limit) };
    let second = Line {
        name: format!("{name}.second_thread"),
        operation: "what a second thread gains it",
        against: "what it gains the limit",
        ours: Figure::Times(of(|[one, _, two, _]| two / one)),
        limit: Figure::Times(of(|[_, one, _, two]| two / one)),
        ratio: of(|[ours, limit, ours_2, limit_2]| (ours_2 / ours) / (limit_2 / limit)),
        goal: Goal::AtLeast(0.85),
        notes: Vec::new(),
    };
    Ok(vec![Line::of_race(name, words, race, 0.75), second])
}

fn on_one(texts: &mut Texts, work: Work<'_>) -> Outcome<Share> {
    let texts = texts.next();
    Share::of(texts.len(), || work(texts))
}

fn on_two(texts: &mut Texts, work: Work<'_>, beside: &Beside) -> Outcome<Share> {
    let (all, portion) = texts.next_portion();
    let middle = portion.start.midpoint(portion.end);
    Share::of(portion.len(), || {
        beside.tasks.send((Arc::clone(&all), middle..portion.end))?;
        work(&all[portion.start..middle])?;
        beside.outcomes.recv()?
    })
}

/// A second thread, which is there before there is anything to do, as those of a host are: to start one takes
/// as long as a hundred operations.
struct Beside {
    tasks: Sender<(Arc<Vec<String>>, Range<usize>)>,
    outcomes: Receiver<Outcome>,
}

impl Beside {
    fn start<'scope>(scope: &'scope Scope<'scope, '_>, work: Work<'scope>) -> Self {
        let ((tasks, of_thread), (done, outcomes)) = (channel(), channel());
        scope.spawn(move || {
            while let Ok((all, portion)) = of_thread.recv() {
                let all: Arc<Vec<String>> = all;
                if done.send(work(&all[portion])).is_err() {
                    return;
                }
            }
        });
        Self { tasks, outcomes }
    }
}

/// Ours.
pub(crate) fn authenticate(engine: &Engine, texts: &[String]) -> Outcome {
    block_on(async {
        for text in texts {
            let token = SessionToken::parse(text).ok_or("no session token")?;
            black_box(engine.authenticate(&token).await?);
        }
        Ok(())
    })
}

/// Texts of tokens, handed out in portions, around and around.
#[derive(Clone)]
pub(crate) struct Texts {
    all: Arc<Vec<String>>,
    portion: usize,
    at: usize,
}

impl Texts {
    /// Session tokens of guests whom no cache expects.
    pub(crate) fn session_tokens(guests: u64, portion: usize) -> Self {
        let texts = shuffled(guests, portion * PORTIONS).map(|number| token_text(CROWD, number));
        Self { all: Arc::new(texts.collect()), portion, at: 0 }
    }

    /// The same of those with a session in a cookie.
    pub(crate) fn cookies(guests: u64, portion: usize) -> Self {
        let numbers = shuffled(guests / 2, portion * PORTIONS).map(|number| 2 * number);
        let texts = numbers.map(|number| token_text(CROWD, number));
        Self { all: Arc::new(texts.collect()), portion, at: 0 }
    }

    /// The same of those with a refresh token.
    pub(crate) fn refresh_tokens(guests: u64, portion: usize) -> Self {
        let numbers = shuffled(guests / 2, portion * PORTIONS).map(|number| 2 * number + 1);
        let texts = numbers.map(|number| token_text(CROWD, number));
        Self { all: Arc::new(texts.collect()), portion, at: 0 }
    }

    /// Access tokens of such guests.
    fn access_tokens(bench: &Bench, engine: &Engine, portion: usize) -> Outcome<Self> {
        let mut texts = Vec::new();
        for number in shuffled(bench.args.guests / 2, portion * PORTIONS) {
            let token = token_text(CROWD, 2 * number + 1);
            let token = SessionToken::parse(&token).ok_or("no session token")?;
            let caller = block_on(engine.authenticate(&token))?;
            texts.push(engine.access_token(&caller)?.text);
        }
        Ok(Self { all: Arc::new(texts), portion, at: 0 })
    }

    pub(crate) fn next(&mut self) -> &[String] {
        let (_, portion) = self.next_portion();
        &self.all[portion]
    }

    /// The next portion, for whoever works on parts of it.
    fn next_portion(&mut self) -> (Arc<Vec<String>>, Range<usize>) {
        let start = self.at * self.portion;
        self.at = (self.at + 1) % PORTIONS;
        (Arc::clone(&self.all), start..start + self.portion)
    }
}

/// The limit in memory: two maps that nobody changes, and so without any lock.
struct BareMap {
    sessions: HashMap<TokenDigest, Session, BuildHasherDefault<Tail>>,
    users: HashMap<UserId, User, BuildHasherDefault<Tail>>,
}

impl BareMap {
    fn new(bench: &Bench) -> Outcome<Self> {
        let mut map = Self { sessions: HashMap::default(), users: HashMap::default() };
        for number in 0..bench.guests_in_memory() {
            let Guest { user, session } = Guest::new(CROWD, number, bench.now)?;
            map.sessions.insert(session.digest, session);
            map.users.insert(user.id, user);
        }
        Ok(map)
    }

    fn authenticate(&self, text: &str) -> Outcome {
        let now = SystemClock.now();
        let mut token = [0; 32];
        URL_SAFE_NO_PAD.decode_slice(text, &mut token)?;
        let digest = TokenDigest::from_bytes(Sha256::digest(token).into());
        let session = self.sessions.get(&digest).ok_or("no session")?.clone();
        let user = self.users.get(&session.user).ok_or("no user")?.clone();
        black_box((session, user, now));
        Ok(())
    }
}

/// A hash that costs nothing: the end of a key is random already.
#[derive(Default)]
struct Tail(u64);

impl Hasher for Tail {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(tail) = bytes.last_chunk() {
            self.0 = u64::from_le_bytes(*tail);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}

/// A raw connection that a thread borrows for a portion. Taking it costs nothing that could be seen.
pub(crate) struct Shared(std::sync::Mutex<Raw>);

impl Shared {
    pub(crate) fn open(path: &Path) -> Outcome<Self> {
        Ok(Self(std::sync::Mutex::new(Raw::open_to_read(path)?)))
    }

    pub(crate) fn authenticate(&self, texts: &[String]) -> Outcome {
        let raw = self.0.lock().map_err(|_| "a thread of the benchmark panicked")?;
        for text in texts {
            let now = SystemClock.now();
            let mut token = [0; 32];
            URL_SAFE_NO_PAD.decode_slice(text, &mut token)?;
            let digest = TokenDigest::from_bytes(Sha256::digest(token).into());
            black_box((raw.resolve(&digest)?.ok_or("no session")?, now));
        }
        Ok(())
    }

    /// An access token of ours has the digest of its session from the tenth byte on, and its MAC at
    /// its end.
    fn authenticate_access(&self, texts: &[String]) -> Outcome {
        let raw = self.0.lock().map_err(|_| "a thread of the benchmark panicked")?;
        let key = Hmac::<Sha256>::new_from_slice(&[7; 32])?;
        for text in texts {
            let now = SystemClock.now();
            let mut token = [0; 256];
            let length = URL_SAFE_NO_PAD.decode_slice(text, &mut token)?;
            let (signed, tag) = token[..length].split_last_chunk::<32>().ok_or("too short")?;
            let mut mac = key.clone();
            mac.update(signed);
            // Not our key; the work is the same.
            black_box(mac.finalize().into_bytes().as_slice() == tag);
            let digest = signed[9..].first_chunk().ok_or("too short")?;
            let digest = TokenDigest::from_bytes(*digest);
            black_box((raw.resolve(&digest)?.ok_or("no session")?, now));
        }
        Ok(())
    }
}

/// Tokens of one turn: some ten milliseconds.
const MEMORY_TURN: usize = 10_000;
pub(crate) const SQLITE_TURN: usize = 2_000;
/// Portions of tokens; more than what the caches of the machine and of SQLite hold.
const PORTIONS: usize = 24;
