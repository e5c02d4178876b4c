//! The invariants of promotion, each by its name, over whatever went before.

use std::collections::HashSet;
use std::sync::{Arc, Barrier};
use std::thread;

use guestpass::credential::Action;
use guestpass::model::{Account, IdentityKey, Standing, UserId};
use guestpass::rules::OnConflict;
use guestpass::{Credential, Guest, Rejection, SignInOutcome};
use proptest::prelude::*;

use super::{cases, on_conflict, operations, player};
use crate::support::{
    Device, Fault, Held, Operation, Place, Player, World, cookie, email, password, refused, run,
};

/// Does all of it, and calls `check` after each operation with the accounts before and after it.
fn follow(
    on_conflict: OnConflict,
    operations: &[Operation],
    check: impl Fn(&Player, Operation, &str, &[Account], &[Account]) -> Result<(), TestCaseError>,
) -> Result<Player, TestCaseError> {
    let mut player = player(Place::Memory, on_conflict);
    let mut before = Vec::new();
    for operation in operations {
        let answer = player.perform(*operation);
        let after = accounts(&player);
        check(&player, *operation, &answer, &before, &after)?;
        before = after;
    }
    Ok(player)
}

fn accounts(player: &Player) -> Vec<Account> {
    player.users.iter().map(|user| player.world.account(*user)).collect()
}

/// A guest after whatever went before, and the proof of being it.
fn guest_after(on_conflict: OnConflict, operations: &[Operation]) -> (Player, Held, Guest) {
    let mut player = player(Place::Memory, on_conflict);
    for operation in operations {
        player.perform(*operation);
    }
    let held = player.world.guest();
    let guest = player.world.by_session(&held);
    (player, held, guest)
}

fn names(account: &Account) -> HashSet<IdentityKey> {
    let names = account.identities.iter().map(guestpass::model::Identity::key);
    names.filter(|key| *key != IdentityKey::Anonymous).collect()
}

