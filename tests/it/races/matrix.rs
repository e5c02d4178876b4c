//! The whole matrix: each two acts, and each three of different kinds, in every order that there is, on
//! everything that operations race on.

use super::pruning::all_orders;
use super::{Act, groups, race_each, race_with};
use crate::long::complete::{Figure, differences};
use crate::support::{Fault, Place};

#[test]
#[ignore = "it goes on to the end"]
fn every_order_of_two_to_the_end() {
    let twos = groups(Act::ALL, 2);
    let met: Vec<&Vec<Act>> = twos.iter().filter(|acts| acts[0].meets(acts[1])).collect();
    is_as_told(&[
        differences(Figure::AllOrdersOfTwo, |place| {
            met.iter().map(|acts| all_orders(place, acts)).sum()
        }),
        differences(Figure::OrdersOfTwo, |place| race_each(place, &twos)),
    ]);
}

#[test]
#[ignore = "it goes on to the end"]
fn every_order_of_three_to_the_end() {
    let threes = groups(Act::KINDS, 3);
    is_as_told(&[differences(Figure::OrdersOfThree, |place| race_each(place, &threes))]);
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
    is_as_told(&[differences(Figure::OrdersWithFault, orders)]);
}

fn is_as_told(wrong: &[Vec<(Figure, Place, u64)>]) {
    assert!(wrong.iter().all(Vec::is_empty), "the manual tells other figures: {wrong:?}");
}

/// More store calls than any two acts make.
const MAX_CALLS: u32 = 128;
