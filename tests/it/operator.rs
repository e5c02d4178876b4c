//! What the operator does to users, and reads about them.

use guestpass::Rejection;
use guestpass::model::{EventCursor, EventKind, Standing, UserId};

use crate::support::{Device, World, days, on_every_backend, password, refused, run};

#[test]
fn disabling_a_regular_user_ends_its_sessions_for_good() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        run(world.engine.disable(ada.user)).unwrap();
        assert_eq!(world.ended(&ada), Some(Rejection::SessionSuperseded));
        run(world.engine.enable(ada.user)).unwrap();
        assert_eq!(world.ended(&ada), Some(Rejection::SessionSuperseded));
        assert_eq!(world.sign_in(password("ada")).unwrap().user, ada.user);
    });
}

#[test]
fn a_disabled_guest_keeps_its_sessions_for_the_day_it_is_enabled() {
    on_every_backend(|world| {
        for guest in [world.guest(), world.guest_on(&Device::new(1))] {
            run(world.engine.disable(guest.user)).unwrap();
            assert_eq!(world.ended(&guest), Some(Rejection::Disabled));
            run(world.engine.enable(guest.user)).unwrap();
            assert_eq!(world.ended(&guest), None);
        }
    });
}

#[test]
fn a_disabled_guest_is_kept_for_as_long_as_its_session_would_last_unused() {
    on_every_backend(|world| {
        let [early, late] = [world.guest(), world.guest()];
        for guest in [&early, &late] {
            run(world.engine.disable(guest.user)).unwrap();
        }
        world.advance(days(29));
        run(world.engine.sweep(100)).unwrap();
        run(world.engine.enable(early.user)).unwrap();
        assert_eq!(world.ended(&early), None);
        world.advance(days(4));
        run(world.engine.sweep(100)).unwrap();
        assert_eq!(world.user(late.user).standing, Standing::Collected);
        assert_eq!(refused(run(world.engine.enable(late.user))), Rejection::UserUnknown);
    });
}

#[test]
fn disabling_and_enabling_twice_is_doing_it_once() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        run(world.engine.disable(ada.user)).unwrap();
        let once = world.account(ada.user);
        run(world.engine.disable(ada.user)).unwrap();
        assert_eq!(world.account(ada.user), once);
        run(world.engine.enable(ada.user)).unwrap();
        let once = world.account(ada.user);
        run(world.engine.enable(ada.user)).unwrap();
        assert_eq!(world.account(ada.user), once);
        assert_eq!(
            world.history(ada.user),
            [EventKind::SignedUp, EventKind::Disabled, EventKind::Enabled]
        );
    });
}

#[test]
fn deleting_leaves_the_root_record_alone() {
    on_every_backend(|world| {
        for held in [world.regular("ada"), world.guest(), world.guest_on(&Device::new(1))] {
            run(world.engine.delete(held.user)).unwrap();
            let account = world.account(held.user);
            assert_eq!(account.user.standing, Standing::Deleted);
            assert!(account.identities.is_empty() && account.authenticators.is_empty());
            assert_eq!(world.ended(&held), Some(Rejection::SessionSuperseded));
            assert_eq!(world.history(held.user).last(), Some(&EventKind::Deleted));
            run(world.engine.delete(held.user)).unwrap();
            assert_eq!(world.account(held.user), account, "once is enough");
        }
        assert_eq!(world.owner("ada"), None);
    });
}

#[test]
fn deleting_a_disabled_user_works_and_it_is_not_disabled_then() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        run(world.engine.disable(ada.user)).unwrap();
        run(world.engine.delete(ada.user)).unwrap();
        assert!(!world.user(ada.user).is_disabled);
    });
}

#[test]
fn users_who_are_over_are_neither_disabled_nor_enabled() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        run(world.engine.delete(ada.user)).unwrap();
        let nobody = UserId::from_bytes([7; 16]);
        for user in [ada.user, nobody] {
            assert_eq!(refused(run(world.engine.disable(user))), Rejection::UserUnknown);
            assert_eq!(refused(run(world.engine.enable(user))), Rejection::UserUnknown);
        }
        assert_eq!(refused(run(world.engine.delete(nobody))), Rejection::UserUnknown);
    });
}

#[test]
fn events_are_read_in_the_order_of_their_commits_and_none_is_missed() {
    on_every_backend(|world| {
        let guest = world.guest();
        let ada = world.promote(&world.by_session(&guest), password("ada")).unwrap();
        run(world.engine.set_password(ada_proven(), "a new password")).unwrap();
        run(world.engine.disable(ada.user)).unwrap();
        run(world.engine.enable(ada.user)).unwrap();
        run(world.engine.delete(ada.user)).unwrap();
        let expected = [
            EventKind::SignedUpAnonymously,
            EventKind::Promoted,
            EventKind::PasswordChanged,
            EventKind::Disabled,
            EventKind::Enabled,
            EventKind::Deleted,
        ];
        assert_eq!(world.history(guest.user), expected);

        let mut cursor = EventCursor::START;
        let mut read = Vec::new();
        loop {
            let portion = run(world.engine.events(cursor, 1)).unwrap();
            let Some((next, event)) = portion.first() else { break };
            assert!(cursor < *next);
            cursor = *next;
            read.push(event.kind);
        }
        assert_eq!(read, expected);
    });
}

#[test]
fn forgotten_events_are_gone_and_the_others_keep_their_places() {
    on_every_backend(|world: World| {
        for _ in 0..5 {
            world.guest();
        }
        let all = run(world.engine.events(EventCursor::START, 100)).unwrap();
        let through = all[2].0;
        assert_eq!(run(world.engine.forget_events(through, 2)).unwrap(), 2);
        assert_eq!(run(world.engine.forget_events(through, 2)).unwrap(), 1);
        assert_eq!(run(world.engine.forget_events(through, 2)).unwrap(), 0);
        assert_eq!(run(world.engine.events(EventCursor::START, 100)).unwrap(), all[3..]);
        world.guest();
        let later = run(world.engine.events(all[4].0, 100)).unwrap();
        assert_eq!(later.len(), 1);
        assert!(all[4].0 < later[0].0);
    });
}

fn ada_proven() -> guestpass::model::ProvenIdentity {
    guestpass::model::ProvenIdentity::login_id(crate::support::email("ada"))
}
