//! The tables of attacks in the manual name the tests that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

const MANUAL: &str = include_str!("../../../src/manual/attacks.md");
const ATTACKS: u32 = 136;

/// What the manual says of an attack.
struct Row {
    outcome: &'static str,
    tests: Vec<&'static str>,
}

/// The rows of all tables, by number.
fn rows() -> BTreeMap<u32, Row> {
    let mut rows = BTreeMap::new();
    for line in MANUAL.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Ok(number) = cells[0].parse() else { continue };
        let [_, attack, outcome, tests] = cells[..] else { panic!("four cells: {line}") };
        assert!(!attack.is_empty() && !outcome.is_empty(), "{line}");
        let tests: Vec<&str> = match tests {
            "none" => Vec::new(),
            tests => tests.split(", ").map(|name| name.trim_matches('`')).collect(),
        };
        assert!(rows.insert(number, Row { outcome, tests }).is_none(), "{number} twice");
    }
    rows
}

/// The names of all tests: of this program as it tells them itself, of the crate as they stand in its
/// source.
fn tests() -> BTreeSet<String> {
    let listed = Command::new(env::current_exe().unwrap()).arg("--list").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let own = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let mut tests: BTreeSet<String> = own.map(str::to_owned).collect();
    assert!(500 < tests.len(), "{}", tests.len());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    collect(&source, "", &mut tests);
    tests
}

/// Adds the tests in a folder of the source, whose modules are called after their files.
fn collect(folder: &Path, module: &str, tests: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{module}{}", path.file_stem().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &format!("{name}::"), tests);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            collect_file(&fs::read_to_string(&path).unwrap(), &name, tests);
        }
    }
}

fn collect_file(source: &str, module: &str, tests: &mut BTreeSet<String>) {
    let (mut module, mut is_marked) = (module.to_owned(), false);
    for line in source.lines() {
        if let Some(inner) = line.strip_prefix("mod ").and_then(|line| line.strip_suffix(" {")) {
            module = format!("{module}::{inner}");
        }
        let line = line.trim();
        let mark = line.strip_prefix("#[").unwrap_or_default();
        is_marked |= mark.starts_with("test]") || mark.starts_with("tokio::test");
        let signature = line.strip_prefix("async ").unwrap_or(line);
        if let Some(signature) = signature.strip_prefix("fn ")
            && is_marked
        {
            let (name, _) = signature.split_once('(').unwrap();
            tests.insert(format!("{module}::{name}"));
            is_marked = false;
        }
    }
}

/// The numbers after which a test is called: `attack_7_..` or `attacks_7_8_and_9_..`.
fn numbers(test: &str) -> Vec<u32> {
    let (_, name) = test.rsplit_once("::").unwrap_or(("", test));
    if let Some(one) = name.strip_prefix("attack_") {
        return one.split('_').next().and_then(|word| word.parse().ok()).into_iter().collect();
    }
    let Some(many) = name.strip_prefix("attacks_") else { return Vec::new() };
    let words = many.split('_').filter(|word| *word != "and");
    words.map_while(|word| word.parse().ok()).collect()
}

#[test]
fn every_attack_has_a_row_and_every_test_that_is_named_exists() {
    let (rows, tests) = (rows(), tests());
    assert!(rows.keys().copied().eq(1..=ATTACKS), "{:?}", rows.keys());
    for (number, row) in &rows {
        let has_target = !row.outcome.starts_with("No such thing here");
        assert!(!has_target || !row.tests.is_empty(), "{number} is tried by nothing");
        for name in &row.tests {
            assert!(tests.contains(*name), "{number}: there is no test {name}");
        }
    }
}

#[test]
fn every_test_that_is_called_after_an_attack_is_in_its_row() {
    let (rows, mut called) = (rows(), 0);
    for test in tests() {
        for number in numbers(&test) {
            assert!(rows[&number].tests.contains(&&*test), "{number} does not name {test}");
            called += 1;
        }
    }
    assert!(60 < called, "{called}");
}
