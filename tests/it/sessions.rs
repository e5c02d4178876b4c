//! Sessions: listed, ended, and what is issued for them.

mod codes;
mod fence;
mod lifetimes;
mod portions;
mod superseded;
mod tokens;
mod uses;

use std::time::Duration;

use guestpass::model::{ClientId, Entropy, EntropyError, SessionId};
use guestpass::{Engine, Rejection};

use crate::support::{
    Device, Held, Place, World, app, cookie, in_every_order, interleave, on_every_backend,
    password, refresh, refused, run, seconds,
};

/// Draws the same bits always.
#[derive(Debug)]
struct Alike(u8);

impl Entropy for Alike {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(self.0);
        Ok(())
    }
}

fn in_client(world: &World, client: &str) -> Held {
    run(world.engine.sign_in(password("ada"), None, refresh(client), None)).unwrap().into()
}

#[test]
fn signing_out_ends_one_session_for_good() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        let other = world.sign_in(password("ada")).unwrap();
        assert!(run(world.engine.sign_out(&ada.token)).unwrap());
        assert!(!run(world.engine.sign_out(&ada.token)).unwrap());
        assert_eq!(world.ended(&ada), Some(Rejection::SessionUnknown));
        assert_eq!(world.ended(&other), None);
    });
}

#[test]
fn signing_out_by_access_token_ends_the_session_it_belongs_to() {
    on_every_backend(|world| {
        world.regular("ada");
        for client in ["app", "jwt"] {
            let held = in_client(&world, client);
            let token = world.access_token(&held);
            assert!(!run(world.engine.sign_out_access("nonsense")).unwrap());
            assert!(run(world.engine.sign_out_access(&token)).unwrap());
            assert_eq!(world.ended(&held), Some(Rejection::SessionUnknown));
            let answer = run(world.engine.authenticate_access(&token));
            assert_eq!(refused(answer), Rejection::SessionUnknown);
            assert!(!run(world.engine.sign_out_access(&token)).unwrap());
        }
    });
}

#[test]
fn an_expired_access_token_ends_nothing() {
    on_every_backend(|world| {
        world.regular("ada");
        let held = in_client(&world, "app");
        let token = world.access_token(&held);
        world.advance(seconds(1800));
        assert!(!run(world.engine.sign_out_access(&token)).unwrap());
        assert_eq!(world.ended(&held), None);
    });
}

#[test]
fn signing_out_by_name_ends_a_session_of_that_user_only() {
    on_every_backend(|world| {
        let (ada, eve) = (world.regular("ada"), world.regular("eve"));
        assert!(!run(world.engine.sign_out_session(eve.user, ada.session.id)).unwrap());
        assert_eq!(world.ended(&ada), None);
        assert!(run(world.engine.sign_out_session(ada.user, ada.session.id)).unwrap());
        assert!(!run(world.engine.sign_out_session(ada.user, ada.session.id)).unwrap());
        assert_eq!(world.ended(&ada), Some(Rejection::SessionUnknown));
        assert_eq!(world.ended(&eve), None);
    });
}

#[test]
fn signing_out_everywhere_ends_all_sessions_and_access_tokens() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        let held = in_client(&world, "app");
        let token = world.access_token(&held);
        run(world.engine.sign_out_all(ada.user)).unwrap();
        for session in [&ada, &held] {
            assert_eq!(world.ended(session), Some(Rejection::SessionSuperseded));
        }
        let answer = run(world.engine.authenticate_access(&token));
        assert_eq!(refused(answer), Rejection::SessionSuperseded);
    });
}

#[test]
fn signing_out_everywhere_needs_a_user_who_is_not_over() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        run(world.engine.delete(ada.user)).unwrap();
        let answer = run(world.engine.sign_out_all(ada.user));
        assert_eq!(refused(answer), Rejection::UserUnknown);
        let nobody = guestpass::model::UserId::from_bytes([7; 16]);
        assert_eq!(refused(run(world.engine.sign_out_all(nobody))), Rejection::UserUnknown);
        assert_eq!(refused(run(world.engine.sessions(nobody, None, 9))), Rejection::UserUnknown);
    });
}

#[test]
fn live_sessions_are_listed_in_portions_in_the_order_of_their_names() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        for _ in 0..4 {
            world.advance(seconds(1));
            in_client(&world, "app");
        }
        let page = |after: Option<SessionId>| run(world.engine.sessions(ada.user, after, 2));
        let mut ids = Vec::new();
        let mut after = None;
        loop {
            let listed = page(after).unwrap();
            assert!(listed.sessions.len() <= 2);
            ids.extend(listed.sessions.iter().map(|session| session.id));
            after = listed.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(ids.len(), 5);
        assert!(ids.is_sorted());
    });
}

#[test]
fn ended_sessions_are_not_listed_however_many_there_are() {
    on_every_backend(|world| {
        let shorter = world.engine_with(|policy| policy.session.idle_timeout_seconds = 20);
        let ada = world.regular("ada");
        for _ in 0..5 {
            world.sign_in(password("ada")).unwrap();
        }
        world.advance(seconds(22));
        let live = in_client(&world, "app");
        let listed = run(shorter.sessions(ada.user, None, 2)).unwrap();
        assert_eq!(listed.sessions.iter().map(|one| one.id).collect::<Vec<_>>(), [live.session.id]);
    });
}

#[test]
fn a_disabled_guests_sessions_are_listed_though_they_do_not_count() {
    on_every_backend(|world| {
        let guest = world.guest();
        run(world.engine.disable(guest.user)).unwrap();
        assert_eq!(world.ended(&guest), Some(Rejection::Disabled));
        assert_eq!(run(world.engine.sessions(guest.user, None, 9)).unwrap().sessions.len(), 1);
    });
}

