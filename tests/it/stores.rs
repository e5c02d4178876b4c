//! The laws over every store that is shipped, and over every pair of them.

#![expect(clippy::unused_async, reason = "the macros take a maker that may wait")]

mod broken;
mod random;
mod threads;

use std::sync::Arc;

use guestpass::store::conformance::{Fresh, block_on};
use guestpass::store::memory::{MemoryBackend, MemorySessions, MemoryUsers};
use guestpass::store::sqlite::{Reads, SqliteBackend};
use guestpass::store::{Pair, SessionStore, UserStore};
use tempfile::TempDir;

/// A new file in a directory of its own.
pub(crate) fn sqlite() -> Fresh<SqliteBackend, TempDir> {
    let directory = tempfile::tempdir().unwrap();
    Fresh::new(SqliteBackend::open(directory.path().join("users.db")).unwrap(), directory)
}

async fn reopen(fresh: Fresh<SqliteBackend, TempDir>) -> Fresh<SqliteBackend, TempDir> {
    let (backend, directory) = fresh.into_parts();
    drop(backend);
    Fresh::new(SqliteBackend::open(directory.path().join("users.db")).unwrap(), directory)
}

mod memory {
    use super::*;

    async fn fresh() -> Box<MemoryBackend> {
        Box::new(MemoryBackend::new())
    }

    guestpass::backend_laws! { make: fresh, block_on: block_on }
}

mod in_sqlite {
    use super::*;

    async fn fresh() -> Fresh<SqliteBackend, TempDir> {
        sqlite()
    }

    guestpass::backend_laws! { make: fresh, block_on: block_on, reopen: reopen }
}

mod in_sqlite_offloaded {
    use super::*;

    async fn fresh() -> Fresh<SqliteBackend, TempDir> {
        let directory = tempfile::tempdir().unwrap();
        let mut options = SqliteBackend::options();
        options.reads = Reads::Offloaded;
        Fresh::new(options.open(directory.path().join("users.db")).unwrap(), directory)
    }

    guestpass::backend_laws! { make: fresh, block_on: block_on, reopen: reopen }
}

mod pair_of_memories {
    use super::*;

    async fn fresh() -> Box<Pair<MemoryUsers, MemorySessions>> {
        Box::new(Pair::new(MemoryUsers::new(), MemorySessions::new()))
    }

    guestpass::backend_laws! { make: fresh, block_on: block_on }
}

mod pair_of_sqlite_and_memory {
    use super::*;

    async fn fresh() -> Fresh<Pair<SqliteBackend, MemorySessions>, TempDir> {
        let (backend, directory) = sqlite().into_parts();
        Fresh::new(Pair::new(backend, MemorySessions::new()), directory)
    }

    guestpass::backend_laws! { make: fresh, block_on: block_on }
}

mod pair_of_memory_and_sqlite {
    use super::*;

    async fn fresh() -> Fresh<Pair<MemoryUsers, SqliteBackend>, TempDir> {
        let (backend, directory) = sqlite().into_parts();
        Fresh::new(Pair::new(MemoryUsers::new(), backend), directory)
    }

    guestpass::backend_laws! { make: fresh, block_on: block_on }
}

/// A host that keeps a handle to each of its stores.
mod shared_by_handles {
    use super::*;

    type Shared = Pair<Arc<dyn UserStore>, Arc<MemorySessions>>;

    async fn fresh() -> Box<Arc<Shared>> {
        let users: Arc<dyn UserStore> = Arc::new(MemoryUsers::new());
        Box::new(Arc::new(Pair::new(users, Arc::new(MemorySessions::new()))))
    }

    guestpass::backend_laws! { make: fresh, block_on: block_on }
}

/// The macros for one store alone work as well.
mod alone {
    use super::*;

    mod users {
        use super::*;

        async fn fresh() -> Fresh<impl UserStore, ()> {
            Fresh::new(MemoryUsers::new(), ())
        }

        guestpass::user_store_laws! { make: fresh, block_on: block_on }
    }

    mod sessions {
        use super::*;

        async fn fresh() -> Fresh<impl SessionStore, ()> {
            Fresh::new(MemorySessions::new(), ())
        }

        guestpass::session_store_laws! { make: fresh, block_on: block_on }
    }
}
