//! The table of transitions in the manual is what happens: each cell is done for real and compared.

mod subject;

use subject::{ACTIONS, STANDINGS, Subject};

use crate::support::Place;

const MANUAL: &str = include_str!("../../src/manual/promotion.md");

/// The rows of the table that begins with `| action |`: the cells of each, trimmed.
fn table() -> Vec<Vec<&'static str>> {
    let lines = MANUAL.lines().skip_while(|line| !line.starts_with("| action |"));
    let rows = lines.take_while(|line| line.starts_with('|'));
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    rows.map(cells).collect()
}

#[test]
fn the_table_has_every_action_and_every_standing() {
    let table = table();
    assert_eq!(table[0][1..], STANDINGS);
    let actions: Vec<&str> = table[2..].iter().map(|row| row[0]).collect();
    assert_eq!(actions, ACTIONS.map(|(name, _)| name));
}

#[test]
fn every_cell_of_the_table_is_what_happens() {
    let table = table();
    for &place in Place::QUICK {
        let mut wrong = Vec::new();
        for (row, (action, perform)) in table[2..].iter().zip(ACTIONS) {
            for (cell, standing) in row[1..].iter().zip(STANDINGS) {
                let subject = Subject::new(place, standing);
                let answer = perform(&subject);
                let found = subject.after(standing, &answer);
                if found != *cell {
                    wrong.push(format!("{standing}, {action}: {found}, not {cell}"));
                }
            }
        }
        assert!(wrong.is_empty(), "on {place:?}\n{}", wrong.join("\n"));
    }
}
