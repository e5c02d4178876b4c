//! Tokens, tickets, keys, passwords and login IDs, through the public interface.

mod key_files;
mod keyrings;
#[cfg(unix)]
mod linked_key_files;
mod login_ids;
mod look_alikes;
mod passwords;
mod seals;
mod signed_requests;
mod stolen_keys;
pub(crate) mod three_keys;
mod weak_keys;

use guestpass::credential::{Keyring, Tickets};
use guestpass::model::{SystemEntropy, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn keyring() -> Keyring {
    Keyring::ephemeral(&SystemEntropy).unwrap()
}

fn tickets() -> Tickets {
    Tickets::process_only(&SystemEntropy).unwrap()
}
