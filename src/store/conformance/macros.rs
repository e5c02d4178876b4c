//! The macros that make a test of each law, and the one list of the laws.

/// Makes a test of each law of a [`UserStore`](crate::store::UserStore).
///
/// See [`conformance`](crate::store::conformance) for what `make`, `block_on` and `reopen` are. Use it
/// within a module of its own.
#[macro_export]
macro_rules! user_store_laws {
    (make: $make:expr, block_on: $block_on:expr $(, reopen: $reopen:expr)? $(,)?) => {
        $crate::__each_user_store_law! {
            __test_laws { as_users, USER_STORE_LAWS, $make, $block_on }
        }
        $($crate::__test_reopening! {
            as_users, users_before_reopening, users_survive_reopening, $make, $block_on, $reopen
        })?
    };
}

/// Makes a test of each law of a [`SessionStore`](crate::store::SessionStore).
///
/// See [`conformance`](crate::store::conformance) for what `make`, `block_on` and `reopen` are. Use it
/// within a module of its own.
#[macro_export]
macro_rules! session_store_laws {
    (make: $make:expr, block_on: $block_on:expr $(, reopen: $reopen:expr)? $(,)?) => {
        $crate::__each_session_store_law! {
            __test_laws { as_sessions, SESSION_STORE_LAWS, $make, $block_on }
        }
        $($crate::__test_reopening! {
            as_sessions, sessions_before_reopening, sessions_survive_reopening,
            $make, $block_on, $reopen
        })?
    };
}

