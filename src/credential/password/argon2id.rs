//! Argon2id (RFC 9106), and its hashes as PHC strings.

use std::cell::RefCell;

use argon2::password_hash::phc::{self, Ident, Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

use crate::credential::constant_time;
use crate::credential::password::Password;
use crate::model::PasswordHash;

/// What hashing a password costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Argon2 parameters that are weaker or dearer than we allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Argon2id takes {MIN_MEMORY_KIB} to {MAX_MEMORY_KIB} KiB, 1 to {MAX_PASSES} passes with memory \
     times passes at least {MIN_WORK}, and 1 to {MAX_LANES} lanes"
)]
pub struct WeakParams;

impl Argon2Params {
    /// `memory_kib` KiB, gone over `passes` times, in `lanes` lanes.
    ///
    /// # Errors
    ///
    /// [`WeakParams`] for less than what OWASP's Password Storage Cheat Sheet holds to be equivalent:
    /// 7168 KiB, and 35840 KiB times passes; and for more than 256 MiB, 16 passes or 16 lanes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, WeakParams> {
        let params = Self { memory_kib, passes, lanes };
        let is_strong =
            MIN_MEMORY_KIB <= memory_kib && MIN_WORK <= u64::from(memory_kib) * u64::from(passes);
        if is_strong && params.is_affordable() { Ok(params) } else { Err(WeakParams) }
    }

    /// The least that Argon2id can do: fast, and as fast to break. For tests.
    pub const fn for_tests() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1 }
    }

    /// Memory in KiB.
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes of the memory.
    pub const fn lanes(self) -> u32 {
        self.lanes
    }

    fn is_affordable(self) -> bool {
        self.memory_kib <= MAX_MEMORY_KIB
            && (1..=MAX_PASSES).contains(&self.passes)
            && (1..=MAX_LANES).contains(&self.lanes)
    }

    fn of(hash: &phc::PasswordHash) -> Option<Self> {
        let get = |name| hash.params.get_decimal(name);
        let params = Self { memory_kib: get("m")?, passes: get("t")?, lanes: get("p")? };
        (hash.params.iter().count() == 3 && params.is_affordable()).then_some(params)
    }
}

impl Default for Argon2Params {
    /// 19456 KiB, two passes, one lane.
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

/// A hash that was read: a PHC string of Argon2id whose costs we can afford.
pub(crate) struct Stored {
    params: Argon2Params,
    salt: Salt,
    output: Output,
}

impl Stored {
    /// Reads a hash. A stored row may have been written by anybody who can write rows, so its costs
    /// are bounded before anything is allocated.
    pub(crate) fn parse(hash: &PasswordHash) -> Option<Self> {
        let hash = phc::PasswordHash::new(hash.as_phc()).ok()?;
        if hash.algorithm.as_str() != NAME || hash.version != Some(VERSION) {
            return None;
        }
        Some(Self { params: Argon2Params::of(&hash)?, salt: hash.salt?, output: hash.hash? })
    }

    /// Whether it is the hash of `password`.
    pub(crate) fn matches(&self, password: &Password) -> bool {
        let computed = compute(password, self.params, &self.salt, self.output.len());
        computed.is_some_and(|computed| constant_time::equal(&computed, self.output.as_bytes()))
    }

    /// Whether one of today would be made in another way.
    pub(crate) fn is_outdated(&self, params: Argon2Params) -> bool {
        self.params != params || self.output.len() < OUTPUT_LENGTH
    }
}

/// The hash of `password` as a PHC string. `None` if the parameters are impossible.
pub(crate) fn hash(
    password: &Password,
    params: Argon2Params,
    salt: [u8; SALT_LENGTH],
) -> Option<PasswordHash> {
    let salt = Salt::new(&salt).ok()?;
    let computed = compute(password, params, &salt, OUTPUT_LENGTH)?;
    write(params, salt, &computed)
}

/// A hash that takes as much work, to read and to verify, as one of `params`, and that no password has.
pub(crate) fn unmatchable(params: Argon2Params) -> Option<PasswordHash> {
    write(params, Salt::new(&[0; SALT_LENGTH]).ok()?, &[0; OUTPUT_LENGTH])
}

fn write(params: Argon2Params, salt: Salt, output: &[u8]) -> Option<PasswordHash> {
    let mut costs = ParamsString::new();
    for (name, value) in [("m", params.memory_kib), ("t", params.passes), ("p", params.lanes)] {
        costs.add_decimal(name, value).ok()?;
    }
    let hash = phc::PasswordHash {
        algorithm: Ident::new(NAME).ok()?,
        version: Some(VERSION),
        params: costs,
        salt: Some(salt),
        hash: Some(Output::new(output).ok()?),
    };
    PasswordHash::from_phc(hash.to_string())
}

fn compute(
    password: &Password,
    params: Argon2Params,
    salt: &Salt,
    length: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let params = Params::new(params.memory_kib, params.passes, params.lanes, Some(length)).ok()?;
    let mut output = Zeroizing::new(vec![0; length]);
    let blocks = params.block_count();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    WORKING_MEMORY.with_borrow_mut(|memory| {
        if memory.len() < blocks {
            memory.resize(blocks, Block::default());
        }
        let working = memory.get_mut(..blocks)?;
        let (password, salt) = (password.as_bytes(), salt.as_ref());
        let done = argon2.hash_password_into_with_memory(password, salt, &mut output, working);
        if MAX_KEPT_BLOCKS < memory.len() {
            *memory = Vec::new();
        }
        done.ok()
    })?;
    Some(output)
}

thread_local! {
    /// What a thread works in, kept from one hash to the next: to ask the operating system for so much
    /// each time, and to be given it page by page, takes a quarter of the time again.
    static WORKING_MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Most that a thread keeps, in blocks of a KiB; more is for hashes that are rarely met.
const MAX_KEPT_BLOCKS: usize = 64 * 1024;
/// Bytes of a salt (RFC 9106 section 3.1 recommends 16).
pub(crate) const SALT_LENGTH: usize = 16;

const OUTPUT_LENGTH: usize = 32;
const MIN_MEMORY_KIB: u32 = 7168;
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;
const MIN_WORK: u64 = 35_840;
const NAME: &str = "argon2id";
const VERSION: u32 = 0x13;

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::attempt(text).unwrap()
    }

