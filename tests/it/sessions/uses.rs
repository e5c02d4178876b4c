//! The use of a session is recorded behind the request that it was used for.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use guestpass::credential::Keyring;
use guestpass::model::{ManualClock, SystemEntropy};
use guestpass::store::Backend as _;
use guestpass::store::sqlite::SqliteBackend;
use guestpass::{Engine, Policy};

use crate::support::{Fault, START, cookie, days, on_every_backend, run, seconds};

/// Every request failed once a use was due to be recorded and could not be: a full disk locked everybody
/// out who was signed in.
#[test]
fn who_is_signed_in_stays_so_while_nothing_can_be_written() {
    on_every_backend(|world| {
        for held in [world.guest(), world.regular("ada")] {
            world.script.rest();
            let before = world.authenticate(&held).unwrap().session;
            let reads = world.script.calls();
            world.advance(days(10));
            world.script.fail(Fault::Onwards, reads);
            assert_eq!(world.ended(&held), None);
            world.script.rest();
            let recorded = world.authenticate(&held).unwrap().session;
            assert!(before.ends_at < recorded.ends_at, "the next use is recorded instead");
        }
    });
}

/// A request in which a use is recorded, also one that moves the fence, is answered at the first poll: the
/// writer has not even been asked by then.
#[test]
fn nobody_waits_for_the_disk_because_a_use_is_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guestpass.db");
    let clock = ManualClock::at(START);
    let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
    let open = || SqliteBackend::open(&path).unwrap();
    let build = |backend| {
        let builder = Engine::builder(backend, keyring.clone(), Policy::default());
        builder.clock(clock.clone()).build().unwrap()
    };
    let engine = build(open());
    let signed_up = run(engine.sign_up_anonymously(cookie(), None)).unwrap();
    let (token, caller) = signed_up.into_session().unwrap();
    for unused in [seconds(60), days(20)] {
        clock.advance(unused);
        let asked = pin!(engine.authenticate(&token));
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(answer) = asked.poll(&mut context) else { panic!("it waits") };
        answer.unwrap();
    }
    // Dropping the backend waits for what was handed over.
    drop(engine);
    let (session, user) = run(open().resolve(&token.digest())).unwrap().unwrap();
    assert!(caller.session.ends_at < session.ends_at);
    assert!(caller.user.ends_at < user.ends_at && session.ends_at <= user.ends_at.unwrap());
}
