//! The corpora, and what becomes of them by chance: a fuzzer without coverage, that needs no other compiler
//! and can go on for as long as one likes.

use std::fs;
use std::time::Instant;

use guestpass::fuzzing::{Body, TARGETS};

use super::{TellInput, inputs};
use crate::long;
use crate::support::Random;

/// A target, and what it is known to be interested in.
struct Corpus {
    name: &'static str,
    body: Body,
    inputs: Vec<Vec<u8>>,
}

/// Inputs that nobody has written, for the body of each target in turn, until it is time.
pub(crate) fn random_inputs(seed: u64, until: Instant) -> u64 {
    let corpora: Vec<Corpus> = TARGETS
        .iter()
        .map(|&(name, body)| {
            let read = |path| fs::read(path).unwrap();
            Corpus { name, body, inputs: inputs(name).into_iter().map(read).collect() }
        })
        .collect();
    long::repeat(seed, until, |random| {
        for corpus in &corpora {
            let mut input = random.pick(&corpus.inputs).clone();
            for _ in 0..=random.below(MOST_CHANGES) {
                let other = random.pick(&corpus.inputs);
                change(&mut input, random, other);
            }
            let _told = TellInput { target: corpus.name, input: &input };
            (corpus.body)(&input);
        }
        u64::try_from(corpora.len()).unwrap()
    })
}

/// One change of those that fuzzers make.
fn change(input: &mut Vec<u8>, random: &mut Random, other: &[u8]) {
    let at = random.below(input.len() + 1);
    let length = random.below(LONGEST_CHANGE).min(input.len() - at);
    match random.below(8) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.bytes(1)[0],
        0..=2 => {
            let bytes = random.bytes(length + 1);
            input.splice(at..at, bytes);
        }
        3 => drop(input.drain(at..at + length)),
        4 => input.truncate(at),
        5 => {
            // A part of it once more, somewhere else.
            let part = input[at..at + length].to_vec();
            let to = random.below(input.len() + 1);
            input.splice(to..to, part);
        }
        6 => {
            // A part of another input, behind as much of this one.
            let from = random.below(other.len() + 1);
            input.splice(at.., other[from..].iter().copied());
        }
        _ => {
            let token = *random.pick(TOKENS);
            input.splice(at..at + length, token.iter().copied());
        }
    }
}

/// What readers of text stumble over.
const TOKENS: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\xc3\x28",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"%00",
    b"%2e",
    b"=",
    b"==",
    b";",
    b"..",
    b"//",
    b"\\",
    b"@",
    b"\"",
    b"'",
    b"<",
    b"{",
    b"[",
    b"}",
    b"null",
    b"-1",
    b"1e400",
    b"\xe2\x80\x8b",
    b"\xe2\x80\xae",
    b"\xef\xbc\xa0",
    b"xn--",
    b"javascript:",
    b"{s}",
    b"{r}",
    b"{f}",
    b"{u}",
    b"{c}",
];
/// Most changes of one input.
const MOST_CHANGES: usize = 6;
/// Most bytes that one change takes away or adds, but for another input.
const LONGEST_CHANGE: usize = 16;
