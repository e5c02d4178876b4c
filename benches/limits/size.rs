//! How much of a disk a guest takes, and how much of the memory.

use std::mem::size_of;
use std::path::Path;

use futures_executor::block_on;
use guestpass::model::{Epoch, EventCursor, SessionId, Timestamp, TokenDigest, UserId, Version};
use guestpass::store::MAX_PORTION;
use guestpass::store::sqlite::Durability;
use rusqlite::Connection;

use crate::Outcome;
use crate::bench::Bench;
use crate::flight::fly;
use crate::report::{Figure, Goal, Line};
use crate::sign_up::sign_up;

pub(crate) fn lines(bench: &Bench) -> Outcome<Vec<Line>> {
    let mut lines = Vec::new();
    // First, while nothing else has used the memory of the process.
    if bench.args.wants("size.memory") {
        lines.push(memory(bench)?);
    }
    if bench.args.wants("size.file") {
        lines.extend(file(bench)?);
    }
    Ok(lines)
}

fn file(bench: &Bench) -> Outcome<Vec<Line>> {
    let path = bench.path("size.db");
    let engine = bench.engine_on(&path, Durability::Normal)?;
    let empty = used_bytes(&path)?;
    let signing_up = engine.clone();
    let operation = move |_| {
        let engine = signing_up.clone();
        async move { sign_up(&engine).await }
    };
    fly(&bench.runtime, 64, usize::try_from(GUESTS)?, operation)?;
    let with_events = used_bytes(&path)?;
    while 0 < block_on(engine.forget_events(EventCursor(u64::MAX), MAX_PORTION))? {}
    let without = used_bytes(&path)?;
    let dense = bench.path("dense.db");
    Connection::open(&path)?.execute("VACUUM INTO ?", [dense.to_string_lossy()])?;
    let of_guest = |bytes: u64| ratio(bytes.saturating_sub(empty), u64::from(GUESTS));
    let (ours, rows) = (of_guest(without), of_guest(used_bytes(&dense)?));
    let event = ratio(with_events.saturating_sub(without), u64::from(GUESTS));
    let line = |name: &str, against, limit: f64, goal| Line {
        name: name.to_owned(),
        operation: "a guest with a session, in the file",
        against,
        ours: Figure::Bytes(ours),
        limit: Figure::Bytes(limit),
        ratio: ours / limit,
        goal: Goal::AtMost(goal),
        notes: Vec::new(),
    };
    Ok(vec![
        line("size.file", "its rows, packed as tightly as SQLite can", rows, 1.3)
            .note(format!("and its event, while that is kept: {}", Figure::Bytes(event))),
        line("size.file.bytes", "450 bytes", 450.0, 1.0),
    ])
}

/// The bytes of the pages that are in use.
fn used_bytes(path: &Path) -> Outcome<u64> {
    let connection = Connection::open(path)?;
    let pragma = |name: &str| -> Outcome<u64> {
        let value: i64 = connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?;
        Ok(value.cast_unsigned())
    };
    Ok((pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?)
}

fn memory(bench: &Bench) -> Outcome<Line> {
    let bytes = bench.in_memory()?.bytes;
    let ours = ratio(bytes, bench.guests_in_memory());
    let fields = f64::from(u32::try_from(FIELDS)?);
    Ok(Line {
        name: "size.memory".to_owned(),
        operation: "a guest with a session, in memory",
        against: "the sum of its fields",
        ours: Figure::Bytes(ours),
        limit: Figure::Bytes(fields),
        ratio: ours / fields,
        goal: Goal::AtMost(2.5),
        notes: Vec::new(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "far fewer bytes than a float can count")]
fn ratio(bytes: u64, guests: u64) -> f64 {
    bytes as f64 / guests as f64
}

const GUESTS: u32 = 20_000;

/// What there is to know about a guest, each field as wide as it is by itself: what the two rows of the
/// model say, and not that a session's user and epoch are also its user's. Nothing is counted for what
/// is absent (a device key, the time of a proof), for the name of the client that half of the sessions
/// have, for finding a row by its names and its end, or for room to grow.
///
/// Ours is spent, in the middle of a doubling of the tables, on 128 bytes of the session's row and 64 of
/// the user's, whole cache lines both; 11 for each of the tables that find them; 37 for the order of a
/// user's sessions, 24 and about as much for those of the ends of users and of sessions; and what is
/// left of segments, blocks and pages.
const FIELDS: usize = USER + ANONYMOUS_IDENTITY + SESSION;
/// Identifier, version, epoch, standing, three flags, creation, end.
const USER: usize =
    size_of::<UserId>() + size_of::<Version>() + size_of::<Epoch>() + 1 + 3 + 2 * TIME;
/// Creation.
const ANONYMOUS_IDENTITY: usize = TIME;
/// Digest, identifier, user, epoch, kind, method, creation, access, end.
const SESSION: usize = size_of::<TokenDigest>()
    + size_of::<SessionId>()
    + size_of::<UserId>()
    + size_of::<Epoch>()
    + 2
    + 3 * TIME;
const TIME: usize = size_of::<Timestamp>();
