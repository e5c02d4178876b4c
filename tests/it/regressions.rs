//! Bugs that were there once. Each test tells the story of one.

use guestpass::engine::FlowStart;
use guestpass::model::SessionId;
use guestpass::rules::OnConflict;
use guestpass::{Credential, Error, Policy, Rejection, SignInOutcome};

use crate::support::*;

/// Signing out a session that is not there lowered the fence of its guest all the same. A guest whose
/// only way in was a code that was not redeemed yet had no session, so asking to end any session, even
/// one that never was, ended the guest.
#[test]
fn signing_out_nothing_ends_no_guest() {
    on_every_backend(|world| {
        let signed_up = run(world.engine.sign_up_anonymously(code_for("app"), None)).unwrap();
        let user = signed_up.user.id;
        let code = World::issued(signed_up);
        let nothing = SessionId::from_bytes([7; 16]);
        assert!(!run(world.engine.sign_out_session(user, nothing)).unwrap());
        world.redeem(&code, "app").unwrap();
    });
}

/// A code that came a second time while its guest was disabled was answered with that alone. The session
/// that the first use had opened waited for the day that the guest is enabled, and then counted for
/// whichever of the two had it, the thief perhaps.
#[test]
fn a_code_that_is_used_twice_leaves_no_session_to_a_disabled_guest() {
    on_every_backend(|world| {
        let issued = run(world.engine.sign_up_anonymously(code_for("app"), None)).unwrap();
        let guest = issued.user.id;
        let code = World::issued(issued);
        let held = world.redeem(&code, "app").unwrap();
        run(world.engine.disable(guest)).unwrap();
        assert_eq!(refused(world.redeem(&code, "app")), Rejection::Disabled);
        run(world.engine.enable(guest)).unwrap();
        assert_eq!(world.ended(&held), Some(Rejection::SessionUnknown));
    });
}

/// Two requests moved the fence of a guest at once: opening a flow put it an hour away, and an access,
/// decided before, put it back to where its session ends. The flow then ended under the hands of the
/// person who was signing up in it.
#[test]
fn the_fence_of_a_guest_never_comes_nearer() {
    in_every_order(|schedule| {
        let world = World::with(Place::Memory, |policy| policy.session.idle_timeout_seconds = 1800);
        let guest = world.guest();
        world.advance(seconds(1000));
        let code = run(world.engine.promotion_code(&guest.token)).unwrap().text;
        world.advance(seconds(200));
        world.script.step();
        let (flow, access) = interleave(
            schedule,
            world.engine.open_flow(FlowStart::PromotionCode(&code), b""),
            world.engine.authenticate(&guest.token),
        );
        world.script.rest();
        access.unwrap();
        let ends = flow.unwrap().ticket.expires_at;
        let fence = world.user(guest.user).ends_at.unwrap();
        assert!(ends <= fence, "by {:?}", ends.since(fence));
    });
}

/// Failed passwords were limited by login ID only, so one address could try one password with every
/// login ID that there is.
#[test]
fn one_address_cannot_try_a_password_with_everybody() {
    let world = World::new(Place::Memory);
    let address = Some("192.0.2.1".parse().unwrap());
    let limited = (0..100).any(|number| {
        let credential = password(&format!("user{number}"));
        let answer = run(world.engine.sign_in(credential, None, cookie(), address));
        refused(answer) == Rejection::LimitReached
    });
    assert!(limited);
    world.regular("ada");
    let elsewhere = Some("198.51.100.1".parse().unwrap());
    run(world.engine.sign_in(password("ada"), None, cookie(), elsewhere)).unwrap();
}

/// After a session was opened, the surplus ones of its client are ended. A hiccup of the store at that
/// point failed the whole sign-in, whose code was spent: the client asked again, and the second use of
/// the code ended the session too. A guest was lost for good.
#[test]
fn ending_surplus_sessions_fails_no_sign_in_that_has_landed() {
    for &place in &[Place::Memory, Place::Sqlite] {
        let world = World::new(place);
        world.regular("ada");
        let code = || {
            let signed_in = world.engine.sign_in(password("ada"), None, code_for("two"), None);
            World::issued(run(signed_in).unwrap())
        };
        let [healthy, hiccup] = [code(), code()];
        world.script.rest();
        world.redeem(&healthy, "two").unwrap();
        let calls = world.script.calls();
        assert!(READ_AND_LANDING < calls, "the surplus was not looked for");
        world.script.fail(Fault::Before, READ_AND_LANDING);
        world.redeem(&hiccup, "two").unwrap();
    }
}

