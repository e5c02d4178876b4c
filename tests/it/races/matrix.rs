//! The whole matrix: each two acts, and each three of the dangerous ones, in every order that there is, on
//! everything that operations race on.

use super::{Act, groups, race, race_to_the_end, race_with};
use crate::long::complete::{Figure, differences};
use crate::support::{Fault, MAX_CHANGES, Place};

#[test]
#[ignore = "it goes on to the end"]
fn every_order_to_the_end() {
    let (twos, threes) = (groups(Act::ALL, 2), groups(Act::DANGEROUS, 3));
    let to_the_end =
        |place| Act::MOST_DANGEROUS.iter().map(|acts| race_to_the_end(place, acts)).sum();
    let wrong = [
        differences(Figure::OrdersOfTwo, |place| race(place, &twos, MAX_CHANGES)),
        differences(Figure::AllOrdersOfTwo, |place| race(place, &twos, usize::MAX)),
        differences(Figure::OrdersOfThree, |place| race(place, &threes, MAX_CHANGES - 1)),
        differences(Figure::AllOrdersOfThree, to_the_end),
    ];
    assert!(wrong.iter().all(Vec::is_empty), "the manual tells other figures: {wrong:?}");
}

#[test]
#[ignore = "it goes on to the end"]
fn every_order_with_a_fault_to_the_end() {
    let orders = |place: Place| {
        let mut orders = 0;
        for acts in groups(Act::KINDS, 2) {
            for fault in [Fault::Before, Fault::After] {
                let with = |number| race_with(place, &acts, fault, number);
                orders += (0..MAX_CALLS).map(with).take_while(|orders| *orders != 0).sum::<u64>();
            }
        }
        orders
    };
    let wrong = differences(Figure::OrdersWithFault, orders);
    assert!(wrong.is_empty(), "the manual tells other figures: {wrong:?}");
}

/// More store calls than any two acts make.
const MAX_CALLS: u32 = 128;
