//! What holds for every sequence of operations.

mod promotion;

use std::cell::Cell;
use std::time::Instant;

use guestpass::rules::OnConflict;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};

use crate::long;
use crate::support::{Model, Operation, Place, Player, World, operation};

/// So many cases, and those that ever failed first.
fn cases(cases: u32) -> ProptestConfig {
    let kept = FileFailurePersistence::Direct("tests/it/properties/regressions.txt");
    // What breaks because of a canary is nothing to keep.
    let failure_persistence = (!cfg!(canary)).then(|| Box::new(kept) as _);
    ProptestConfig { cases, failure_persistence, ..<_>::default() }
}

fn on_conflict() -> impl Strategy<Value = OnConflict> {
    prop_oneof![Just(OnConflict::Error), Just(OnConflict::Login)]
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(), 1..32)
}

fn player(place: Place, on_conflict: OnConflict) -> Player {
    Player::new(World::with(place, |policy| policy.anonymous.on_conflict = on_conflict))
}

fn agrees(
    place: Place,
    on_conflict: OnConflict,
    operations: &[Operation],
) -> Result<(), TestCaseError> {
    let mut player = player(place, on_conflict);
    let mut model = Model::new(on_conflict);
    for (index, operation) in operations.iter().enumerate() {
        let (found, expected) = (player.perform(*operation), model.perform(*operation));
        prop_assert_eq!(found, expected, "{:?} {}: {:?}", place, index, operation);
    }
    let live: Vec<bool> =
        player.sessions.iter().map(|held| player.world.authenticate(held).is_ok()).collect();
    prop_assert_eq!(live, model.live(), "{:?}", place);
    for user in &player.users {
        player.world.account(*user);
    }
    Ok(())
}

/// Sequences of operations in memory, and now and then in a file too, until it is time. Counts the
/// operations whose answers were compared.
pub(crate) fn random_operations(seed: u64, until: Instant) -> u64 {
    long::repeat(seed, until, |random| {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &random.bytes(32));
        let config = ProptestConfig { failure_persistence: None, ..cases(CASES_AT_ONCE) };
        let in_file = *random.pick(&[Place::Sqlite, Place::SqliteUsers]);
        let (count, case) = (Cell::new(0), Cell::new(0));
        let result = TestRunner::new_with_rng(config, rng).run(
            &(on_conflict(), operations()),
            |(on_conflict, operations)| {
                let is_last = case.replace(case.get() + 1) == CASES_AT_ONCE - 1;
                for &place in Place::QUICK.iter().chain(is_last.then_some(&in_file)) {
                    agrees(place, on_conflict, &operations)?;
                    count.set(count.get() + operations.len() as u64);
                }
                Ok(())
            },
        );
        result.unwrap_or_else(|error| panic!("{error}"));
        count.get()
    })
}

/// One case in so many is done in a file, which takes that much longer.
const CASES_AT_ONCE: u32 = 32;

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn operations_come_to_what_the_model_says(
        on_conflict in on_conflict(),
        operations in operations(),
    ) {
        for &place in Place::QUICK {
            agrees(place, on_conflict, &operations)?;
        }
    }
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn operations_come_to_what_the_model_says_in_a_file_too(
        on_conflict in on_conflict(),
        operations in operations(),
    ) {
        for place in [Place::Sqlite, Place::SqliteUsers] {
            agrees(place, on_conflict, &operations)?;
        }
    }
}