/// What redeeming a code asks of a store before the session is there.
const READ_AND_LANDING: u32 = 2;

/// With the clock set back, the session that had just been opened counted as the earliest of its
/// client's, and was ended as surplus before anybody could use it.
#[test]
fn a_new_session_is_never_the_surplus_one() {
    let world = World::new(Place::Memory);
    world.regular("ada");
    let sign_in = || {
        Held::from(run(world.engine.sign_in(password("ada"), None, refresh("two"), None)).unwrap())
    };
    let earlier = [sign_in(), sign_in()];
    world.clock.set(world.clock_now().minus(days(1)));
    let newest = sign_in();
    assert_eq!(world.ended(&newest), None);
    assert_eq!(earlier.iter().filter(|held| world.ended(held).is_none()).count(), 1);
}

/// A second click on the button sent the promotion twice at once. Where a conflict is an error, the second
/// read the guest before the first had landed and the identity after that, took the guest's own identity
/// for another user's, and said so to somebody who was just promoted.
#[test]
fn promoting_twice_at_once_is_promoting_once() {
    let on_conflict =
        |on_conflict| move |policy: &mut Policy| policy.anonymous.on_conflict = on_conflict;
    for mode in [OnConflict::Error, OnConflict::Login] {
        for other_password in [PASSWORD, "another long password"] {
            in_every_order(|schedule| {
                let world = World::with(Place::Memory, on_conflict(mode));
                let guest = world.by_session(&world.guest());
                let promote = |password| {
                    let credential = Credential::password(email("ada"), password);
                    world.engine.promote(&guest, credential, cookie(), None)
                };
                world.script.step();
                let (one, other) = interleave(schedule, promote(PASSWORD), promote(other_password));
                world.script.rest();
                let answers = [one, other].map(|answer| answer.map(|signed_in| signed_in.outcome));
                let is = |answer: &Result<SignInOutcome, Error>, outcome| matches!(answer, Ok(found) if *found == outcome);
                let was_first =
                    answers.iter().filter(|one| is(one, SignInOutcome::Promoted)).count();
                assert_eq!(was_first, 1, "{answers:?} by {schedule:?}");
                for answer in answers.into_iter().filter(|one| !is(one, SignInOutcome::Promoted)) {
                    if other_password == PASSWORD {
                        assert!(is(&answer, SignInOutcome::SignedIn), "{answer:?} by {schedule:?}");
                    } else {
                        assert_eq!(refused(answer), Rejection::AlreadyPromoted, "by {schedule:?}");
                    }
                }
            });
        }
    }
}

/// Signing up found that the login ID was somebody's, who was deleted before the password could be
/// verified. The login ID was then said to be taken though it was nobody's any more.
#[test]
fn signing_up_while_the_user_of_the_login_id_is_deleted_is_signing_in_or_up() {
    in_every_order(|schedule| {
        let world = World::new(Place::Memory);
        let ada = world.regular("ada");
        world.script.step();
        let (signed_up, deleted) = interleave(
            schedule,
            world.engine.sign_up(password("ada"), cookie(), None),
            world.engine.delete(ada.user),
        );
        world.script.rest();
        deleted.unwrap();
        match signed_up {
            // It was signed in as a user who was going.
            Err(error) => assert!(matches!(error, Error::Contended), "{error:?} by {schedule:?}"),
            Ok(signed_up) if signed_up.user.id == ada.user => {}
            Ok(signed_up) => assert_eq!(Some(signed_up.user.id), world.owner("ada")),
        }
    });
}

