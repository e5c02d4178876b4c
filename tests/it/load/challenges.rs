//! Challenges without end, which nobody answers.

use std::fs;
use std::path::Path;
use std::time::Instant;

use guestpass::credential::{Action, HasherOptions, KeyHeader};
use guestpass::store::sqlite::SqliteBackend;
use http::StatusCode;

use super::site;
use crate::http::site::{Device, challenge, present};
use crate::long;
use crate::support::run;

/// Asking for a challenge stores nothing: the files are what they were, and the first challenge of all
/// is as good as the last.
#[tokio::test]
async fn ten_thousand_challenges_leave_the_files_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let backend = SqliteBackend::open(directory.path().join("guestpass.db")).unwrap();
    let site = site(backend, HasherOptions::default(), |_| {});
    site.guest().await;
    let before = sizes(directory.path());
    let first = challenge(&site).await;
    for _ in 0..10_000 {
        challenge(&site).await;
    }
    assert_eq!(sizes(directory.path()), before);
    for (number, challenge) in [first, challenge(&site).await].iter().enumerate() {
        let device = Device::new(u8::try_from(number).unwrap());
        let request = device.sign(&site, challenge, Action::Auth, KeyHeader::Jwk);
        assert_eq!(present(&site, &request).await.status, StatusCode::OK);
    }
}

/// Challenges from one site on SQLite, until it is time. In the end the files are what they were, and at
/// every hundred thousand the process is no larger than at the first, but for what an allocator keeps to
/// itself.
pub(crate) fn endless_challenges(seed: u64, until: Instant) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let backend = SqliteBackend::open(directory.path().join("guestpass.db")).unwrap();
    let site = site(backend, HasherOptions::default(), |_| {});
    run(site.guest());
    let files = sizes(directory.path());
    let (mut asked, mut at_first) = (0, None);
    let count = long::repeat(seed, until, |_| {
        for _ in 0..PORTION {
            run(challenge(&site));
        }
        asked += PORTION;
        if asked.is_multiple_of(LOOK)
            && let Some(now) = resident_kib()
        {
            let before = *at_first.get_or_insert(now);
            assert!(now <= before + MOST_GROWTH_KIB, "{before} KiB have become {now} KiB");
        }
        PORTION
    });
    assert_eq!(sizes(directory.path()), files);
    count
}

/// How much memory this process has, where the operating system tells.
fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The size of every file in a directory.
fn sizes(directory: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let mut sizes: Vec<(String, u64)> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len()))
        .collect();
    sizes.sort();
    sizes
}

/// Challenges between two looks at the clock.
const PORTION: u64 = 1000;
/// Challenges between two looks at the memory.
const LOOK: u64 = 100_000;
const MOST_GROWTH_KIB: u64 = 4096;