fn is_promotion(answer: &str) -> bool {
    answer.starts_with("Promoted")
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn keeps_the_user_id(on_conflict in on_conflict(), operations in operations()) {
        follow(on_conflict, &operations, |_, _, answer, before, after| {
            let id = |account: &Account| account.user.id;
            let ids: [Vec<UserId>; 2] = [before, after].map(|all| all.iter().map(id).collect());
            prop_assert!(ids[1].starts_with(&ids[0]));
            prop_assert!(!is_promotion(answer) || ids[0] == ids[1], "{answer}");
            Ok(())
        })?;
    }

    #[test]
    fn never_turns_a_regular_user_into_a_guest(
        on_conflict in on_conflict(),
        operations in operations(),
    ) {
        follow(on_conflict, &operations, |_, operation, _, before, after| {
            for (before, after) in before.iter().zip(after) {
                let (before, after) = (before.user.standing, after.user.standing);
                let is_allowed = before == after
                    || after == Standing::Deleted
                    || before == Standing::Anonymous;
                prop_assert!(is_allowed, "{operation:?}: {before:?} to {after:?}");
            }
            Ok(())
        })?;
    }

    #[test]
    fn loses_no_identity_and_no_authenticator(
        on_conflict in on_conflict(),
        operations in operations(),
    ) {
        follow(on_conflict, &operations, |_, operation, _, before, after| {
            for (before, after) in before.iter().zip(after) {
                if after.user.standing == Standing::Deleted {
                    continue;
                }
                prop_assert!(names(before).is_subset(&names(after)), "{operation:?}");
                let ids = |account: &Account| -> HashSet<_> {
                    account.authenticators.iter().map(|one| one.id).collect()
                };
                prop_assert!(ids(before).is_subset(&ids(after)), "{operation:?}");
            }
            Ok(())
        })?;
    }

    #[test]
    fn gives_an_identity_to_one_user_only(
        on_conflict in on_conflict(),
        operations in operations(),
    ) {
        follow(on_conflict, &operations, |_, operation, _, _, after| {
            let mut seen = HashSet::new();
            for name in after.iter().flat_map(names) {
                prop_assert!(seen.insert(name), "{operation:?}");
            }
            let keys = after.iter().filter_map(Account::device_key);
            let all: Vec<_> = keys.map(|key| key.thumbprint).collect();
            prop_assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
            Ok(())
        })?;
    }

    #[test]
    fn ends_earlier_sessions(on_conflict in on_conflict(), operations in operations()) {
        follow(on_conflict, &operations, |player, _, answer, _, _| {
            if is_promotion(answer) {
                let (new, earlier) = player.sessions.split_last().unwrap();
                prop_assert!(player.world.authenticate(new).is_ok());
                for held in earlier.iter().filter(|held| held.user == new.user) {
                    prop_assert!(player.world.authenticate(held).is_err());
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn moves_the_version_by_one(on_conflict in on_conflict(), operations in operations()) {
        follow(on_conflict, &operations, |player, operation, answer, before, after| {
            let promotes = matches!(
                operation,
                Operation::Promote { .. } | Operation::PromoteByKey { .. }
            );
            if !promotes {
                return Ok(());
            }
            for (before, after) in before.iter().zip(after) {
                let is_promoted =
                    is_promotion(answer) && player.sessions.last().unwrap().user == after.user.id;
                let is_merged = matches!(after.user.standing, Standing::Merged { .. })
                    && before.user.standing == Standing::Anonymous;
                if is_promoted || is_merged {
                    prop_assert_eq!(after.user.version, before.user.version.next());
                    prop_assert_ne!(after.user.epoch, before.user.epoch);
                } else {
                    prop_assert_eq!(after, before, "{}", answer);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn depends_on_its_arguments_only(on_conflict in on_conflict(), operations in operations()) {
        let worlds = [(); 2].map(|()| {
            let mut player = player(Place::Memory, on_conflict);
            let answers: Vec<String> =
                operations.iter().map(|operation| player.perform(*operation)).collect();
            (answers, accounts(&player), player.world.events())
        });
        prop_assert_eq!(&worlds[0], &worlds[1]);
    }

    #[test]
    fn settles(on_conflict in on_conflict(), operations in operations()) {
        let (player, held, guest) = guest_after(on_conflict, &operations);
        let promoted = player.world.promote(&guest, password("new")).unwrap();
        prop_assert_eq!(promoted.outcome, SignInOutcome::Promoted);
        let once = player.world.account(held.user);
        let again = player.world.promote(&guest, password("new")).unwrap();
        prop_assert_eq!(again.outcome, SignInOutcome::SignedIn);
        prop_assert_eq!(player.world.account(held.user), once);
    }

    #[test]
    fn gives_nothing_to_another_credential_afterwards(
        on_conflict in on_conflict(),
        operations in operations(),
    ) {
        let (player, held, guest) = guest_after(on_conflict, &operations);
        player.world.promote(&guest, password("new")).unwrap();
        let before = (player.world.account(held.user), player.world.events());
        for name in ["ada", "grace", "hedy", "nobody"] {
            let answer = refused(player.world.promote(&guest, password(name)));
            prop_assert_eq!(answer, Rejection::AlreadyPromoted);
        }
        let wrong = Credential::password(email("new"), "not the password");
        let answer = refused(player.world.promote(&guest, wrong));
        prop_assert_eq!(answer, Rejection::AlreadyPromoted);
        prop_assert_eq!((player.world.account(held.user), player.world.events()), before);
    }

    #[test]
    fn is_whole(
        operations in operations(),
        call in 0..6u32,
        fault in prop_oneof![Just(Fault::Before), Just(Fault::After), Just(Fault::Onwards)],
    ) {
        let (player, held, guest) = guest_after(OnConflict::Error, &operations);
        let before = player.world.account(held.user);
        player.world.script.fail(fault, call);
        let answer = player.world.promote(&guest, password("new"));
        player.world.script.rest();
        let found = player.world.account(held.user);
        if found.user.standing == Standing::Anonymous {
            prop_assert!(answer.is_err());
            prop_assert_eq!(found, before);
            prop_assert!(player.world.authenticate(&held).is_ok());
        } else {
            prop_assert_eq!(names(&found).len(), 1);
            prop_assert_eq!(found.user.version, before.user.version.next());
            prop_assert!(player.world.authenticate(&held).is_err());
        }
        prop_assert!(player.world.promote(&guest, password("new")).is_ok());
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn has_one_winner(count in 2..6usize, is_keyed: bool) {
        let world = World::new(Place::Memory);
        let device = Device::new(1);
        let held = if is_keyed { world.guest_on(&device) } else { world.guest() };
        let start = Arc::new(Barrier::new(count));
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let guest = if is_keyed { world.by_key(&device) } else { world.by_session(&held) };
                let (engine, start) = (world.engine.clone(), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    let credential = password(&format!("name{number}"));
                    run(engine.promote(&guest, credential, cookie(), None)).map(Held::from)
                })
            })
            .collect();
        let answers: Vec<_> = threads.into_iter().map(|one| one.join().unwrap()).collect();
        let winners: Vec<&Held> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
        prop_assert_eq!(winners.len(), 1);
        prop_assert!(world.authenticate(winners[0]).is_ok());
        prop_assert_eq!(names(&world.account(held.user)).len(), 1);
        for answer in answers.into_iter().filter(Result::is_err) {
            prop_assert_eq!(refused(answer), Rejection::AlreadyPromoted);
        }
    }

    #[test]
    fn a_request_signed_before_the_promotion_opens_nothing_after_it(operations in operations()) {
        let mut player = player(Place::Memory, OnConflict::Login);
        for operation in operations {
            player.perform(operation);
        }
        let device = Device::new(9);
        player.world.guest_on(&device);
        let request = device.request(&player.world.engine, Action::Auth);
        player.world.promote(&player.world.by_key(&device), password("new")).unwrap();
        let answer = run(player.world.engine.sign_in_with_device_key(&request, cookie(), None));
        prop_assert_eq!(refused(answer), Rejection::AlreadyPromoted);
    }
}
