//! A database that is restored from a backup: it knows nothing of what happened since, and nothing that was
//! made since counts for anybody. What comes back with it can be ended.

mod stolen;

use std::path::Path;
use std::sync::Arc;

use guestpass::credential::{Action, Keyring};
use guestpass::model::{EventCursor, EventKind, SystemEntropy};
use guestpass::store::sqlite::SqliteBackend;
use guestpass::{Rejection, SignInOutcome};
use rusqlite::Connection;

use crate::support::{
    Counting, Device, Held, World, code_for, cookie, password, refresh, refused, run,
    scratch_directory,
};

/// A world over the file, whose random bytes begin at `first`.
fn open(path: &Path, keyring: &Keyring, first: u64) -> World {
    let backend = Arc::new(SqliteBackend::open(path).unwrap());
    World::over(backend, keyring.clone(), Counting::from(first), |_| {})
}

fn events(world: &World, after: EventCursor) -> Vec<(EventCursor, EventKind)> {
    let events = run(world.engine.events(after, 1000)).unwrap();
    events.into_iter().map(|(cursor, event)| (cursor, event.kind)).collect()
}

#[test]
fn a_restored_database_knows_nothing_of_what_happened_since() {
    let directory = scratch_directory();
    let (path, copy) = (directory.path().join("users.db"), directory.path().join("backup.db"));
    let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
    let device = Device::new(1);

    let world = open(&path, &keyring, 0);
    let guest = world.guest();
    let owner = world.regular("owner");
    let backup = Connection::open(&path).unwrap();
    backup.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    drop(backup);
    let told = events(&world, EventCursor::START).last().unwrap().0;

    // What nobody will know of.
    let promoted = world.promote(&world.by_session(&guest), password("ada")).unwrap();
    run(world.engine.sign_out(&owner.token)).unwrap();
    let later = run(world.engine.sign_in(password("owner"), None, refresh("app"), None));
    let later = Held::from(later.unwrap());
    let access = world.access_token(&later);
    let code = run(world.engine.sign_in(password("owner"), None, code_for("app"), None)).unwrap();
    let newcomer = world.guest_on(&device);
    let request = device.request(&world.engine, Action::Auth);
    run(world.engine.sign_in_with_device_key(&request, cookie(), None)).unwrap();
    let since = events(&world, told).last().unwrap().0;
    drop(world);

    let world = open(&copy, &keyring, 1 << 32);
    for held in [&promoted, &later, &newcomer] {
        assert_eq!(world.ended(held), Some(Rejection::SessionUnknown), "{held:?}");
    }
    assert_eq!(refused(run(world.engine.authenticate_access(&access))), Rejection::SessionUnknown);
    // The guest is one again, and becomes who it was under the same `sub`.
    assert_eq!(world.ended(&guest), None);
    let again = world.promote(&world.by_session(&guest), password("ada")).unwrap();
    assert_eq!((again.user, again.outcome), (promoted.user, SignInOutcome::Promoted));
    // The device's user is another, for nobody knows of the one it was.
    let other = run(world.engine.sign_in_with_device_key(&request, cookie(), None)).unwrap();
    assert_ne!(other.user.id, newcomer.user);

    // Events go on where the backup ended, which is before where whoever reads them is.
    let expected = [EventKind::Promoted, EventKind::SignedUpAnonymously];
    let found: Vec<EventKind> = events(&world, told).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(found, expected);
    assert_eq!(events(&world, since), []);

    // What was signed out since is back, and a code that came since is good for its minutes; both until
    // the user's sessions are ended.
    assert_eq!(world.ended(&owner), None);
    run(world.engine.sign_out_all(owner.user)).unwrap();
    assert_eq!(world.ended(&owner), Some(Rejection::SessionSuperseded));
    let redeemed = world.redeem(&World::issued(code), "app");
    assert_eq!(refused(redeemed), Rejection::SessionSuperseded);
}
