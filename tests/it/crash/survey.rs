//! Looking at what a crash has left: nothing is half done, and nothing that was acknowledged is gone.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use guestpass::model::{EventCursor, TokenDigest, UserId};
use guestpass::store::Lookup;
use rusqlite::Connection;

use super::child::open;
use super::database;
use super::life::{Life, Story, policy};
use super::report::{Report, Told};
use crate::support::{Place, World, run};

/// Opens what is in `directory` and compares it to what was told, which changes it. The `visit` is
/// another each time, so that nothing is drawn twice.
pub(super) fn survey(directory: &Path, report: &Report, visit: u32) {
    let world = open(directory, 1 << 63 | u64::from(visit) << 24, None).unwrap();
    is_sound(&world, &database(directory));
    for told in report.lives.values() {
        is_as_told(&world, told);
    }
}

/// Every page, every row and every user is whole.
pub(super) fn is_sound(world: &World, database: &Path) {
    let file = Connection::open(database).unwrap();
    let verdict: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let mut orphans = file.prepare("PRAGMA foreign_key_check").unwrap();
    assert!(!orphans.exists([]).unwrap(), "a row refers to nobody");
    let ids = |sql: &str| -> Vec<Vec<u8>> {
        let mut statement = file.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    for id in ids("SELECT id FROM users") {
        let user = UserId::from_bytes(id.try_into().unwrap());
        let account = run(world.backend.users().load(Lookup::User(user))).unwrap().unwrap();
        assert_eq!(account.check(), Ok(()));
    }
    for digest in ids("SELECT digest FROM sessions") {
        let digest = TokenDigest::from_bytes(digest.try_into().unwrap());
        let (session, user) = run(world.backend.resolve(&digest)).unwrap().unwrap();
        assert_eq!(session.user, user.id);
    }
}

/// The life is as after the steps that were acknowledged; of a step under way, all or nothing is there.
fn is_as_told(world: &World, told: &Told) {
    let Told { life, done, is_under_way } = told;
    let seen = life.seen(world, EventCursor::START);
    let expected: Vec<_> = [false, true]
        .into_iter()
        .filter(|has_landed| *is_under_way || !has_landed)
        .map(|has_landed| expected(life.story, *done, *is_under_way, has_landed))
        .collect();
    let steps = life.story.steps();
    assert!(
        expected.contains(&seen),
        "life {} of {:?} after {:?}, under way: {is_under_way}\nis {seen:#?}\nand not {expected:#?}",
        life.number,
        life.story,
        &steps[..*done],
    );
}

type Key = (Story, usize, bool, bool);

/// What is seen of a life after `done` steps, with one more under way or not, as it comes out in memory
/// where nothing ever fails.
fn expected(story: Story, done: usize, is_under_way: bool, has_landed: bool) -> Vec<String> {
    static KNOWN: LazyLock<Mutex<HashMap<Key, Vec<String>>>> = LazyLock::new(Mutex::default);
    let key = (story, done, is_under_way, has_landed);
    if let Some(known) = KNOWN.lock().unwrap().get(&key) {
        return known.clone();
    }
    let world = World::with(Place::Memory, policy);
    let mut life = Life::new(0, story);
    for step in &story.steps()[..done] {
        life.facts.extend(life.begin(*step, &world.engine).unwrap());
        life.facts.extend(life.take(*step, &world.engine).unwrap());
    }
    if is_under_way {
        let step = story.steps()[done];
        life.facts.extend(life.begin(step, &world.engine).unwrap());
        if has_landed {
            // Nobody learns what comes of it.
            let _unheard = life.take(step, &world.engine).unwrap();
        }
    }
    let seen = life.seen(&world, EventCursor::START);
    KNOWN.lock().unwrap().insert(key, seen.clone());
    seen
}
