//! The whole matrix: each two acts, and each three of the dangerous ones, in every order that there is, on
//! everything that operations race on.

use std::time::Instant;

use super::{Act, groups, race, race_to_the_end, race_with};
use crate::long::complete::{Figure, told};
use crate::support::{Fault, MAX_CHANGES, Place};

#[test]
#[ignore = "it goes on to the end"]
fn every_order_to_the_end() {
    let mut wrong = Vec::new();
    for &place in Place::RACED {
        for (figure, groups, most_changes) in [
            (Figure::OrdersOfTwo, groups(Act::ALL, 2), MAX_CHANGES),
            (Figure::AllOrdersOfTwo, groups(Act::ALL, 2), usize::MAX),
            (Figure::OrdersOfThree, groups(Act::DANGEROUS, 3), MAX_CHANGES - 1),
        ] {
            let Some(told) = told(figure, place) else { continue };
            let began = Instant::now();
            let orders = race(place, &groups, most_changes);
            println!("{figure:?}, {place:?}: {orders} in {:.1?}", began.elapsed());
            if told != orders {
                wrong.push((figure, place, orders));
            }
        }
        if let Some(told) = told(Figure::AllOrdersOfThree, place) {
            let began = Instant::now();
            let orders: u64 =
                Act::MOST_DANGEROUS.iter().map(|acts| race_to_the_end(place, acts)).sum();
            println!("AllOrdersOfThree, {place:?}: {orders} in {:.1?}", began.elapsed());
            if told != orders {
                wrong.push((Figure::AllOrdersOfThree, place, orders));
            }
        }
    }
    assert!(wrong.is_empty(), "the manual tells other figures: {wrong:?}");
}

#[test]
#[ignore = "it goes on to the end"]
fn every_order_with_a_fault_to_the_end() {
    let mut wrong = Vec::new();
    for &place in Place::RACED {
        let Some(told) = told(Figure::OrdersWithFault, place) else { continue };
        let began = Instant::now();
        let mut orders = 0;
        for acts in groups(Act::KINDS, 2) {
            for fault in [Fault::Before, Fault::After] {
                let with = |number| race_with(place, &acts, fault, number);
                orders += (0..MAX_CALLS).map(with).take_while(|orders| *orders != 0).sum::<u64>();
            }
        }
        println!("with a fault, {place:?}: {orders} in {:.1?}", began.elapsed());
        if told != orders {
            wrong.push((place, orders));
        }
    }
    assert!(wrong.is_empty(), "the manual tells other figures: {wrong:?}");
}

/// More store calls than any two acts make.
const MAX_CALLS: u32 = 128;
