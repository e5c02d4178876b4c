//! A disk, as a log of calls leaves it: what was synced is there after the machine dies, and of the rest
//! any part.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::Random;

/// One call that the shim has told of.
#[derive(Debug)]
pub(super) struct Call {
    what: What,
    is_failed: bool,
    inode: u64,
    position: u64,
    name: String,
    data: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Say,
    Write,
    Truncate,
    Sync,
    SyncDirectory,
    Create,
    Unlink,
    Rename,
    Link,
}

impl Call {
    /// All calls of a log, in their order.
    pub(super) fn read_all(mut log: &[u8]) -> Vec<Self> {
        let mut calls = Vec::new();
        while let Some((head, rest)) = log.split_first_chunk::<26>() {
            let number = |from: usize, to: usize| {
                head[from..to].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
            };
            let length = |from| usize::try_from(number(from, from + 4)).unwrap();
            let (name_length, data_length) = (length(18), length(22));
            let (name, rest) = rest.split_at(name_length);
            let (data, rest) = rest.split_at(data_length);
            calls.push(Self {
                what: What::of(head[0]),
                is_failed: head[1] == 1,
                inode: number(2, 10),
                position: number(10, 18),
                name: String::from_utf8(name.to_vec()).unwrap(),
                data: data.to_vec(),
            });
            log = rest;
        }
        calls
    }

    /// What the process said by this call.
    pub(super) fn said(&self) -> &[u8] {
        if self.what == What::Say { &self.data } else { &[] }
    }

    /// Whether it wrote to the file with this name.
    pub(super) fn writes_to(&self, name: &str) -> bool {
        self.what == What::Write && self.name == name
    }

    /// Whether it was to sync the file with this name, and failed.
    pub(super) fn failed_to_sync(&self, name: &str) -> bool {
        self.what == What::Sync && self.is_failed && self.name == name
    }

    /// Where in the file it was.
    pub(super) fn position(&self) -> u64 {
        self.position
    }
}

impl What {
    fn of(byte: u8) -> Self {
        match byte {
            b'a' => Self::Say,
            b'w' => Self::Write,
            b't' => Self::Truncate,
            b's' => Self::Sync,
            b'd' => Self::SyncDirectory,
            b'c' => Self::Create,
            b'u' => Self::Unlink,
            b'r' => Self::Rename,
            b'l' => Self::Link,
            other => panic!("no call is told as {other}"),
        }
    }
}

/// The files of one directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    files: Vec<File>,
    /// The file that an inode stands for now; it may have stood for another that is gone.
    by_inode: BTreeMap<u64, usize>,
    /// What the process sees.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<Renaming>,
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Patch>,
}

#[derive(Clone, Debug)]
enum Patch {
    Write { position: usize, data: Vec<u8> },
    Truncate { length: usize },
}

#[derive(Clone, Debug)]
enum Renaming {
    Put(String, usize),
    Remove(String),
}

/// What the machine had written of what was not synced, when it died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Everything.
    Nothing,
    /// Nothing.
    All,
    /// Any of the writes, in any order, some of them torn.
    Some,
}

impl Disk {
    pub(super) fn apply(&mut self, call: &Call, random: &mut Random) {
        match call.what {
            What::Say => {}
            What::Sync if call.is_failed => self.file(call).give_up(random),
            // The names wait for the next sync, which may succeed.
            _ if call.is_failed => {}
            What::Write => {
                let position = usize::try_from(call.position).unwrap();
                self.file(call).pending.push(Patch::Write { position, data: call.data.clone() });
            }
            What::Truncate => {
                let length = usize::try_from(call.position).unwrap();
                self.file(call).pending.push(Patch::Truncate { length });
            }
            What::Sync => self.file(call).sync(),
            What::SyncDirectory => {
                for renaming in std::mem::take(&mut self.pending_names) {
                    renaming.apply(&mut self.durable_names);
                }
            }
            What::Create => {
                self.files.push(File::default());
                self.by_inode.insert(call.inode, self.files.len() - 1);
                self.rename(Renaming::Put(call.name.clone(), self.files.len() - 1));
            }
            What::Unlink => self.rename(Renaming::Remove(call.name.clone())),
            What::Link | What::Rename => {
                let other = String::from_utf8(call.data.clone()).unwrap();
                self.rename(Renaming::Put(other, self.names[&call.name]));
                if call.what == What::Rename {
                    self.rename(Renaming::Remove(call.name.clone()));
                }
            }
        }
    }

    /// Writes into `directory` what is there after the machine has died now.
    pub(super) fn die(&self, loss: Loss, directory: &Path, random: &mut Random) {
        let mut names = self.durable_names.clone();
        let kept = match loss {
            Loss::Nothing => self.pending_names.len(),
            Loss::All => 0,
            Loss::Some => random.below(self.pending_names.len() + 1),
        };
        // File systems keep names in order.
        for renaming in &self.pending_names[..kept] {
            renaming.clone().apply(&mut names);
        }
        for (name, file) in names {
            fs::write(directory.join(&name), self.files[file].remains(loss, random)).unwrap();
            restrict(&directory.join(&name));
        }
    }

    fn rename(&mut self, renaming: Renaming) {
        renaming.clone().apply(&mut self.names);
        self.pending_names.push(renaming);
    }

    fn file(&mut self, call: &Call) -> &mut File {
        let file = self.by_inode[&call.inode];
        &mut self.files[file]
    }
}

impl File {
    fn sync(&mut self) {
        for patch in std::mem::take(&mut self.pending) {
            patch.apply(&mut self.durable);
        }
    }

    /// After a sync that failed nobody will try again to write what was to be synced.
    fn give_up(&mut self, random: &mut Random) {
        for patch in std::mem::take(&mut self.pending) {
            if random.below(2) == 0 {
                patch.apply(&mut self.durable);
            }
        }
    }

    fn remains(&self, loss: Loss, random: &mut Random) -> Vec<u8> {
        let mut content = self.durable.clone();
        for patch in &self.pending {
            match loss {
                Loss::Nothing => patch.apply(&mut content),
                Loss::All => {}
                Loss::Some => match random.below(4) {
                    0 => {}
                    1 => patch.tear(&mut content, random),
                    _ => patch.apply(&mut content),
                },
            }
        }
        content
    }
}

impl Patch {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Truncate { length } => content.resize(*length, 0),
            Self::Write { position, data } => {
                let end = position + data.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*position..end].copy_from_slice(data);
            }
        }
    }

    /// Applies some sectors of it.
    fn tear(&self, content: &mut Vec<u8>, random: &mut Random) {
        let Self::Write { position, data } = self else { return };
        let mut from = 0;
        while from < data.len() {
            // Up to the next boundary of a sector.
            let to = data.len().min(from + SECTOR - (position + from) % SECTOR);
            if random.below(2) == 0 {
                let part = data[from..to].to_vec();
                Self::Write { position: position + from, data: part }.apply(content);
            }
            from = to;
        }
    }
}

impl Renaming {
    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Put(name, file) => drop(names.insert(name, file)),
            Self::Remove(name) => drop(names.remove(&name)),
        }
    }
}

/// The mode that all our files have.
fn restrict(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// The most that a disk writes as a whole.
const SECTOR: usize = 512;
