//! The example as a process: started, stopped, killed.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A running guestbook. It is killed when this is dropped.
pub(crate) struct Guestbook {
    child: Child,
    pub(crate) origin: String,
}

impl Guestbook {
    /// Starts the example on a free port and waits until it listens.
    pub(super) fn start(database: &Path, flags: &[&str]) -> Self {
        let mut child = command()
            .args(["--listen", "127.0.0.1:0", "--db"])
            .arg(database)
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let rest = line.strip_prefix("guestbook: listening on ");
        let rest = rest.unwrap_or_else(|| panic!("not a line that says where: {line:?}"));
        let origin = rest.split(',').next().unwrap().to_owned();
        Self { child, origin }
    }

    pub(super) fn address(&self) -> SocketAddr {
        let port = self.origin.rsplit(':').next().unwrap().parse().unwrap();
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Asks the process to end.
    pub(super) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Ends the process as a power cut would.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the process to end by itself.
    pub(super) fn wait(mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(since.elapsed() < LONGEST_END, "the process does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Guestbook {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the example with flags that make it end at once.
pub(super) fn run(flags: &[&str]) -> Output {
    command().args(flags).output().unwrap()
}

fn command() -> Command {
    let mut command = Command::new(binary());
    command.stdin(Stdio::null());
    command
}

/// Cargo builds examples for `cargo test`, but tells tests nothing of where.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().join("examples");
    let binary = folder.join(format!("guestbook{}", std::env::consts::EXE_SUFFIX));
    let hint = "is missing: run `cargo build --example guestbook`";
    assert!(binary.exists(), "{} {hint}", binary.display());
    binary
}

const LONGEST_END: Duration = Duration::from_secs(30);
