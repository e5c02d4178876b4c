//! The key file: made once, replaced whole, readable by its owner only.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::credential::keyring::KeyringError;
use crate::credential::keyring::key::{KeyLabel, KeySet};
use crate::credential::keyring::record;
use crate::model::Entropy;
use crate::model::entropy::draw;

/// Reads the key file.
pub(crate) fn read(path: &Path) -> Result<KeySet, KeyringError> {
    let file = File::open(path).map_err(absent_or_failed)?;
    refuse_exposed(&file)?;
    let mut json = Zeroizing::new(Vec::with_capacity(record::MAX_BYTES + 1));
    let limit = u64::try_from(record::MAX_BYTES).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut json)?;
    if record::MAX_BYTES < json.len() {
        return Err(KeyringError::TooManyKeys);
    }
    record::read(&json)
}

/// Where the links of `path` lead. It is this file that is replaced: a link stays one, and whoever rotates
/// through it waits for whoever does without it.
pub(crate) fn target(path: &Path) -> Result<PathBuf, KeyringError> {
    fs::canonicalize(path).map_err(absent_or_failed)
}

fn absent_or_failed(error: io::Error) -> KeyringError {
    if error.kind() == io::ErrorKind::NotFound { KeyringError::Absent } else { error.into() }
}

/// Makes the key file with `keys` in it, unless there is one by then.
///
/// A link is made or fails as a whole, so of any number of processes that start at once one makes
/// the file, and all read the same one, complete.
pub(crate) fn create(
    path: &Path,
    keys: &KeySet,
    entropy: &dyn Entropy,
) -> Result<(), KeyringError> {
    let temporary = write_beside(path, keys, entropy)?;
    let linked = fs::hard_link(&temporary, path);
    let removed = fs::remove_file(&temporary);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
        Ok(()) | Err(_) => removed?,
    }
    sync_directory(path)?;
    Ok(())
}

/// Replaces the key file by one with `keys` in it.
pub(crate) fn replace(
    path: &Path,
    keys: &KeySet,
    entropy: &dyn Entropy,
) -> Result<(), KeyringError> {
    let temporary = write_beside(path, keys, entropy)?;
    if let Err(error) = fs::rename(&temporary, path) {
        fs::remove_file(&temporary)?;
        return Err(error.into());
    }
    sync_directory(path)?;
    Ok(())
}

/// Makes sure that the entry of the key file in its directory outlives a power failure.
///
/// Also who found the file there does this before using it: its maker may not have got that far.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(directory(path))?.sync_all()?;
    Ok(())
}

/// Lets nobody else replace the key file until the answer is dropped.
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = owner_only(&mut options).open(path.with_file_name(name))?;
    file.lock()?;
    Ok(file)
}

fn write_beside(
    path: &Path,
    keys: &KeySet,
    entropy: &dyn Entropy,
) -> Result<PathBuf, KeyringError> {
    let json = record::write(keys)?;
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(KeyringError::Absent)?);
    name.push(format!(".{}.tmp", KeyLabel(draw(entropy)?)));
    let temporary = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = owner_only(&mut options).open(&temporary)?;
    if let Err(error) = file.write_all(&json).and_then(|()| file.sync_all()) {
        fs::remove_file(&temporary)?;
        return Err(error.into());
    }
    Ok(temporary)
}

#[cfg(unix)]
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    }
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn refuse_exposed(file: &File) -> Result<(), KeyringError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(KeyringError::Exposed { mode }),
    }
}

#[cfg(not(unix))]
fn refuse_exposed(_: &File) -> Result<(), KeyringError> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::model::{SystemEntropy, Timestamp};

    #[test]
    fn a_file_that_cannot_be_looked_for_is_not_absent() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        let path = directory.path().join("file/keyring");
        assert!(matches!(read(&path), Err(KeyringError::Io(_))));
        assert!(matches!(read(&directory.path().join("other")), Err(KeyringError::Absent)));
    }

    #[test]
    fn a_file_that_cannot_be_linked_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeySet::draw(&SystemEntropy, Timestamp::EPOCH).unwrap();
        // A name that ends like that of a directory is no name for a file.
        let path = directory.path().join("keyring/");
        assert!(matches!(create(&path, &keys, &SystemEntropy), Err(KeyringError::Io(_))));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_bare_name_is_in_the_present_directory() {
        assert_eq!(directory(Path::new("keyring")), Path::new("."));
        assert_eq!(directory(Path::new("keys/keyring")), Path::new("keys"));
        assert_eq!(directory(Path::new("/")), Path::new("."));
    }
}
