//! Counting durable writes, by what is in the write-ahead log.
//!
//! Each frame of it is a page; the last of a transaction says how many pages the file then has, and
//! all others say zero (<https://www.sqlite.org/fileformat2.html#walformat>).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::Outcome;

/// How many transactions the log of the file at `path` has in it.
pub(crate) fn commits(path: &Path) -> Outcome<usize> {
    let log = match std::fs::read(log_of(path)) {
        Ok(log) => log,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let Some((header, frames)) = log.split_at_checked(HEADER) else { return Ok(0) };
    let page = usize::try_from(word(header, 8)?)?;
    let is_of_this_log = |frame: &&[u8]| frame.get(8..16) == header.get(16..24);
    let frames = frames.chunks_exact(FRAME_HEADER + page).take_while(is_of_this_log);
    let mut commits = 0;
    for frame in frames {
        commits += usize::from(word(frame, 4)? != 0);
    }
    Ok(commits)
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = OsString::from(path);
    log.push("-wal");
    log.into()
}

fn word(bytes: &[u8], at: usize) -> Outcome<u32> {
    let word = bytes.get(at..at + 4).ok_or("the log is cut short")?;
    Ok(u32::from_be_bytes(word.try_into()?))
}

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
