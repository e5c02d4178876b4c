//! Whether some order of the calls of a history explains their answers.

use std::collections::HashSet;

use guestpass::model::UserId;

use super::history::{Answer, Asked, Call, History};
use crate::support::{GAVE_UP, Model, Operation};

/// Whether the calls can be put in an order in which each comes between its beginning and its end, and
/// the model gives the same answers.
pub(crate) fn explains(history: &History) -> bool {
    let steps: Vec<Step> = (0..history.calls.len()).flat_map(|call| steps(history, call)).collect();
    assert!(steps.len() <= MAX_STEPS, "a history is too long to be checked");
    let state = State {
        model: history.model.clone(),
        users: history.users.clone(),
        opened: vec![None; history.calls.len()],
        progress: vec![Progress::Nothing; history.calls.len()],
    };
    Search { history, steps, tried: HashSet::new() }.goes_on(0, &state)
}

/// A part of a call that happens at one instant.
#[derive(Clone, Copy, Debug)]
struct Step {
    call: usize,
    /// Which part of the call it is, from 0 on.
    part: u8,
}

/// The steps of a call: mostly one.
fn steps(history: &History, call: usize) -> Vec<Step> {
    let parts = match history.calls[call].asked {
        // First goes a guest whose last session it is, and then the session.
        Asked::Plain(Operation::SignOut { .. }) => 2,
        // Who is let in changes the password after that, also if the session was signed out between. Where
        // sessions are kept apart, the session is moved last.
        Asked::Plain(Operation::ChangePassword { .. }) => 2 + u8::from(history.is_apart),
        Asked::Plain(_)
        | Asked::Promote { .. }
        | Asked::SignIn { .. }
        | Asked::IsLive(_)
        | Asked::Look(_) => 1,
    };
    (0..parts).map(|part| Step { call, part }).collect()
}

/// The model, and who is who in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    model: Model,
    /// The users of the model, in its order.
    users: Vec<UserId>,
    /// The number of the session that each call has opened.
    opened: Vec<Option<usize>>,
    /// How far each call is that takes several steps.
    progress: Vec<Progress>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Progress {
    /// It has not begun, or was refused.
    Nothing,
    LetIn,
    /// The password is changed, and the session is to be moved to this epoch.
    Changed(u32),
}

struct Search<'a> {
    history: &'a History,
    steps: Vec<Step>,
    /// What was done in what state, as bits, and led nowhere.
    tried: HashSet<(u64, State)>,
}

impl Search<'_> {
    /// Whether the steps that are not in `done` can follow.
    fn goes_on(&mut self, done: u64, state: &State) -> bool {
        let is_open = |at: &usize| done >> at & 1 == 0;
        let open: Vec<usize> = (0..self.steps.len()).filter(is_open).collect();
        let call = |at: &usize| &self.history.calls[self.steps[*at].call];
        let Some(first_end) = open.iter().map(|at| call(at).ended).min() else { return true };
        let next: Vec<(u64, State)> = open
            .iter()
            // Whoever has answered before another began came before it.
            .filter(|at| call(at).began <= first_end)
            .filter(|at| self.steps[**at].part == 0 || done >> (**at - 1) & 1 == 1)
            .filter_map(|at| Some((done | 1 << at, self.take(self.steps[*at], state)?)))
            .collect();
        next.into_iter().any(|(done, state)| {
            self.tried.insert((done, state.clone())) && self.goes_on(done, &state)
        })
    }

    /// The state after a step, if the model gives the answer that was given.
    fn take(&self, step: Step, state: &State) -> Option<State> {
        let mut state = state.clone();
        let call = &self.history.calls[step.call];
        if call.answer.words == GAVE_UP {
            return is_disturbed(call, &self.history.calls).then_some(state);
        }
        let sessions = state.model.session_count();
        let words = if step.part == 0 {
            state.ask(step.call, call)?
        } else {
            state.go_on(step.call, call, self.history.is_apart)
        };
        if sessions < state.model.session_count() {
            state.opened[step.call] = Some(sessions);
        }
        state.agrees(&words, &call.answer, self.is_vague(call)).then_some(state)
    }

    /// Whether a refusal says only that something is over: its session and user were read at two instants.
    fn is_vague(&self, call: &Call) -> bool {
        let by_session = matches!(
            call.asked,
            Asked::Plain(Operation::Authenticate { .. } | Operation::ChangePassword { .. })
        );
        self.history.is_apart && by_session
    }
}

impl State {
    /// What the first step of a call is answered, or is yet to be; `None` if it cannot come now.
    fn ask(&mut self, number: usize, call: &Call) -> Option<String> {
        Some(match call.asked {
            Asked::Plain(Operation::SignOut { session }) => {
                if call.answer.words == "done" {
                    self.model.end_guest_of(session.into());
                }
                call.answer.words.clone()
            }
            Asked::Plain(Operation::ChangePassword { session, .. }) => {
                let words = self.model.perform(Operation::Authenticate { session });
                if words == "done" {
                    self.progress[number] = Progress::LetIn;
                    return Some(call.answer.words.clone());
                }
                words
            }
            Asked::Plain(operation) => self.model.perform(operation),
            Asked::Promote { guest, name, password } => {
                self.model.promote_shown(guest, name, password)
            }
            Asked::SignIn { guest, name, password } => {
                self.model.sign_in_shown(guest, name, password)
            }
            Asked::IsLive(by) => {
                let session = u8::try_from(self.opened[by]?).unwrap();
                self.model.perform(Operation::Authenticate { session })
            }
            Asked::Look(user) => {
                self.model.describe(self.users.iter().position(|one| *one == user)?)
            }
        })
    }

