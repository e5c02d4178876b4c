//! Two operations on the same users at once, in every order in which their store calls can come.
//!
//! Whatever the order, what both answer and what is there afterwards is as if one had come after the
//! other, in one of the two orders. An operation may also give up because of the other; then it has
//! done nothing.

pub(crate) mod scene;

use scene::{Act, Outcome, Scene};

use crate::support::{Place, Schedule, Side, in_every_order, interleave, run};

/// Lets `first` race with itself and every act that comes after it in the list.
fn race(first: Act) {
    let position = Act::ALL.iter().position(|act| *act == first).unwrap();
    for &second in &Act::ALL[position..] {
        for &place in Place::QUICK {
            let serial = [Side::A, Side::B]
                .map(|side| play(place, first, second, &mut Schedule::one_first(side)));
            let alone = [alone(place, first, 0), alone(place, second, 1)];
            in_every_order(|schedule| {
                let outcome = play(place, first, second, schedule);
                let gave_up = |side: usize| {
                    outcome.answers[side] == "contended"
                        && outcome.is_as_after(&alone[1 - side], 1 - side)
                };
                let is_fine = serial.contains(&outcome)
                    || gave_up(0)
                    || gave_up(1)
                    || is_excused(first, second, &outcome);
                assert!(
                    is_fine,
                    "{first:?} and {second:?} on {place:?} by {schedule:?}\n\
                     came to {outcome:#?}\n\
                     one after the other to {serial:#?}"
                );
            });
        }
    }
}

/// What is not as if one had come after the other, and harms nobody.
fn is_excused(first: Act, second: Act, outcome: &Outcome) -> bool {
    // A sweep that moves the clock meets operations that began an hour before. They act at their own
    // instant, which is that of neither order. The scene still looks after what must never be.
    let moves_the_clock = first == Act::SweepLater || second == Act::SweepLater;
    // Where sessions and users are kept apart, the caller's session does not count between the change of
    // a password and its moving, so another change in the same session is told so.
    let is_moving = (first, second) == (Act::ChangePassword, Act::ChangePassword)
        && outcome.answers.iter().any(|answer| answer == "session_superseded");
    // Where a code may be seen as spent before its session is there, both may be told that the other
    // has used it.
    let is_spent = (first, second) == (Act::Redeem, Act::Redeem)
        && outcome.answers.iter().all(|answer| answer == "ticket_spent");
    // Where sessions and users are kept apart, a session may be read before it is signed out and its
    // user after that; then the fence is why it does not count.
    let is_read_between = (first, second) == (Act::SignOutRival, Act::AccessRival)
        && outcome.answers[1] == "session_expired";
    // Disabling a guest ends no epoch, so a sign-in that was let in before may be told of after it. Its
    // session does not count for as long as the guest is disabled.
    let is_told_late = (first, second) == (Act::SignInByKey, Act::Disable)
        && outcome.sessions.get("opened by the first").is_some_and(|why| why == "disabled");
    moves_the_clock || is_moving || is_spent || is_read_between || is_told_late
}

fn play(place: Place, first: Act, second: Act, schedule: &mut Schedule) -> Outcome {
    let scene = Scene::new(place, [first, second]);
    scene.world.script.step();
    let (one, other) = interleave(schedule, scene.act(first, 0), scene.act(second, 1));
    scene.outcome([Some(one), Some(other)])
}

fn alone(place: Place, act: Act, side: usize) -> Outcome {
    let scene = Scene::new(place, [act, act]);
    let answer = run(scene.act(act, side));
    scene.outcome(if side == 0 { [Some(answer), None] } else { [None, Some(answer)] })
}

#[test]
fn promoting_races_with_everything() {
    race(Act::Promote);
}

#[test]
fn promoting_another_guest_to_the_same_login_id_races_with_everything() {
    race(Act::PromoteRival);
}

#[test]
fn signing_in_by_key_races_with_everything() {
    race(Act::SignInByKey);
}

#[test]
fn signing_in_by_password_races_with_everything() {
    race(Act::SignInByPassword);
}

#[test]
fn merging_races_with_everything() {
    race(Act::Merge);
}

#[test]
fn signing_in_while_being_a_guest_races_with_everything() {
    race(Act::SignInAsGuest);
}

#[test]
fn signing_out_races_with_everything() {
    race(Act::SignOut);
    race(Act::SignOutRival);
}

#[test]
fn signing_out_everywhere_races_with_everything() {
    race(Act::SignOutAll);
    race(Act::SignOutAllOfOwner);
}

#[test]
fn disabling_races_with_everything() {
    race(Act::Disable);
    race(Act::DisableOwner);
}

#[test]
fn deleting_races_with_everything() {
    race(Act::Delete);
    race(Act::DeleteOwner);
}

#[test]
fn changing_the_password_races_with_everything() {
    race(Act::ChangePassword);
    race(Act::SetPassword);
}

#[test]
fn sweeping_races_with_everything() {
    race(Act::SweepLater);
}

#[test]
fn an_access_races_with_everything() {
    race(Act::Access);
    race(Act::AccessRival);
}

#[test]
fn redeeming_a_code_races_with_everything() {
    race(Act::Redeem);
}

#[test]
fn opening_a_flow_races_with_everything() {
    race(Act::OpenFlow);
}