#[test]
fn beyond_the_allowed_number_a_clients_earliest_session_ends() {
    on_every_backend(|world| {
        world.regular("ada");
        let elsewhere = in_client(&world, "app");
        let mut sessions = Vec::new();
        for _ in 0..3 {
            world.advance(seconds(1));
            sessions.push(in_client(&world, "two"));
        }
        assert_eq!(world.ended(&sessions[0]), Some(Rejection::SessionUnknown));
        assert_eq!(world.ended(&sessions[1]), None);
        assert_eq!(world.ended(&sessions[2]), None);
        assert_eq!(world.ended(&elsewhere), None, "another client has its own number");
    });
}

/// Each of them is ended under the name of it and the new session together, and one of the new session with
/// all bits alike would be the same for two of them, if the one bit decided and not both.
#[test]
fn every_surplus_session_ends_whatever_the_new_one_is_called() {
    for bits in [u8::MIN, u8::MAX] {
        on_every_backend(|world| {
            world.regular("ada");
            let by = |engine: &Engine| {
                Held::from(
                    run(engine.sign_in(password("ada"), None, refresh("two"), None)).unwrap(),
                )
            };
            let with_more = world.engine_with(|policy| {
                let two = policy.clients.iter_mut().find(|client| client.client_id == "two");
                two.unwrap().max_concurrent_session = 3;
            });
            let before = [(); 3].map(|()| by(&with_more));
            let new = by(&world.engine_with_parts(world.clock.clone(), Alike(bits)));
            let live = before.iter().filter(|held| world.ended(held).is_none()).count();
            assert_eq!(live, 1, "beside the new one, with its bits all {bits:#04x}");
            assert_eq!(world.ended(&new), None);
        });
    }
}

#[test]
fn a_refresh_token_is_its_clients_alone() {
    on_every_backend(|world| {
        let cookie = world.regular("ada");
        let held = in_client(&world, "app");
        assert!(run(world.engine.refresh(&held.token, &app())).is_ok());
        let other = ClientId::parse("two").unwrap();
        let answer = run(world.engine.refresh(&held.token, &other));
        assert_eq!(refused(answer), Rejection::ClientMismatch);
        let answer = run(world.engine.refresh(&cookie.token, &app()));
        assert_eq!(refused(answer), Rejection::ClientMismatch);
    });
}

#[test]
fn a_session_of_a_client_that_the_policy_has_no_more_does_not_count() {
    on_every_backend(|world| {
        world.regular("ada");
        let held = in_client(&world, "app");
        let without =
            world.engine_with(|policy| policy.clients.retain(|one| one.client_id != "app"));
        let answer = run(without.authenticate(&held.token));
        assert_eq!(refused(answer), Rejection::ClientUnknown);
        assert_eq!(world.ended(&held), None, "and counts when the policy has it again");
    });
}

#[test]
fn a_token_that_was_never_given_is_nobodys() {
    on_every_backend(|world| {
        let guest = world.guest();
        let mut text = guest.token.reveal().to_string();
        let other = if text.starts_with('A') { "B" } else { "A" };
        text.replace_range(..1, other);
        let token = guestpass::credential::SessionToken::parse(&text).unwrap();
        let answer = run(world.engine.authenticate(&token));
        assert_eq!(refused(answer), Rejection::SessionUnknown);
    });
}

#[test]
fn an_engine_built_anew_over_the_same_backend_knows_the_sessions() {
    on_every_backend(|world| {
        let guest = world.guest_on(&Device::new(1));
        let anew = world.engine_with(|_| {});
        assert_eq!(run(anew.authenticate(&guest.token)).unwrap().user.id, guest.user);
        let held: Held = run(anew.sign_up(password("ada"), cookie(), None)).unwrap().into();
        assert_eq!(world.ended(&held), None);
    });
}

/// With a limit of one, 64 ended sessions looked like the end of the list, and whoever looked for a
/// stranger's session among them did not see it.
#[test]
fn live_sessions_are_listed_whatever_number_of_ended_ones_comes_before() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        let short = world.engine_with(|policy| policy.session.lifetime_seconds = 10);
        for _ in 0..70 {
            run(short.sign_in(password("ada"), None, cookie(), None)).unwrap();
        }
        world.advance(seconds(20));
        let live = world.sign_in(password("ada")).unwrap();
        let list =
            |after, limit| run(world.engine.sessions(ada.user, after, limit)).unwrap().sessions;
        let first = list(None, 1);
        assert_eq!(first[0].id, ada.session.id);
        let second = list(Some(first[0].id), 1);
        assert_eq!(second[0].id, live.session.id);
        assert_eq!(list(Some(second[0].id), 1), []);
        assert_eq!(list(None, 0), []);
    });
}

/// Each of two sign-ins at once took the other's session for surplus: both were answered, and neither had
/// a session. When who had begun first counted as first, both kept their session if that one landed last, so
/// that whoever let many sign-ins wait for a slow hash had as many sessions as there were.
#[test]
fn of_two_sign_ins_at_once_exactly_one_keeps_its_session() {
    for &place in Place::QUICK {
        in_every_order(|schedule| {
            let world = World::with(place, |policy| policy.clients[0].max_concurrent_session = 1);
            world.regular("ada");
            world.script.step();
            let sign_in = || async {
                world.advance(Duration::from_millis(1));
                world.engine.sign_in(password("ada"), None, refresh("app"), None).await
            };
            let (one, other) = interleave(schedule, sign_in(), sign_in());
            world.script.rest();
            let both = [one, other].map(|signed_in| Held::from(signed_in.unwrap()));
            let live = both.iter().filter(|held| world.ended(held).is_none()).count();
            assert_eq!(live, 1, "{place:?} by {schedule:?}");
        });
    }
}
