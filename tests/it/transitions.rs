//! The table of transitions in the manual is what happens: each cell is done for real and compared.

mod actions;
mod subject;

use std::collections::BTreeSet;

use actions::DEEDS;
use subject::{STANDINGS, Subject};

use crate::faults::methods;
use crate::support::Place;

const MANUAL: &str = include_str!("../../src/manual/promotion.md");

/// The rows of the two tables that begin with `| action |`, side by side: the cells of each, trimmed.
fn table() -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    let mut tables = MANUAL.split("\n\n").filter(|part| part.starts_with("| action |"));
    let [first, second] = [(); 2].map(|()| {
        let rows: Vec<Vec<&str>> = tables.next().unwrap().lines().map(cells).collect();
        rows
    });
    assert_eq!(first.len(), second.len());
    let side_by_side = |(first, second): (Vec<&'static str>, Vec<&'static str>)| {
        assert_eq!(first[0], second[0]);
        [&first[..], &second[1..]].concat()
    };
    first.into_iter().zip(second).map(side_by_side).collect()
}

#[test]
fn the_table_has_every_action_and_every_standing() {
    let table = table();
    assert_eq!(table[0][1..], STANDINGS);
    let actions: Vec<&str> = table[2..].iter().map(|row| row[0]).collect();
    assert_eq!(actions, DEEDS.iter().map(|deed| deed.name).collect::<Vec<_>>());
}

/// A method that is new in the engine is missing here until it has a row.
#[test]
fn every_method_that_is_about_a_user_has_a_row() {
    // They are about nobody, or everybody.
    let others = ["keyring_for", "events", "forget_events"];
    let all: BTreeSet<String> = methods::in_the_source()
        .into_iter()
        .filter(|name| !others.contains(&name.as_str()))
        .collect();
    let rows: BTreeSet<&str> = DEEDS.iter().flat_map(|deed| deed.methods.split(' ')).collect();
    let missing: Vec<&String> = all.iter().filter(|name| !rows.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_cell_of_the_table_is_what_happens() {
    let table = table();
    for &place in Place::QUICK {
        let mut wrong = Vec::new();
        for (row, deed) in table[2..].iter().zip(DEEDS) {
            for (cell, standing) in row[1..].iter().zip(STANDINGS) {
                let subject = Subject::new(place, standing, deed.takes);
                let answer = (deed.perform)(&subject);
                let found = subject.after(standing, &answer);
                if found != *cell {
                    wrong.push(format!("{standing}, {}: {found}, not {cell}", deed.name));
                }
            }
        }
        assert!(wrong.is_empty(), "on {place:?}\n{}", wrong.join("\n"));
    }
}
