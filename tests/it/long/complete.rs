//! What can be tried to its end, and the table of the manual that says how much there is of it.

use std::time::Instant;

use super::ledger::{cells, spaced};
use crate::support::Place;

const CHAPTER: &str = include_str!("../../../src/manual/proof.md");

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    AllOrdersOfTwo,
    OrdersOfTwo,
    OrdersOfThree,
    OrdersWithFault,
    TwoFaults,
}

/// The figure of a place, which is the same in every run; `None` where it is not gone through to the end.
pub(crate) fn told(figure: Figure, place: Place) -> Option<u64> {
    let name = match place {
        Place::Memory => "in memory",
        Place::Pair => "in memory, users and sessions apart",
        Place::Sqlite => "in a file",
        Place::TwoEngines => "in a file that two engines have open",
        Place::SqliteUsers => return None,
    };
    let column = match figure {
        Figure::AllOrdersOfTwo => 1,
        Figure::OrdersOfTwo => 2,
        Figure::OrdersOfThree => 3,
        Figure::OrdersWithFault => 4,
        Figure::TwoFaults => 5,
    };
    let (_, table) = CHAPTER.split_once(HEAD).unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|')).map(cells);
    let row = rows.into_iter().find(|cells| cells[0] == name).unwrap();
    let cell = row[column];
    (!cell.is_empty()).then(|| cell.replace(' ', "").parse().unwrap())
}

/// Counts wherever there is a figure, each time to the end; gives where it came to another than is told.
pub(crate) fn differences(
    figure: Figure,
    count: impl Fn(Place) -> u64,
) -> Vec<(Figure, Place, u64)> {
    let mut wrong = Vec::new();
    for &place in Place::RACED {
        let Some(told) = told(figure, place) else { continue };
        let began = Instant::now();
        let found = count(place);
        println!("{figure:?}, {place:?}: {found} in {:.1?}", began.elapsed());
        if told != found {
            wrong.push((figure, place, found));
        }
    }
    wrong
}

#[test]
fn the_readme_tells_the_sums() {
    let readme = include_str!("../../../README.md");
    for figure in
        [Figure::AllOrdersOfTwo, Figure::OrdersOfThree, Figure::OrdersWithFault, Figure::TwoFaults]
    {
        let sum = Place::RACED.iter().filter_map(|place| told(figure, *place)).sum();
        let cell = format!(" | {} | ", spaced(sum));
        assert!(readme.contains(&cell), "{figure:?}: {sum}");
    }
}

const HEAD: &str = "| where | all of two | of two | of three | with a fault | two faults |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: |\n";