/// The password could not be verified, because the user had just been deleted; and then the login ID was
/// somebody's again, a guest's who was promoted to it with the same password. That it is taken was said in
/// the name of one user who was gone and of another who was never asked.
#[test]
fn a_login_id_that_passes_from_one_user_to_another_is_refused_by_neither() {
    for on_conflict in [None, Some(OnConflict::Login)] {
        in_every_order(|schedule| {
            let policy = |policy: &mut Policy| {
                policy.anonymous.on_conflict = on_conflict.unwrap_or(OnConflict::Error);
            };
            let world = World::with(Place::Memory, policy);
            let (ada, heir, guest) = (world.regular("ada"), world.guest(), world.guest());
            let (heir, guest) = (world.by_session(&heir), world.by_session(&guest));
            world.script.step();
            let asking = async {
                match on_conflict {
                    None => world.engine.sign_up(password("ada"), cookie(), None).await,
                    Some(_) => world.engine.promote(&guest, password("ada"), cookie(), None).await,
                }
            };
            let passing = async {
                world.engine.delete(ada.user).await.unwrap();
                let _whoever_was_first =
                    world.engine.promote(&heir, password("ada"), cookie(), None).await;
            };
            let (asked, ()) = interleave(schedule, asking, passing);
            world.script.rest();
            assert!(
                matches!(asked, Ok(_) | Err(Error::Contended)),
                "{asked:?} by {schedule:?} and {on_conflict:?}"
            );
        });
    }
}

/// Who asked for a promotion again, with the right password, while the user was being deleted was told for
/// good that it was promoted: the password could not be verified any more, and so was taken for wrong.
#[test]
fn asking_again_while_the_user_is_deleted_is_signing_in_or_hearing_of_it() {
    in_every_order(|schedule| {
        let world = World::new(Place::Memory);
        let guest = world.guest();
        let proof = world.by_session(&guest);
        world.promote(&proof, password("ada")).unwrap();
        world.script.step();
        let (again, deleted) = interleave(
            schedule,
            world.engine.promote(&proof, password("ada"), cookie(), None),
            world.engine.delete(guest.user),
        );
        world.script.rest();
        deleted.unwrap();
        match again {
            Ok(again) => assert_eq!(again.outcome, SignInOutcome::SignedIn),
            Err(Error::Contended) => {}
            Err(error) => {
                assert_eq!(error.rejection(), Some(Rejection::Deleted), "by {schedule:?}");
            }
        }
    });
}

/// A promotion that is asked again is a sign-in. While it looked for whoever has the login ID, the promoted guest
/// was deleted, and another one was promoted with the same login ID and password; and so the client of the
/// first was signed in as the other. It took random histories to find it.
#[test]
fn a_promotion_asked_again_signs_in_nobody_but_the_guest_that_was() {
    in_every_order(|schedule| {
        let world = World::with(Place::Memory, |policy| {
            policy.anonymous.on_conflict = OnConflict::Error;
        });
        let (guest, rival) = (world.guest(), world.guest());
        let [by_guest, by_rival] = [&guest, &rival].map(|held| world.by_session(held));
        let promote = |guest| world.engine.promote(guest, password("ada"), cookie(), None);
        run(promote(&by_guest)).unwrap();
        world.script.step();
        let (again, others) = interleave(schedule, promote(&by_guest), async {
            world.engine.delete(guest.user).await?;
            promote(&by_rival).await
        });
        world.script.rest();
        others.unwrap();
        match again {
            Ok(again) => assert_eq!(again.user.id, guest.user, "by {schedule:?}"),
            Err(Error::Contended) => {}
            Err(error) => {
                assert_eq!(error.rejection(), Some(Rejection::Deleted), "by {schedule:?}");
            }
        }
    });
}

/// Of two changes to one and the same password at once, in one session, the second was told that its
/// session was superseded, or that the right password was wrong. Neither was so: the first had moved the
/// session on.
#[test]
fn changing_the_password_twice_at_once_neither_ends_the_session_nor_denies_the_password() {
    for place in [Place::Memory, Place::Sqlite] {
        let world = World::new(place);
        let mut names = 0..;
        in_every_order(|schedule| {
            let ada = world.regular(&format!("ada{}", names.next().unwrap()));
            world.script.step();
            let change = || world.engine.change_password(&ada.token, PASSWORD, PASSWORD, None);
            let (one, other) = interleave(schedule, change(), change());
            world.script.rest();
            let answers = [one, other];
            assert!(answers.iter().any(Result::is_ok), "{answers:?} by {schedule:?}");
            for answer in answers {
                let is_fine = matches!(answer, Ok(()) | Err(Error::Contended));
                assert!(is_fine, "{answer:?} by {schedule:?}");
            }
            assert_eq!(world.ended(&ada), None, "by {schedule:?}");
        });
    }
}
