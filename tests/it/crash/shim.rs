//! The library that stands between a process and its files; `shim.c` is what it is made of.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What goes wrong with which calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    /// Which calls count.
    pub(crate) calls: &'static str,
    pub(crate) whose: Whose,
    pub(crate) deed: Deed,
    /// The number of the first call that it happens to, from 1 on.
    pub(crate) at: u64,
    /// To how many it happens, one after the other.
    pub(crate) span: u64,
}

/// Writes, truncations, syncs, and changes of names.
pub(crate) const CHANGES: &str = "wsln";
pub(crate) const WRITES: &str = "w";
pub(crate) const SYNCS: &str = "sl";
pub(crate) const SYNCS_AND_NAMES: &str = "sln";
/// Those of the write-ahead log.
pub(crate) const LOG_SYNCS: &str = "l";
pub(crate) const READS: &str = "r";
/// What a file that may not be written, or the directory of one, denies.
pub(crate) const OPENINGS: &str = "o";
pub(crate) const NAMES: &str = "n";

/// Whose calls count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    All,
    /// Those of the thread that writes.
    Writing,
    /// Those of the thread that copies what is in the log into the database.
    Copying,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// The process dies before it.
    KillBefore,
    /// The process dies when half of what it writes is written, or right after any other call.
    KillHalf,
    /// Half of what it reads is read.
    Half,
    /// It fails with this error.
    Fail(Errno),
    /// Half of what it writes is written; the calls after it fail with this error.
    HalfThenFail(Errno),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errno {
    Io = 5,
    Access = 13,
    NoSpace = 28,
    ReadOnly = 30,
}

/// Lets `command` meet with trouble on the files in `directory`.
pub(crate) fn trouble(command: &mut Command, directory: &Path, trouble: Trouble) {
    let (deed, errno) = match trouble.deed {
        Deed::KillBefore => (1, Errno::Io),
        Deed::KillHalf | Deed::Half => (3, Errno::Io),
        Deed::Fail(errno) => (4, errno),
        Deed::HalfThenFail(errno) => (5, errno),
    };
    match trouble.whose {
        Whose::All => {}
        Whose::Writing => {
            command.env("SHIM_THREAD", WRITING);
        }
        Whose::Copying => {
            command.env("SHIM_THREAD", COPYING);
        }
    }
    load(command, directory)
        .env("SHIM_CLASSES", trouble.calls)
        .env("SHIM_COUNT", count_file(directory))
        .env("SHIM_DEED", deed.to_string())
        .env("SHIM_AT", trouble.at.to_string())
        .env("SHIM_SPAN", trouble.span.to_string())
        .env("SHIM_ERROR", (errno as i32).to_string());
}

/// Lets `command` count its calls on the files in `directory`; [`counted`] tells the number.
pub(crate) fn count(command: &mut Command, directory: &Path, calls: &str) {
    let file = count_file(directory);
    load(command, directory).env("SHIM_CLASSES", calls).env("SHIM_COUNT", file);
}

/// How many calls were counted.
pub(crate) fn counted(directory: &Path) -> u64 {
    counts(directory)[0]
}

/// How many calls met with trouble, of a process that came to its end.
pub(crate) fn struck(directory: &Path) -> u64 {
    counts(directory)[1]
}

fn counts(directory: &Path) -> [u64; 2] {
    let text = std::fs::read_to_string(count_file(directory)).unwrap();
    std::fs::remove_file(count_file(directory)).unwrap();
    let counts: Vec<u64> = text.split_whitespace().map(|count| count.parse().unwrap()).collect();
    counts.try_into().unwrap()
}

/// Lets `command` tell of its calls on the files in `directory`; [`recorded`] gives the log.
pub(crate) fn record(command: &mut Command, directory: &Path) {
    load(command, directory).env("SHIM_LOG", directory.with_extension("log"));
}

/// What was recorded.
pub(crate) fn recorded(directory: &Path) -> Vec<u8> {
    let log = directory.with_extension("log");
    let recorded = std::fs::read(&log).unwrap();
    std::fs::remove_file(log).unwrap();
    recorded
}

fn load<'a>(command: &'a mut Command, directory: &Path) -> &'a mut Command {
    command.env("LD_PRELOAD", library()).env("SHIM_DIRECTORY", directory)
}

/// Beside the directory, so that it is none of its files.
fn count_file(directory: &Path) -> PathBuf {
    directory.with_extension("count")
}

/// Whether calls can be stood in the way of here. Says so if not.
pub(crate) fn is_available() -> bool {
    if !cfg!(target_os = "linux") {
        eprintln!("SKIPPED: system calls are broken on Linux only");
    }
    cfg!(target_os = "linux")
}

/// Compiles the library, once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/crash/shim.c");
        let name = format!("crash-shim-{}.so", std::process::id());
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let status = Command::new("cc")
            .args(["-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o"])
            .arg(&library)
            .args([source, "-lpthread"])
            .status();
        let is_compiled = status.is_ok_and(|status| status.success());
        assert!(is_compiled, "{source} does not compile, or there is no C compiler");
        library
    })
}

/// What the backend calls its threads.
const WRITING: &str = "guestpass-writer";
const COPYING: &str = "guestpass-checkpoints";
