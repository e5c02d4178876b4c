//! Files that are not where they should be, or not what they should be.

use std::fs;
use std::path::Path;

use guestpass::store::sqlite::{OpenError, SqliteBackend};
use guestpass::store::{Backend, CommitError, StoreErrorKind, UserStore};

use super::is_there;
use crate::crash::Scratch;
use crate::durability::{guest, member};
use crate::support::run;

fn write(backend: &SqliteBackend, number: u8) -> Result<(), CommitError> {
    run(backend.commit(&member(number)))
}

fn is_refused(outcome: Result<(), CommitError>) {
    let Err(CommitError::Store(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.kind(), StoreErrorKind::Transient, "{error:?}");
}

/// A database with users 1 and 2, the second only in the log that a crash has left.
fn after_a_crash(directory: &Path) {
    let path = directory.join("users.db");
    let backend = SqliteBackend::open(&path).unwrap();
    write(&backend, 1).unwrap();
    drop(backend);
    let backend = SqliteBackend::open(&path).unwrap();
    write(&backend, 2).unwrap();
    let copies = ["users.db", "users.db-wal"];
    let copies = copies.map(|name| (name, fs::read(directory.join(name)).unwrap()));
    drop(backend);
    for (name, bytes) in copies {
        fs::write(directory.join(name), bytes).unwrap();
    }
}

/// Whoever emptied the file, SQLite would have taken it for new and thrown away the log, with everything
/// that was only there.
#[test]
fn an_emptied_file_beside_its_log_is_refused_and_left_alone() {
    for is_missing in [false, true] {
        let scratch = Scratch::new();
        after_a_crash(scratch.path());
        let (path, log) = (scratch.path().join("users.db"), scratch.path().join("users.db-wal"));
        let (before, bytes) = (fs::read(&log).unwrap(), fs::read(&path).unwrap());
        if is_missing {
            fs::remove_file(&path).unwrap();
        } else {
            fs::write(&path, []).unwrap();
        }
        assert!(matches!(SqliteBackend::open(&path), Err(OpenError::Emptied)));
        assert_eq!(fs::read(&log).unwrap(), before);
        assert_eq!(path.exists(), !is_missing, "nothing is made beside the log");

        fs::write(&path, bytes).unwrap();
        let backend = SqliteBackend::open(&path).unwrap();
        assert!(is_there(&backend, 1) && is_there(&backend, 2), "with its file back, all is there");
    }
}

/// What was written after that went to files without a name, was acknowledged, and was gone with the
/// process; and once a write had failed, the next went to other files than reads came from.
#[test]
fn files_that_lose_their_names_while_open_are_not_written_to() {
    for gone in ["users.db", "users.db-wal", "users.db-shm"] {
        for is_replaced in [false, true] {
            let scratch = Scratch::new();
            let path = scratch.path().join("users.db");
            let backend = SqliteBackend::open(&path).unwrap();
            write(&backend, 1).unwrap();
            let other = Scratch::new();
            if is_replaced {
                // A copy of the same bytes is another file.
                fs::copy(scratch.path().join(gone), other.path().join(gone)).unwrap();
                fs::rename(other.path().join(gone), scratch.path().join(gone)).unwrap();
            } else {
                fs::rename(scratch.path().join(gone), other.path().join(gone)).unwrap();
            }
            for number in [2, 3] {
                is_refused(write(&backend, number));
            }
            assert!(is_there(&backend, 1), "reads go on");
            assert!(!is_there(&backend, 2), "what was refused was not written");
        }
    }
}

#[test]
fn files_that_come_back_are_written_to_again() {
    let (scratch, other) = (Scratch::new(), Scratch::new());
    let path = scratch.path().join("users.db");
    let backend = SqliteBackend::open(&path).unwrap();
    let away = other.path().join("users.db");
    fs::rename(&path, &away).unwrap();
    is_refused(write(&backend, 1));
    fs::rename(&away, &path).unwrap();
    write(&backend, 1).unwrap();
    drop(backend);
    assert!(is_there(&SqliteBackend::open(&path).unwrap(), 1));
}

#[test]
fn a_directory_in_the_place_of_a_file_is_refused() {
    for name in ["users.db", "users.db-wal"] {
        let scratch = Scratch::new();
        after_a_crash(scratch.path());
        fs::remove_file(scratch.path().join(name)).unwrap();
        fs::create_dir(scratch.path().join(name)).unwrap();
        let error = SqliteBackend::open(scratch.path().join("users.db")).unwrap_err();
        assert!(matches!(error, OpenError::Failed(_) | OpenError::Emptied), "{error:?}");
    }
}

/// An empty file is what a first start leaves that has died at once.
#[test]
fn an_empty_file_by_itself_is_new() {
    let scratch = Scratch::new();
    let path = scratch.path().join("users.db");
    fs::write(&path, []).unwrap();
    let backend = SqliteBackend::open(&path).unwrap();
    assert!(run(backend.is_empty()).unwrap());
}

#[cfg(unix)]
#[test]
fn a_link_leads_to_one_database_with_one_log() {
    let scratch = Scratch::new();
    let (real, link) = (scratch.path().join("users.db"), scratch.path().join("link.db"));
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let error = SqliteBackend::open(&link).unwrap_err();
    assert!(matches!(error, OpenError::Failed(_)), "a link that leads nowhere: {error:?}");

    let backend = SqliteBackend::open(&real).unwrap();
    let by_link = SqliteBackend::open(&link).unwrap();
    write(&backend, 1).unwrap();
    write(&by_link, 2).unwrap();
    assert!(is_there(&by_link, 1) && is_there(&backend, 2));
    assert!(!scratch.path().join("link.db-wal").exists());
}

/// The lock files of one user are not another's to take over: a missing or broken one is made anew.
#[test]
fn the_index_of_the_log_may_be_missing_or_garbage() {
    let garbage = [vec![0xa5; 32 << 10], vec![0; 7], vec![0xff; 100_000]];
    for index in garbage.iter().map(Some).chain([None]) {
        let scratch = Scratch::new();
        after_a_crash(scratch.path());
        if let Some(index) = index {
            fs::write(scratch.path().join("users.db-shm"), index).unwrap();
        }
        let backend = SqliteBackend::open(scratch.path().join("users.db")).unwrap();
        assert!(is_there(&backend, 1) && is_there(&backend, 2));
        run(backend.commit(&guest(3))).unwrap();
        assert!(run(backend.land(&<_>::default())).is_ok());
    }
}