/// Makes a test of each law of a [`Backend`](crate::store::Backend) and of both its stores.
///
/// See [`conformance`](crate::store::conformance) for what `make`, `block_on` and `reopen` are. Use it
/// within a module of its own.
#[macro_export]
macro_rules! backend_laws {
    (make: $make:expr, block_on: $block_on:expr $(, reopen: $reopen:expr)? $(,)?) => {
        mod users {
            use super::*;
            $crate::__each_user_store_law! {
                __test_laws { users_of, USER_STORE_LAWS, $make, $block_on }
            }
        }
        mod sessions {
            use super::*;
            $crate::__each_session_store_law! {
                __test_laws { sessions_of, SESSION_STORE_LAWS, $make, $block_on }
            }
        }
        mod together {
            use super::*;
            $crate::__each_backend_law! {
                __test_laws { as_backend, BACKEND_LAWS, $make, $block_on }
            }
            $($crate::__test_reopening! {
                as_backend, a_backend_before_reopening, a_backend_survives_reopening,
                $make, $block_on, $reopen
            })?
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test_laws {
    ({ $door:ident, $laws:ident, $make:expr, $block_on:expr } $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $block_on(async {
                    let fresh = $make().await;
                    let store = $crate::store::conformance::$door(&*fresh);
                    $crate::store::conformance::$law(store).await;
                });
            }
        )*

        #[test]
        fn every_law_has_a_test() {
            let tested = [$(stringify!($law)),*];
            let laws = $crate::store::conformance::$laws.iter().map(|law| law.name);
            assert!(laws.eq(tested));
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test_reopening {
    ($door:ident, $before:ident, $law:ident, $make:expr, $block_on:expr, $reopen:expr) => {
        #[test]
        fn $law() {
            $block_on(async {
                let fresh = $make().await;
                let store = $crate::store::conformance::$door(&*fresh);
                $crate::store::conformance::$before(store).await;
                let again = $reopen(fresh).await;
                let store = $crate::store::conformance::$door(&*again);
                $crate::store::conformance::$law(store).await;
            });
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __list_laws {
    ({ $store:ty } $($law:ident)*) => {
        &[$($crate::store::conformance::Law::<$store> {
            name: stringify!($law),
            hold: |store| Box::pin($crate::store::conformance::$law(store)),
        }),*]
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __each_user_store_law {
    ($then:ident $arguments:tt) => {
        $crate::$then! {
            $arguments
            an_account_reads_back
            the_unknown_is_absent
            it_is_empty_until_a_user_is_kept
            a_stale_version_is_refused
            a_second_sign_up_is_refused
            a_sign_up_without_a_record_is_refused
            an_absent_user_is_not_changed
            an_expected_epoch_is_compared
            versions_are_counted
            the_other_user_is_checked
            writes_are_done_in_order
            a_put_replaces
            anothers_record_is_held
            one_of_many_commits_wins
            no_reader_sees_a_torn_account
            an_abandoned_commit_is_whole_or_nothing
            a_held_identity_is_refused_whole
            one_of_many_users_gets_an_identity
            a_dropped_identity_is_free
            a_drop_leaves_others_alone
            an_authenticator_of_another_is_left_alone
            identities_differ_by_every_part
            the_anonymous_identity_finds_nobody
            a_key_is_found_by_both_names
            a_held_key_is_refused
            a_retired_key_stays_taken
            a_key_is_retired_before_or_after_the_drop
            a_retired_key_tells_the_outcome
            a_dropped_key_is_free
            staleness_is_told_first
            odd_values_read_back
            the_ended_are_listed_in_order
            the_ended_follow_changes
            events_are_read_in_order
            a_refused_commit_leaves_no_event
            the_earliest_events_are_forgotten
            no_cursor_is_given_twice
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __each_session_store_law {
    ($then:ident $arguments:tt) => {
        $crate::$then! {
            $arguments
            a_session_reads_back
            odd_times_read_back
            an_unknown_session_is_absent
            a_second_session_is_refused
            a_use_is_recorded
            a_removed_session_stays_removed
            a_race_brings_no_session_back
            an_id_removes_its_own_users_session
            sessions_are_listed_in_portions
            only_sessions_of_the_kind_are_listed
            only_the_epochs_sessions_are_listed
            a_rotated_session_has_its_new_digest
            a_rotation_onto_another_session_is_refused
            one_of_many_rotations_wins
            only_the_epochs_sessions_are_shortened
            only_what_ended_is_swept
            a_moved_end_is_swept
            an_abandoned_session_is_whole_or_nothing
            a_nonce_is_spent_once
            one_of_many_spends_a_nonce
            a_spent_nonce_is_remembered_until_its_time
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __each_backend_law {
    ($then:ident $arguments:tt) => {
        $crate::$then! {
            $arguments
            a_landing_does_all_three
            any_part_of_a_landing_may_be_left_out
            a_landing_moves_a_session
            a_session_that_is_gone_is_not_moved_back
            a_refused_landing_moves_no_session
            the_doors_lead_to_the_same_data
            a_spent_nonce_stops_a_landing
            a_refused_commit_opens_no_session
            a_refused_landing_leaves_what_it_says
            one_of_many_landings_wins
            nothing_resolves_without_a_user
            no_session_is_seen_before_its_commit
            a_noted_use_is_there_after_a_later_write
            a_use_without_its_fence_is_not_recorded
            a_use_brings_no_session_back
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::store::conformance::{BACKEND_LAWS, SESSION_STORE_LAWS, USER_STORE_LAWS};

    /// A law that is written but not in the list would never be tried.
    #[test]
    fn every_law_is_in_the_list() {
        let sources = [
            include_str!("commits.rs"),
            include_str!("identities.rs"),
            include_str!("lists.rs"),
            include_str!("sessions.rs"),
            include_str!("spending.rs"),
            include_str!("landings.rs"),
            include_str!("uses.rs"),
        ];
        let mut written: Vec<_> = sources
            .iter()
            .flat_map(|source| source.lines())
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split_once('('))
            .map(|(name, _)| name)
            .collect();
        let users = USER_STORE_LAWS.iter().map(|law| law.name);
        let sessions = SESSION_STORE_LAWS.iter().map(|law| law.name);
        let together = BACKEND_LAWS.iter().map(|law| law.name);
        let mut listed: Vec<_> = users.chain(sessions).chain(together).collect();
        written.sort_unstable();
        listed.sort_unstable();
        assert_eq!(written, listed);
    }
}