    /// What a later step of a call is answered.
    fn go_on(&mut self, number: usize, call: &Call, is_apart: bool) -> String {
        match (call.asked, self.progress[number]) {
            (Asked::Plain(Operation::SignOut { session }), _) => {
                let was_there = self.model.end_session(session.into());
                return if was_there { "done" } else { "no" }.to_owned();
            }
            (Asked::Plain(Operation::ChangePassword { session, old, new }), Progress::LetIn) => {
                self.progress[number] = Progress::Nothing;
                match self.model.change_let_in(session.into(), old, new) {
                    Err(words) => return words,
                    Ok(epoch) if is_apart => self.progress[number] = Progress::Changed(epoch),
                    Ok(epoch) => self.model.move_session(session.into(), epoch),
                }
                return "done".to_owned();
            }
            (Asked::Plain(Operation::ChangePassword { session, .. }), Progress::Changed(epoch)) => {
                self.model.move_session(session.into(), epoch);
            }
            (
                Asked::Plain(_)
                | Asked::Promote { .. }
                | Asked::SignIn { .. }
                | Asked::IsLive(_)
                | Asked::Look(_),
                _,
            ) => {}
        }
        call.answer.words.clone()
    }

    /// Whether the words of the model are the answer. A user that is new is from now on the one that was
    /// told.
    fn agrees(&mut self, words: &str, answer: &Answer, is_vague: bool) -> bool {
        let Some((words, number)) = words.split_once(" as ") else {
            let is_over = |words: &str| words.starts_with("session_");
            return answer.user.is_none()
                && (words == answer.words || is_vague && is_over(words) && is_over(&answer.words));
        };
        let (number, Some(user)) = (number.parse::<usize>().unwrap(), answer.user) else {
            return false;
        };
        if number == self.users.len() && !self.users.contains(&user) {
            self.users.push(user);
        }
        words == answer.words && self.users.get(number) == Some(&user)
    }
}

/// Whether another call was under way at the same time.
fn is_disturbed(call: &Call, calls: &[Call]) -> bool {
    let meets = |other: &&Call| other.began < call.ended && call.began < other.ended;
    // It meets itself, too.
    1 < calls.iter().filter(meets).count()
}

/// As many as there are bits to note them in.
const MAX_STEPS: usize = 64;

#[test]
fn one_promotion_of_two_at_once_is_explained_and_two_are_not() {
    let promoted = |name| (promote(name), "Promoted", Some(0));
    let too_late = |name| (promote(name), "already_promoted", None);
    assert!(explains(&at_once([promoted(0), too_late(1)])));
    assert!(explains(&at_once([too_late(0), promoted(1)])));
    assert!(!explains(&at_once([promoted(0), promoted(1)])), "two were promoted");
    assert!(!explains(&at_once([too_late(0), too_late(1)])), "nobody was promoted");
}

#[test]
fn what_was_answered_before_another_call_began_comes_before_it() {
    let sign_out = (Asked::Plain(Operation::SignOut { session: 0 }), "done", None);
    let live = (Asked::Plain(Operation::Authenticate { session: 0 }), "done", None);
    let mut history = at_once([sign_out, live]);
    assert!(explains(&history), "the session may have been used before");
    history.calls[1].began = 10;
    history.calls[1].ended = 11;
    assert!(!explains(&history), "a signed-out session counts");
}

#[test]
fn who_is_let_in_is_let_in_as_one_user() {
    let sign_in =
        |user| (Asked::Plain(Operation::SignInByKey { device: 0 }), "SignedIn", Some(user));
    assert!(explains(&at_once([sign_in(0), sign_in(0)])));
    assert!(!explains(&at_once([sign_in(0), sign_in(1)])), "a key has let in another user");
}

#[test]
fn who_gives_up_has_met_somebody() {
    let gave_up = (promote(0), GAVE_UP, None);
    let promoted = (promote(1), "Promoted", Some(0));
    let mut history = at_once([gave_up, promoted]);
    assert!(explains(&history));
    history.calls[1].began = 10;
    history.calls[1].ended = 11;
    assert!(!explains(&history), "nobody was faster");
}

fn promote(name: u8) -> Asked {
    Asked::Promote { guest: guest_of_device().show_now(0), name, password: 0 }
}

fn guest_of_device() -> Model {
    let mut model = Model::new(guestpass::rules::OnConflict::Error);
    model.perform(Operation::SignInByKey { device: 0 });
    model
}

/// Two calls that overlap, about one guest with a device key; users are named by their number.
fn at_once(calls: [(Asked, &str, Option<u8>); 2]) -> History {
    let user = |number: u8| UserId::from_bytes([number; 16]);
    let call = |(asked, words, number): (Asked, &str, Option<u8>)| Call {
        asked,
        began: 0,
        ended: 5,
        answer: Answer { words: words.to_owned(), user: number.map(user) },
    };
    let calls = calls.map(call).into();
    History { is_apart: false, model: guest_of_device(), users: vec![user(0)], calls }
}
