//! Databases that are not as they should be: a clear answer or the right one, never a panic, and never an
//! empty database in the place of a broken one.

mod columns;
mod log;
pub(crate) mod pages;
mod places;

use guestpass::model::{Account, UserId};
use guestpass::store::sqlite::SqliteBackend;
use guestpass::store::{Lookup, UserStore};

use crate::durability::member;
use crate::support::run;

/// Whether the member with this number is there, whole.
fn is_there(backend: &SqliteBackend, number: u8) -> bool {
    let found = run(backend.load(Lookup::User(UserId::from_bytes([number; 16])))).unwrap();
    let is_there = found.is_some();
    assert!(!is_there || found == Account::after(None, &member(number)));
    is_there
}
