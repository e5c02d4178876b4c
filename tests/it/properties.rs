//! What holds for every sequence of operations.

mod promotion;

use guestpass::rules::OnConflict;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::support::{Model, Operation, Place, Player, World, operation};

/// So many cases, and those that ever failed first.
fn cases(cases: u32) -> ProptestConfig {
    let kept = FileFailurePersistence::Direct("tests/it/properties/regressions.txt");
    ProptestConfig { cases, failure_persistence: Some(Box::new(kept)), ..<_>::default() }
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
