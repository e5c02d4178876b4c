//! What becomes of sessions whose user has moved on to another epoch.
//!
//! The engine notes who has moved on, and a later sweep lets the sessions from before end early. Such
//! a note may be old by then: the user may have moved on again. It once named the epoch to spare, so
//! that after a promotion and a change of the password the sweep ended the very session that had
//! changed it, a day later. Now it names the epoch that is over.

use std::pin::pin;

use guestpass::Rejection;
use guestpass::model::ProvenIdentity;
use guestpass::rules::OnConflict;

use crate::support::{
    Fault, Held, PASSWORD, Place, World, at_once, cookie, days, email, on_every_backend,
    on_every_backend_with, password, run, seconds,
};

const OTHER: &str = "another long password";

fn sweep(world: &World) {
    run(world.engine.sweep(100)).unwrap();
}

/// More than a superseded session is kept, and far less than a session may go unused.
fn a_day_later(world: &World) {
    world.advance(days(1) + seconds(3600));
    sweep(world);
}

#[test]
fn a_sweep_ends_no_session_that_lives_however_often_its_user_moved_on() {
    on_every_backend(|world| {
        let guest = world.guest();
        let ada = world.promote(&world.by_session(&guest), password("ada")).unwrap();
        run(world.engine.change_password(&ada.token, PASSWORD, OTHER, None)).unwrap();
        sweep(&world);
        a_day_later(&world);
        assert_eq!(world.ended(&ada), None, "30 days without use are allowed");
        assert_eq!(world.ended(&guest), Some(Rejection::SessionUnknown), "that one is gone early");
    });
}

#[test]
fn whatever_moves_a_user_on_its_sessions_from_before_are_swept_early() {
    let change: [fn(&World, &Held); 5] = [
        |world, ada| {
            let by = world.sign_in(password("ada")).unwrap();
            run(world.engine.change_password(&by.token, PASSWORD, OTHER, None)).unwrap();
            assert_ne!(by.session.id, ada.session.id);
        },
        |world, _| {
            let identity = ProvenIdentity::login_id(email("ada"));
            run(world.engine.set_password(identity, OTHER)).unwrap();
        },
        |world, ada| run(world.engine.sign_out_all(ada.user)).unwrap(),
        |world, ada| run(world.engine.disable(ada.user)).unwrap(),
        |world, ada| run(world.engine.delete(ada.user)).unwrap(),
    ];
    for change in change {
        on_every_backend(|world| {
            let ada = world.regular("ada");
            change(&world, &ada);
            sweep(&world);
            assert_ne!(world.ended(&ada), Some(Rejection::SessionUnknown), "it is told why");
            a_day_later(&world);
            assert_eq!(world.ended(&ada), Some(Rejection::SessionUnknown));
        });
    }
}

/// A sweep that had shortened one portion of a user's sessions took the user for done. Of 3,000 sessions
/// 2,000 were left, until their own time was up.
#[test]
fn more_sessions_than_a_portion_are_swept_early() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        let mut all = vec![ada];
        all.extend((0..6).map(|_| world.sign_in(password("ada")).unwrap()));
        run(world.engine.sign_out_all(all[0].user)).unwrap();
        let sweep_to_the_end = || {
            let more = (0..100).take_while(|_| run(world.engine.sweep(2)).unwrap().has_more());
            assert!(more.count() < 100, "it comes to an end");
        };
        sweep_to_the_end();
        let is_kept = |held: &Held| world.ended(held) == Some(Rejection::SessionSuperseded);
        assert!(all.iter().all(is_kept), "each is told why");
        world.advance(days(1) + seconds(3600));
        sweep_to_the_end();
        let left = all.iter().filter(|held| is_kept(held)).count();
        assert_eq!(left, 0, "of {}", all.len());
    });
}

/// A sweep took the notes of up to a portion of users before it did anything. If the store failed then, or
/// nobody waited any more, they were lost.
#[test]
fn a_sweep_that_breaks_off_forgets_nobody() {
    let break_off: [fn(&World); 2] = [
        |world| {
            world.script.fail(Fault::Before, 0);
            assert!(run(world.engine.sweep(100)).is_err());
        },
        |world| {
            world.script.step();
            assert!(at_once(pin!(world.engine.sweep(100))).is_none());
        },
    ];
    for break_off in break_off {
        on_every_backend(|world| {
            let both = ["ada", "eve"].map(|name| world.regular(name));
            for held in &both {
                run(world.engine.sign_out_all(held.user)).unwrap();
            }
            break_off(&world);
            world.script.rest();
            sweep(&world);
            a_day_later(&world);
            for held in &both {
                assert_eq!(world.ended(held), Some(Rejection::SessionUnknown));
            }
        });
    }
}

#[test]
fn for_a_day_a_superseded_session_tells_its_holder_why() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        run(world.engine.sign_out_all(ada.user)).unwrap();
        sweep(&world);
        world.advance(seconds(86_399));
        sweep(&world);
        assert_eq!(world.ended(&ada), Some(Rejection::SessionSuperseded));
        world.advance(seconds(2));
        sweep(&world);
        assert_eq!(world.ended(&ada), Some(Rejection::SessionUnknown));
    });
}

#[test]
fn the_sessions_of_a_merged_guest_are_swept_early() {
    let login = |policy: &mut guestpass::Policy| {
        policy.anonymous.on_conflict = OnConflict::Login;
    };
    let merge: [fn(&World, &Held); 2] = [
        |world, guest| {
            world.promote(&world.by_session(guest), password("ada")).unwrap();
        },
        |world, guest| {
            let guest = world.by_session(guest);
            run(world.engine.sign_in(password("ada"), Some(&guest), cookie(), None)).unwrap();
        },
    ];
    for merge in merge {
        on_every_backend_with(login, |world| {
            let (ada, guest) = (world.regular("ada"), world.guest());
            merge(&world, &guest);
            sweep(&world);
            assert_eq!(world.ended(&guest), Some(Rejection::SessionSuperseded), "it is told why");
            a_day_later(&world);
            assert_eq!(world.ended(&guest), Some(Rejection::SessionUnknown));
            assert_eq!(world.ended(&ada), None);
        });
    }
}

/// Whoever was merged into a user that is there may log in as that one; where it is not, there is nobody to log
/// in as, and another guest takes nothing from anybody.
#[test]
fn a_guest_is_followed_by_another_once_there_is_no_user_that_it_has_become() {
    let world = World::with(Place::Memory, |policy| {
        policy.anonymous.on_conflict = OnConflict::Login;
    });
    let (guest, owner) = (world.guest(), world.regular("owner"));
    let became = || run(world.engine.has_become_regular(&guest.token)).unwrap();
    assert!(!became());
    world.promote(&world.by_session(&guest), password("owner")).unwrap();
    assert!(became());
    run(world.engine.delete(owner.user)).unwrap();
    assert!(!became());
}
