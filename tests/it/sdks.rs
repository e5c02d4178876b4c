//! The published client SDKs, driven against the running guestbook: `@authgear/web` in a browser and
//! `@authgear/react-native` under Node.
//!
//! They need Node.js, Chromium and `npm ci --prefix tests/sdk`. Without those a test says that it was
//! skipped and passes, unless `GUESTPASS_REQUIRE_SDKS` is set.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::guestbook::Folder;

#[test]
fn the_web_sdk_takes_a_guest_the_whole_way_in_a_browser() {
    drive("web.mjs", &["node", "chromium"]);
}

#[test]
fn the_react_native_sdk_takes_a_guest_the_whole_way() {
    drive("native.mjs", &["node"]);
}

/// Runs a script against a guestbook that refuses to merge, as the default policy does.
fn drive(script: &str, programs: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
    if let Some(missing) = missing(&folder, programs) {
        assert!(
            env::var_os("GUESTPASS_REQUIRE_SDKS").is_none(),
            "GUESTPASS_REQUIRE_SDKS is set, but there is no {missing}"
        );
        // Straight to the terminal: the test runner would swallow what a test prints that passes.
        let _said_or_not = writeln!(
            std::io::stderr(),
            "skipped: tests/sdk/{script}, for want of {missing}; `npm ci --prefix tests/sdk`, \
             Node.js and Chromium make it run"
        );
        return;
    }
    let site = Folder::new();
    let guestbook = site.start_with("[anonymous]\non_conflict = \"error\"\n");
    let output = Command::new("node")
        .arg(folder.join(script))
        .env("GUESTPASS_URL", &guestbook.origin)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("ok - "), "the script tried nothing: {said}");
    println!("{said}");
}

/// What of the things that a script needs is not there.
fn missing(folder: &Path, programs: &[&str]) -> Option<String> {
    let packages = folder.join("node_modules/@authgear");
    if !packages.is_dir() {
        return Some(packages.display().to_string());
    }
    programs.iter().find(|program| !is_installed(program)).map(|program| (*program).to_owned())
}

fn is_installed(program: &str) -> bool {
    if program == "chromium" && env::var_os("CHROMIUM").is_some() {
        return true;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder: PathBuf| folder.join(program)).any(|file| file.is_file())
}