    fn parse(phc: &str) -> Option<Stored> {
        Stored::parse(&PasswordHash::from_phc(phc.to_owned()).unwrap())
    }

    #[test]
    fn agrees_with_the_reference_implementation() {
        // `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1` of phc-winner-argon2.
        let hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ\
                    $CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let stored = parse(hash).unwrap();
        assert!(stored.matches(&password("password")));
        assert!(!stored.matches(&password("passwore")));
        assert!(stored.is_outdated(Argon2Params::default()));
    }

    #[test]
    fn a_hash_is_that_of_its_password_only() {
        let params = Argon2Params::for_tests();
        let made = hash(&password("open sesame"), params, [7; SALT_LENGTH]).unwrap();
        assert!(made.as_phc().starts_with("$argon2id$v=19$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$"));
        let stored = Stored::parse(&made).unwrap();
        assert!(stored.matches(&password("open sesame")));
        assert!(!stored.matches(&password("open sesam")));
        assert!(!stored.is_outdated(params));
        let unmatchable = Stored::parse(&unmatchable(params).unwrap()).unwrap();
        assert!(!unmatchable.matches(&password("open sesame")));
        assert!(!unmatchable.is_outdated(params), "it takes as much work as one of today");
    }

    #[test]
    fn a_hash_that_is_shorter_than_ours_is_outdated() {
        let params = Argon2Params::for_tests();
        let stored = |length| {
            let salt = Salt::new(&[7; SALT_LENGTH]).unwrap();
            Stored::parse(&write(params, salt, &vec![1; length]).unwrap()).unwrap()
        };
        assert!(stored(OUTPUT_LENGTH - 1).is_outdated(params));
        assert!(!stored(OUTPUT_LENGTH).is_outdated(params));
        assert!(!stored(OUTPUT_LENGTH + 1).is_outdated(params));
    }

    #[test]
    fn a_thread_keeps_the_memory_of_what_is_usual_and_no_more() {
        let kept_after = |memory_kib| {
            let params = Argon2Params { memory_kib, passes: 1, lanes: 1 };
            hash(&password("open sesame"), params, [7; SALT_LENGTH]).unwrap();
            WORKING_MEMORY.with_borrow(Vec::len)
        };
        assert_eq!(kept_after(8), 8);
        assert_eq!(kept_after(65_536), 65_536);
        assert_eq!(kept_after(8), 65_536);
        assert_eq!(kept_after(65_540), 0);
    }

    #[test]
    fn bytes_beyond_the_72nd_matter() {
        let params = Argon2Params::for_tests();
        let long = "x".repeat(100);
        let stored = Stored::parse(&hash(&password(&long), params, [1; 16]).unwrap()).unwrap();
        assert!(!stored.matches(&password(&format!("{}y", &long[1..]))));
    }

    #[test]
    fn absurd_costs_are_refused_before_they_are_paid() {
        let tail = "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        for costs in [
            "m=4294967295,t=2,p=1",
            "m=262145,t=2,p=1",
            "m=65536,t=17,p=1",
            "m=65536,t=0,p=1",
            "m=65536,t=2,p=17",
            "m=65536,t=2",
            "m=65536,t=2,p=1,data=AAAA",
            "m=65536,t=2,p=1,keyid=AAAA",
        ] {
            assert!(parse(&format!("$argon2id$v=19${costs}{tail}")).is_none(), "{costs}");
        }
        for start in ["$argon2i$v=19", "$argon2d$v=19", "$argon2id$v=16", "$argon2id", "$2b$v=19"] {
            assert!(parse(&format!("{start}$m=65536,t=2,p=1{tail}")).is_none(), "{start}");
        }
    }

    #[test]
    fn parameters_have_a_floor_and_a_ceiling() {
        for (memory_kib, passes) in [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)]
        {
            assert!(Argon2Params::new(memory_kib, passes, 1).is_ok(), "{memory_kib}");
            assert_eq!(Argon2Params::new(memory_kib, passes - 1, 1), Err(WeakParams));
        }
        for (memory_kib, passes, lanes) in
            [(4_096, 16, 1), (262_145, 2, 1), (19_456, 17, 1), (19_456, 2, 0), (19_456, 2, 17)]
        {
            assert_eq!(Argon2Params::new(memory_kib, passes, lanes), Err(WeakParams));
        }
        let dear = Argon2Params::new(262_144, 16, 15).unwrap();
        assert_eq!((dear.memory_kib(), dear.passes(), dear.lanes()), (262_144, 16, 15));
        assert!(Argon2Params::new(262_144, 16, 16).is_ok());
        let default = Argon2Params::default();
        assert_eq!(Argon2Params::new(19_456, 2, 1), Ok(default));
    }
}
