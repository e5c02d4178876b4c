//! A key file behind links: whoever renews the keys may lead a link elsewhere, as `ln -sfn` does, and as
//! Kubernetes renews a mounted secret.
//!
//! A bug was here. Links were followed once, at opening. A process went on with the file that the link had
//! led to then, said that it had read the keys again, and never knew those that it would have started with.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use guestpass::credential::{Keyring, KeyringError, Purpose};
use guestpass::model::SystemEntropy;
use tempfile::TempDir;

use super::NOW;
use super::keyrings::{MINUTE, opens, token};

/// Two key files, and a link that leads to the first.
struct Links(TempDir);

impl Links {
    fn new() -> Self {
        let links = Self(tempfile::tempdir().unwrap());
        for name in ["first", "second"] {
            fs::create_dir(links.path(name)).unwrap();
            Keyring::open(links.key_file(name)).unwrap();
        }
        links.lead_to("first");
        links
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn key_file(&self, name: &str) -> PathBuf {
        self.path(name).join("keys.json")
    }

    fn link(&self) -> PathBuf {
        self.path("link")
    }

    /// Leads the link elsewhere in one step.
    fn lead_to(&self, name: &str) {
        let next = self.path("next");
        symlink(Path::new(name).join("keys.json"), &next).unwrap();
        fs::rename(next, self.link()).unwrap();
    }

    fn open(&self, name: &str) -> Keyring {
        Keyring::open_existing(self.key_file(name)).unwrap()
    }

    /// Keeps everybody from rotating the key file with this name until it is dropped.
    #[cfg(target_os = "linux")]
    fn lock(&self, name: &str) -> fs::File {
        let lock = fs::File::create(self.lock_file(name)).unwrap();
        lock.lock().unwrap();
        lock
    }

    fn lock_file(&self, name: &str) -> PathBuf {
        self.path(name).join("keys.json.lock")
    }

    /// Returns when somebody besides the test has the lock file open, and so has looked where the link leads.
    #[cfg(target_os = "linux")]
    fn wait_for_a_rotation_of(&self, name: &str) {
        let path = fs::canonicalize(self.lock_file(name)).unwrap();
        let is_open = |it: &io::Result<fs::DirEntry>| {
            it.as_ref().is_ok_and(|it| fs::read_link(it.path()).is_ok_and(|of| of == path))
        };
        let start = std::time::Instant::now();
        while fs::read_dir("/proc/self/fd").unwrap().filter(is_open).count() < 2 {
            assert!(start.elapsed() < PATIENCE, "nobody waits");
            std::thread::yield_now();
        }
    }
}

fn is_same(one: &Keyring, other: &Keyring) -> bool {
    one.lookup_hash("same", b"") == other.lookup_hash("same", b"")
}

#[test]
fn a_link_that_was_led_elsewhere_is_followed_when_the_file_is_read_again() {
    let links = Links::new();
    let [asked, unasked] = [(); 2].map(|()| Keyring::open(links.link()).unwrap());
    links.lead_to("second");
    let second = links.open("second");
    asked.refresh().unwrap();
    assert!(is_same(&asked, &second));
    // It meets a key that it does not know.
    assert!(opens(&token().seal(&second), &unasked, NOW));
    assert!(is_same(&unasked, &second));
    // Nobody needs the file from before.
    fs::remove_dir_all(links.path("first")).unwrap();
    asked.refresh().unwrap();
    fs::remove_file(links.key_file("second")).unwrap();
    assert!(matches!(asked.refresh(), Err(KeyringError::Absent)));
    let rotated = asked.rotate(Purpose::Lookup, MINUTE, NOW, &SystemEntropy);
    assert!(matches!(rotated, Err(KeyringError::Absent)));
    assert!(is_same(&asked, &second));
}

/// The file is behind a link to a link to a directory, and the one to the directory is led elsewhere.
#[test]
fn a_link_on_the_way_to_the_file_is_followed_as_well() {
    let links = Links::new();
    symlink("first", links.path("..data")).unwrap();
    symlink("..data/keys.json", links.path("mounted")).unwrap();
    let keyring = Keyring::open_existing(links.path("mounted")).unwrap();
    assert!(is_same(&keyring, &links.open("first")));
    symlink("second", links.path("..data_tmp")).unwrap();
    fs::rename(links.path("..data_tmp"), links.path("..data")).unwrap();
    keyring.refresh().unwrap();
    assert!(is_same(&keyring, &links.open("second")));
}

#[test]
fn the_file_that_a_link_leads_to_by_then_is_rotated() {
    let links = Links::new();
    let keyring = Keyring::open(links.link()).unwrap();
    let (first, second) = (links.open("first"), links.open("second"));
    links.lead_to("second");
    keyring.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy).unwrap();
    assert!(fs::symlink_metadata(links.link()).unwrap().is_symlink());
    assert!(is_same(&keyring, &second), "the keys of other purposes are those of the second file");
    let text = token().seal(&keyring);
    assert!(opens(&text, &second, NOW));
    assert!(!opens(&text, &first, NOW));
    assert!(links.lock_file("second").exists(), "whoever rotates the file itself waits");
    assert_eq!(fs::read_dir(links.path("first")).unwrap().count(), 1);
}

