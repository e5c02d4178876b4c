//! The files of a database: made, found again, and recognised while they are open.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Makes the file readable by its owner only, unless it is there; SQLite gives its other files the same
/// mode.
pub(super) fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the log has something in it and the file has not: SQLite would take the file for new, and
/// throw the log away.
pub(super) fn is_emptied(path: &Path) -> io::Result<bool> {
    // The log first: of a database that another process is making, the file is filled first.
    Ok(0 < length(&beside(path, LOG))? && length(path)? <= 1)
}

/// Whether the file is one byte long, which SQLite takes for new too, and nobody makes.
pub(super) fn is_one_byte(path: &Path) -> io::Result<bool> {
    Ok(length(path)? == 1)
}

/// The path without symbolic links in it, if there is something: SQLite keeps its other files beside
/// what it leads to.
pub(super) fn resolve(path: &Path) -> io::Result<PathBuf> {
    // Elsewhere the resolved form is none that every library takes.
    if !cfg!(unix) {
        return Ok(path.to_owned());
    }
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        resolved => resolved,
    }
}

/// Makes sure that the names of the files outlive a power failure, without which all that is in them is
/// lost.
///
/// SQLite does this for the log by itself, but takes a failure for success; and whoever made the file may
/// have died before this.
pub(super) fn sync_names(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
        Some(_) | None => Ok(()),
    }
}

/// Writes what is in the file over itself, and syncs it. The caller sees to it that nobody else writes.
pub(super) fn rewrite(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(());
    }
    let mut portion = vec![0; PORTION];
    let mut position = 0;
    while position < length {
        let left = usize::try_from(length - position).unwrap_or(PORTION);
        let portion = &mut portion[..left.min(PORTION)];
        file.read_exact(portion)?;
        file.seek(SeekFrom::Start(position))?;
        file.write_all(portion)?;
        position += portion.len() as u64;
    }
    file.sync_data()
}

/// Which files are open, so that it is noticed when others take their place.
///
/// What is written to a file that has lost its name is gone with the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity([Option<(u64, u64)>; 3]);

impl Identity {
    /// The files that have their names now.
    pub(super) fn of(paths: &Paths) -> Self {
        Self([&paths.database, &paths.log, &paths.index].map(|path| {
            let found = fs::metadata(path).ok();
            found.as_ref().map(number)
        }))
    }
}

/// The names of the files, spelled out once.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) database: PathBuf,
    pub(super) log: PathBuf,
    index: PathBuf,
}

impl Paths {
    pub(super) fn of(database: PathBuf) -> Self {
        Self { log: beside(&database, LOG), index: beside(&database, INDEX), database }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Zero for a file that is not there.
pub(super) fn length(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn number(file: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}

/// Elsewhere an open file keeps its name.
#[cfg(not(unix))]
fn number(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// What is read and written at a time.
const PORTION: usize = 1 << 16;
const LOG: &str = "-wal";
const INDEX: &str = "-shm";
