//! Promoting a guest by an identity that the host has proven, with the session that follows.

use futures_executor::block_on;
use guestpass::credential::SessionToken;
use guestpass::model::{LoginId, LoginIdType, ProvenIdentity, SessionKind, Timestamp};
use guestpass::store::sqlite::Durability;
use guestpass::{Credential, Engine, Open};
use rusqlite::params;

use crate::bench::Bench;
use crate::flight::fly;
use crate::guests::{Guest, token_text};
use crate::measure::{Rounds, Share, race};
use crate::raw::{PROMOTED, Raw};
use crate::report::Line;
use crate::wal::commits;
use crate::{Outcome, fill};

pub(crate) fn lines(bench: &Bench) -> Outcome<Vec<Line>> {
    let mut lines = Vec::new();
    if bench.args.wants("promote.full.1") {
        lines.push(alone(bench)?);
    }
    if bench.args.wants("promote.full.64") {
        lines.push(together(bench)?);
    }
    Ok(lines)
}

fn alone(bench: &Bench) -> Outcome<Line> {
    let name = "promote.full.1";
    let (engine, raw) = crowds(bench, name, 1_000)?;
    let before = commits(&bench.path("promote.full.1.ours"))?;
    block_on(promote(&engine, name, 999))?;
    let writes = commits(&bench.path("promote.full.1.ours"))? - before;
    if writes != 1 {
        return Err(format!("{name}: a promotion is {writes} durable writes, not one").into());
    }
    let (mut ours_next, mut raw_next) = (0..999, 0..999);
    let mut ours = || {
        let mut numbers = ours_next.by_ref().take(4);
        Share::of(4, || numbers.try_for_each(|number| block_on(promote(&engine, name, number))))
    };
    let mut limit = || {
        let promotions = Promotion::draw(name, raw_next.by_ref().take(4), bench.now)?;
        Share::of(4, || promotions.chunks(1).try_for_each(|one| write(&raw, one)))
    };
    let race = race(Rounds { rounds: 11, turns: 6 }, &mut ours, &mut limit)?;
    let words = (
        "promote a guest by a proven identity, durable, one at a time",
        "one raw transaction each",
    );
    Ok(Line::of_race(name, words, race, 0.90).note("one durable write each"))
}

fn together(bench: &Bench) -> Outcome<Line> {
    let name = "promote.full.64";
    let rounds = Rounds { rounds: 9, turns: 2 };
    let portions = u64::try_from(rounds.rounds * rounds.turns + 1)?;
    let (engine, raw) = crowds(bench, name, portions * u64::try_from(FLIGHT)?)?;
    let mut first = 0;
    let mut ours = || {
        let (engine, from) = (engine.clone(), first);
        first += u64::try_from(FLIGHT)?;
        let operation = move |number: usize| {
            let engine = engine.clone();
            async move { promote(&engine, name, from + u64::try_from(number)?).await }
        };
        fly(&bench.runtime, IN_FLIGHT, FLIGHT, operation).map(|(share, _)| share)
    };
    let mut next = 0..u64::MAX;
    let mut limit = || {
        let promotions = Promotion::draw(name, next.by_ref().take(FLIGHT), bench.now)?;
        let mut groups = promotions.chunks(IN_FLIGHT);
        Share::of(FLIGHT, || groups.try_for_each(|group| write(&raw, group)))
    };
    let race = race(rounds, &mut ours, &mut limit)?;
    let words =
        ("promote guests by proven identities, durable, 64 in flight", "raw transactions of 64");
    Ok(Line::of_race(name, words, race, 0.75))
}

/// Two files with the same guests.
fn crowds(bench: &Bench, name: &str, guests: u64) -> Outcome<(Engine, Raw)> {
    let [ours, raw] = ["ours", "raw"].map(|side| bench.path(&format!("{name}.{side}")));
    fill::file(&ours, name, guests, bench.now)?;
    fill::file(&raw, name, guests, bench.now)?;
    Ok((bench.engine_on(&ours, Durability::Full)?, Raw::open(&raw, Durability::Full)?))
}

fn email(number: u64) -> String {
    format!("guest-{number}@example.com")
}

async fn promote(engine: &Engine, crowd: &str, number: u64) -> Outcome {
    let token = SessionToken::parse(&token_text(crowd, number)).ok_or("no session token")?;
    let guest = engine.guest_by_session(&token).await?;
    let email = LoginId::parse(LoginIdType::Email, &email(number))?;
    let credential = Credential::proven(ProvenIdentity::login_id(email));
    engine.promote(&guest, credential, Open::Session(SessionKind::Cookie), None).await?;
    Ok(())
}

/// What one promotion writes.
pub(crate) struct Promotion {
    guest: Guest,
    /// Whose session is the new one.
    new: Guest,
    email: String,
    pub(crate) hash: Option<String>,
}

impl Promotion {
    pub(crate) fn draw(
        crowd: &str,
        numbers: impl Iterator<Item = u64>,
        now: Timestamp,
    ) -> Outcome<Vec<Self>> {
        let draw = |number| {
            let (guest, mut new) =
                (Guest::new(crowd, number, now)?, Guest::new("promoted", number, now)?);
            new.session.user = guest.user.id;
            Outcome::Ok(Self { guest, new, email: email(number), hash: None })
        };
        numbers.map(draw).collect()
    }
}

/// The limit: the rows of so many promotions, in one transaction.
pub(crate) fn write(raw: &Raw, promotions: &[Promotion]) -> Outcome {
    raw.run("BEGIN IMMEDIATE")?;
    for Promotion { guest, new, email, hash } in promotions {
        let (user, at) = (guest.user.id, guest.user.created_at.as_millis());
        let sql = "UPDATE users SET version = version + 1, epoch = ?, standing = 2, \
                   is_verified = ?, can_reauthenticate = ?, ends_at = NULL, \
                   anonymous_since = NULL WHERE id = ?";
        let epoch = new.user.epoch.as_bytes();
        raw.connection.prepare_cached(sql)?.execute(params![
            epoch,
            hash.is_none(),
            hash.is_some(),
            user.as_bytes()
        ])?;
        let sql = "INSERT INTO identities (kind, issuer, name, user, original, created_at, \
                   proven_at) VALUES (1, '', ?, ?, ?, ?, ?)";
        let proven_at = hash.is_none().then_some(at);
        let values = params![email, user.as_bytes(), email, at, proven_at];
        raw.connection.prepare_cached(sql)?.execute(values)?;
        if let Some(hash) = hash {
            let sql = "INSERT INTO authenticators (user, id, revision, kind, secret, created_at, \
                       changed_at) VALUES (?, ?, 1, 1, ?, ?, ?)";
            let id = new.session.id.as_bytes();
            let values = params![user.as_bytes(), id, hash, at, at];
            raw.connection.prepare_cached(sql)?.execute(values)?;
        }
        fill::insert_session(&raw.connection, &new.session)?;
        raw.append_event(user, guest.user.created_at, PROMOTED, None)?;
    }
    raw.run("COMMIT")
}

const IN_FLIGHT: usize = 64;
/// Promotions of one turn.
const FLIGHT: usize = 16 * IN_FLIGHT;
