//! The laws that a store must obey.
//!
//! Each law is a function with a sentence that states it; it panics if the law is broken. The macros
//! [`user_store_laws!`](crate::user_store_laws), [`session_store_laws!`](crate::session_store_laws) and
//! [`backend_laws!`](crate::backend_laws) make a test of each, and so does a loop over
//! [`USER_STORE_LAWS`], [`SESSION_STORE_LAWS`] and [`BACKEND_LAWS`]. Every law wants a fresh store.
//!
//! ```
//! mod mine {
//!     use guestpass::store::{conformance, memory::MemoryBackend};
//!
//!     async fn fresh() -> Box<MemoryBackend> {
//!         Box::new(MemoryBackend::new())
//!     }
//!
//!     guestpass::backend_laws! { make: fresh, block_on: conformance::block_on }
//! }
//! ```
//!
//! `make` gives anything that dereferences to the store; [`Fresh`] is for a store that needs something
//! else to live as long, such as a directory. `block_on` is the caller's, so that a store may depend on
//! its runtime. With `reopen: ..`, a function that takes what `make` gave and opens it again, there is
//! one more test.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a law that is broken panics, because that is how a test fails"
)]

mod commits;
mod identities;
mod landings;
mod lists;
mod macros;
mod reopening;
mod run;
mod sample;
mod sessions;
mod spending;
mod uses;

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;

pub use commits::{
    a_put_replaces, a_second_sign_up_is_refused, a_sign_up_without_a_record_is_refused,
    a_stale_version_is_refused, an_abandoned_commit_is_whole_or_nothing,
    an_absent_user_is_not_changed, an_account_reads_back, an_expected_epoch_is_compared,
    anothers_record_is_held, it_is_empty_until_a_user_is_kept, no_reader_sees_a_torn_account,
    one_of_many_commits_wins, the_other_user_is_checked, the_unknown_is_absent,
    versions_are_counted, writes_are_done_in_order,
};
pub use identities::{
    a_drop_leaves_others_alone, a_dropped_identity_is_free, a_dropped_key_is_free,
    a_held_identity_is_refused_whole, a_held_key_is_refused, a_key_is_found_by_both_names,
    a_key_is_retired_before_or_after_the_drop, a_retired_key_stays_taken,
    a_retired_key_tells_the_outcome, an_authenticator_of_another_is_left_alone,
    identities_differ_by_every_part, odd_values_read_back, one_of_many_users_gets_an_identity,
    staleness_is_told_first, the_anonymous_identity_finds_nobody,
};
pub use landings::{
    a_landing_does_all_three, a_landing_moves_a_session, a_refused_commit_opens_no_session,
    a_refused_landing_leaves_what_it_says, a_refused_landing_moves_no_session,
    a_session_that_is_gone_is_not_moved_back, a_spent_nonce_stops_a_landing,
    any_part_of_a_landing_may_be_left_out, no_session_is_seen_before_its_commit,
    nothing_resolves_without_a_user, one_of_many_landings_wins, the_doors_lead_to_the_same_data,
};
pub use lists::{
    a_refused_commit_leaves_no_event, events_are_read_in_order, no_cursor_is_given_twice,
    the_earliest_events_are_forgotten, the_ended_are_listed_in_order, the_ended_follow_changes,
};
pub use reopening::{
    a_backend_before_reopening, a_backend_survives_reopening, sessions_before_reopening,
    sessions_survive_reopening, users_before_reopening, users_survive_reopening,
};
pub use run::block_on;
pub use sessions::{
    a_moved_end_is_swept, a_race_brings_no_session_back, a_removed_session_stays_removed,
    a_rotated_session_has_its_new_digest, a_rotation_onto_another_session_is_refused,
    a_second_session_is_refused, a_session_reads_back, a_use_is_recorded,
    an_abandoned_session_is_whole_or_nothing, an_id_removes_its_own_users_session,
    an_unknown_session_is_absent, odd_times_read_back, one_of_many_rotations_wins,
    only_sessions_of_the_kind_are_listed, only_the_epochs_sessions_are_listed,
    only_the_epochs_sessions_are_shortened, only_what_ended_is_swept,
    sessions_are_listed_in_portions,
};
pub use spending::{
    a_nonce_is_spent_once, a_spent_nonce_is_remembered_until_its_time, one_of_many_spends_a_nonce,
};
pub use uses::{
    a_noted_use_is_there_after_a_later_write, a_use_brings_no_session_back,
    a_use_without_its_fence_is_not_recorded,
};

use crate::store::{Backend, SessionStore, UserStore};

/// A law by its name, to be tried on a fresh store. Broken, it panics.
pub struct Law<S: ?Sized + 'static> {
    /// The name of the function.
    pub name: &'static str,
    /// The function.
    pub hold: for<'a> fn(&'a S) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
}

impl<S: ?Sized> fmt::Debug for Law<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A store with what must live as long.
#[derive(Debug)]
pub struct Fresh<S, R> {
    // The store goes first.
    store: S,
    resources: R,
}

impl<S, R> Fresh<S, R> {
    /// Keeps `resources` until `store` is gone.
    pub fn new(store: S, resources: R) -> Self {
        Self { store, resources }
    }

    /// Takes the two apart, for a store that is to be closed and opened again.
    pub fn into_parts(self) -> (S, R) {
        (self.store, self.resources)
    }
}

impl<S, R> Deref for Fresh<S, R> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.store
    }
}

/// The laws of a [`UserStore`].
pub const USER_STORE_LAWS: &[Law<dyn UserStore>] =
    crate::__each_user_store_law! { __list_laws { dyn UserStore } };

/// The laws of a [`SessionStore`].
pub const SESSION_STORE_LAWS: &[Law<dyn SessionStore>] =
    crate::__each_session_store_law! { __list_laws { dyn SessionStore } };

/// The laws of a [`Backend`], beside those of its stores.
pub const BACKEND_LAWS: &[Law<dyn Backend>] =
    crate::__each_backend_law! { __list_laws { dyn Backend } };

#[doc(hidden)]
pub fn as_users<S: UserStore>(store: &S) -> &dyn UserStore {
    store
}

#[doc(hidden)]
pub fn as_sessions<S: SessionStore>(store: &S) -> &dyn SessionStore {
    store
}

#[doc(hidden)]
pub fn as_backend<B: Backend>(backend: &B) -> &dyn Backend {
    backend
}

#[doc(hidden)]
pub fn users_of<B: Backend>(backend: &B) -> &dyn UserStore {
    backend.users()
}

#[doc(hidden)]
pub fn sessions_of<B: Backend>(backend: &B) -> &dyn SessionStore {
    backend.sessions()
}