/// It waits for whoever rotates the file that the link leads to, and when its turn comes the link leads to
/// another one.
#[cfg(target_os = "linux")]
#[test]
fn a_link_that_is_led_elsewhere_while_a_rotation_waits_is_followed() {
    let links = Links::new();
    let keyring = Keyring::open(links.link()).unwrap();
    let before = fs::read(links.key_file("first")).unwrap();
    let lock = links.lock("first");
    std::thread::scope(|scope| {
        let rotated =
            scope.spawn(|| keyring.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy));
        links.wait_for_a_rotation_of("first");
        links.lead_to("second");
        keyring.refresh().unwrap();
        drop(lock);
        rotated.join().unwrap().unwrap();
    });
    assert!(fs::read(links.key_file("first")).unwrap() == before);
    let second = links.open("second");
    assert!(is_same(&keyring, &second), "the keys of the file from before are not back");
    assert!(opens(&token().seal(&keyring), &second, NOW));
}

#[cfg(target_os = "linux")]
#[test]
fn a_rotation_gives_up_when_the_link_is_led_elsewhere_again_and_again() {
    let links = Links::new();
    let keyring = Keyring::open(links.link()).unwrap();
    let names = ["first", "second"];
    let before = names.map(|name| fs::read(links.key_file(name)).unwrap());
    let mut locks = names.map(|name| Some(links.lock(name)));
    std::thread::scope(|scope| {
        let rotated =
            scope.spawn(|| keyring.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy));
        links.wait_for_a_rotation_of(names[0]);
        for (here, there) in [(0, 1), (1, 0), (0, 1)] {
            links.lead_to(names[there]);
            locks[here] = None;
            links.wait_for_a_rotation_of(names[there]);
            locks[here] = Some(links.lock(names[here]));
        }
        links.lead_to(names[0]);
        locks[1] = None;
        match rotated.join().unwrap() {
            Err(KeyringError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::ResourceBusy),
            other => panic!("{other:?}"),
        }
    });
    assert!(names.map(|name| fs::read(links.key_file(name)).unwrap()) == before);
}

/// A path that is not absolute is one from where the process was when it opened the keyring.
#[test]
fn a_process_that_goes_elsewhere_keeps_its_key_file() {
    if let Some(elsewhere) = env::var_os(ELSEWHERE) {
        let keyring = Keyring::open_existing("link").unwrap();
        env::set_current_dir(elsewhere).unwrap();
        keyring.refresh().unwrap();
        return keyring.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy).unwrap();
    }
    let links = Links::new();
    let before = fs::read(links.key_file("first")).unwrap();
    let status = Command::new(env::current_exe().unwrap())
        .args(["credentials::linked_key_files::a_process_that_goes_elsewhere_keeps_its_key_file"])
        .args(["--exact", "--nocapture"])
        .env(ELSEWHERE, links.path("second"))
        .current_dir(links.0.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(fs::read(links.key_file("first")).unwrap() != before);
}

const ELSEWHERE: &str = "GUESTPASS_KEYS_ELSEWHERE";

/// For a step that takes no time, on a machine that has much else to do.
#[cfg(target_os = "linux")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
