//! Each store call of each operation fails once, before its effect or after it, or all fail from that
//! one on; and each operation is dropped at each of them.

use crate::races::scene::{Answer, Scene};
use crate::races::{Act, Outcome};
use crate::support::{Fault, Place, abandon_after, run};

/// More store calls than any operation makes.
const MAX_CALLS: u32 = 64;

fn outcome_of(place: Place, act: Act, times: usize) -> Outcome {
    let scene = Scene::new(place, [act, act]);
    let mut answers = (0..times).map(|side| run(scene.act(act, side)));
    let (one, other) = (answers.next(), answers.next());
    scene.outcome([one, other])
}

fn survives(act: Act) {
    for &place in Place::QUICK {
        let [before, once, twice] = [0, 1, 2].map(|times| outcome_of(place, act, times));
        for fault in [Fault::Before, Fault::After, Fault::Onwards] {
            let reached = (0..MAX_CALLS).find(|&call| {
                let faulty = || {
                    let scene = Scene::new(place, [act, act]);
                    scene.world.script.fail(fault, call);
                    let answer = run(scene.act(act, 0));
                    (scene, answer)
                };
                let (scene, answer) = faulty();
                let is_reached = call < scene.world.script.calls();
                let what = format!("{act:?} on {place:?} with {fault:?} at {call}");

                let after = scene.outcome([Some(answer), None]);
                is_between(&after, &before, &once, &what);
                let has_failed = after.answers[0] == "store";
                assert!(has_failed || after.answers[0] == once.answers[0], "{what}: {after:#?}");
                if has_failed {
                    // In a scene of its own, because looking at what is there counts as use.
                    converges(act, &faulty().0, &once, &twice, &what);
                }
                !is_reached
            });
            assert!(reached.is_some(), "{act:?} calls the store without end");
        }
    }
}

/// Whoever asked goes away while a store call is under way.
fn survives_being_dropped(act: Act) {
    for &place in Place::QUICK {
        let [before, once, twice] = [0, 1, 2].map(|times| outcome_of(place, act, times));
        let ended = (0..MAX_CALLS).find(|&call| {
            let dropped = || {
                let scene = Scene::new(place, [act, act]);
                scene.world.script.step();
                let answer = abandon_after(call, scene.act(act, 0));
                (scene, answer.is_some())
            };
            let what = format!("{act:?} on {place:?} dropped at {call}");
            let (scene, has_ended) = dropped();
            is_between(&scene.outcome([None, None]), &before, &once, &what);
            if !has_ended {
                converges(act, &dropped().0, &once, &twice, &what);
            }
            has_ended
        });
        assert!(ended.is_some(), "{act:?} calls the store without end");
    }
}

/// Every user is as before or as after, and every session that was there counts or not as before or as
/// after: nothing is half done, and nothing is revoked by a fault.
fn is_between(found: &Outcome, before: &Outcome, once: &Outcome, what: &str) {
    for (name, state) in &found.users {
        let expected = [&before.users[name], &once.users[name]];
        assert!(expected.contains(&state), "{what}: the {name} is {state}");
    }
    for (name, state) in &found.sessions {
        let expected = [before.sessions.get(name), once.sessions.get(name)];
        // The password is changed, and the caller's session has not been moved.
        let is_left_behind = what.starts_with("ChangePassword") && state == "session_superseded";
        assert!(
            expected.contains(&Some(state)) || is_left_behind,
            "{what}: the session {name} {state}"
        );
    }
}

/// Asking again comes to what asking once or twice without a fault comes to.
fn converges(act: Act, scene: &Scene, once: &Outcome, twice: &Outcome, what: &str) {
    scene.world.script.rest();
    let again: Answer = run(scene.act(act, 1));
    let after = scene.outcome([None, Some(again)]);
    assert!([&once.users, &twice.users].contains(&&after.users), "{what}, and again: {after:#?}");
    let answer = &after.answers[1];
    let expected = [&once.answers[0], &twice.answers[1]];
    // Of what was done the first time nothing is left to do; a code may be spent without a session, or
    // with one that nobody has and that ends with the second use.
    let excused: &[(Act, &str)] = &[
        (Act::Redeem, "ticket_spent"),
        (Act::ChangePassword, "session_superseded"),
        (Act::ChangePassword, "denied"),
        (Act::SignOut, "false"),
        (Act::SignOutRival, "false"),
        (Act::SweepLater, "0"),
    ];
    let is_excused = excused.contains(&(act, answer.as_str()));
    assert!(expected.contains(&answer) || is_excused, "{what}, and again: {answer}");
    if once.sessions.len() < 4 {
        return;
    }
    let opened = after.sessions.get("opened by the second");
    let is_fine = opened.is_none_or(|state| state.starts_with("counts"));
    assert!(is_fine, "{what}, and again: {opened:?}");
}

#[test]
fn what_lets_somebody_in_survives_a_fault_at_every_call() {
    for act in [
        Act::Promote,
        Act::PromoteRival,
        Act::Merge,
        Act::SignInAsGuest,
        Act::SignInByKey,
        Act::SignInByNewKey,
        Act::SignInByPassword,
        Act::SignInToOne,
        Act::SignUp,
        Act::SignUpAsOwner,
        Act::Redeem,
    ] {
        survives(act);
    }
}

#[test]
fn what_ends_something_survives_a_fault_at_every_call() {
    for act in [
        Act::SignOut,
        Act::SignOutRival,
        Act::SignOutAll,
        Act::SignOutAllOfOwner,
        Act::Disable,
        Act::DisableOwner,
        Act::Enable,
        Act::Delete,
        Act::DeleteOwner,
        Act::SweepLater,
    ] {
        survives(act);
    }
}

#[test]
fn everything_else_survives_a_fault_at_every_call() {
    for act in [
        Act::ChangePassword,
        Act::SetPassword,
        Act::Access,
        Act::AccessRival,
        Act::Refresh,
        Act::UseAccessToken,
        Act::OpenFlow,
    ] {
        survives(act);
    }
}

#[test]
fn whatever_is_dropped_half_way_is_done_whole_or_not_at_all() {
    for &act in Act::ALL {
        survives_being_dropped(act);
    }
}
