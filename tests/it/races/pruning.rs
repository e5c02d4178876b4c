//! What is left out of all orders comes to nothing that is not gone through.

use std::collections::BTreeSet;

use guestpass::rules::OnConflict;

use super::{Act, Race, Stage, on_each_stage};
use crate::support::{
    Commutes, Footprint, Place, Schedule, in_every_order_of, in_every_order_that_matters,
};

/// What was seen of some acts, in whatever order they come.
#[derive(Default)]
struct Seen {
    outcomes: BTreeSet<String>,
    /// What tells orders apart that do not come to the same.
    orders: BTreeSet<BTreeSet<[(usize, usize); 2]>>,
    played: u64,
}

/// Plays all orders, or one for all that differ only in the order of steps that commute.
fn see(race: &mut Race<'_>, commutes: Option<Commutes>) -> Seen {
    let mut seen = Seen::default();
    let mut play = |schedule: &mut Schedule| {
        let outcome = race.play(schedule);
        if let Some(outcome) = &outcome {
            seen.outcomes.insert(format!("{outcome:?}"));
            seen.orders.insert(schedule.what_matters(Footprint::commutes));
        }
        outcome.is_some()
    };
    seen.played = match commutes {
        Some(commutes) => in_every_order_that_matters(commutes, play),
        None => in_every_order_of(usize::MAX, |schedule| assert!(play(schedule))),
    };
    seen
}

/// Lets acts race in every order that there is, and sees that nothing comes of all of them but what comes of
/// those that matter, of which each is played once; says how many there were.
pub(super) fn all_orders(place: Place, acts: &[Act]) -> u64 {
    on_each_stage(place, acts, |race| {
        let (all, some) = (see(race, None), see(race, Some(Footprint::commutes)));
        assert!(some.outcomes == all.outcomes, "{acts:?} on {place:?}");
        assert!(some.orders == all.orders, "{acts:?} on {place:?}");
        assert_eq!(usize::try_from(some.played), Ok(some.orders.len()), "{acts:?} on {place:?}");
        assert!(some.played < all.played, "{acts:?} on {place:?}");
        all.played
    })
}

#[test]
fn of_orders_that_come_to_the_same_one_is_played() {
    for &place in Place::QUICK {
        for acts in PAIRS {
            all_orders(place, acts);
        }
    }
}

#[test]
fn it_is_noticed_if_an_order_that_matters_is_left_out() {
    for &place in Place::QUICK {
        for acts in PAIRS {
            let stage = Stage::new(place, OnConflict::Login);
            let race = &mut Race::new(&stage, acts);
            let (all, some) = (see(race, None), see(race, Some(|_, _| true)));
            assert!(some.orders.len() < all.orders.len(), "{acts:?} on {place:?}");
            assert!(some.outcomes.len() < all.outcomes.len(), "{acts:?} on {place:?}");
        }
    }
}

/// Of each two, both read before they write, and either may be first.
const PAIRS: &[&[Act]] = &[
    &[Act::Promote, Act::PromoteRival],
    &[Act::Promote, Act::SignInByKey],
    &[Act::Merge, Act::Delete],
    &[Act::SignInByKey, Act::Disable],
];
