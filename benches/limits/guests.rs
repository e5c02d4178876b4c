//! Guests that are known by their number: neither side has to keep a list of what it made up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guestpass::model::{
    ClientId, Epoch, Method, Session, SessionId, SessionKind, Standing, Timestamp, TokenDigest,
    User, UserId, Version,
};
use sha2::{Digest, Sha256};

use crate::Outcome;

/// A guest with one session.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) user: User,
    pub(crate) session: Session,
}

/// The client whose refresh tokens half of the guests have.
pub(crate) const CLIENT: &str = "app";

impl Guest {
    /// The guest with this number, of a crowd that signed up before `now`.
    ///
    /// Its session was used a moment ago, as nearly every session is that is used at all: an access is
    /// recorded once a minute.
    pub(crate) fn new(crowd: &str, number: u64, now: Timestamp) -> Outcome<Self> {
        let drawn = Sha256::new().chain_update(crowd).chain_update(number.to_be_bytes()).finalize();
        let drawn: [u8; 32] = drawn.into();
        let created = now.minus(PAST).plus(GAP * u32::try_from(number)?);
        let (user, epoch) = (UserId::from_bytes(id(created, &drawn[..10])), epoch(&drawn[22..]));
        let kind = match ClientId::parse(CLIENT) {
            Some(client) if number % 2 == 1 => SessionKind::Refresh(client),
            _ => SessionKind::Cookie,
        };
        Ok(Self {
            user: User {
                id: user,
                version: Version::FIRST,
                epoch,
                standing: Standing::Anonymous,
                is_disabled: false,
                is_verified: false,
                can_reauthenticate: false,
                created_at: created,
                ends_at: Some(now.plus(FUTURE * 2)),
            },
            session: Session {
                digest: TokenDigest::from_bytes(Sha256::digest(token(crowd, number)).into()),
                id: SessionId::from_bytes(id(created, &drawn[10..20])),
                user,
                epoch,
                kind,
                method: Method::Anonymous,
                created_at: created,
                accessed_at: now.plus(RUN),
                ends_at: now.plus(FUTURE),
            },
        })
    }
}

/// The text of the session token of the guest with this number.
pub(crate) fn token_text(crowd: &str, number: u64) -> String {
    URL_SAFE_NO_PAD.encode(token(crowd, number))
}

fn token(crowd: &str, number: u64) -> [u8; 32] {
    Sha256::new()
        .chain_update("token")
        .chain_update(crowd)
        .chain_update(number.to_be_bytes())
        .finalize()
        .into()
}

fn id(at: Timestamp, random: &[u8]) -> [u8; 16] {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&at.as_millis().to_be_bytes()[2..]);
    id[6..].copy_from_slice(random);
    id
}

fn epoch(random: &[u8]) -> Epoch {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&random[..8]);
    Epoch::from_bytes(bytes)
}

/// Numbers below `end` in an order that no cache can guess, each once.
pub(crate) fn shuffled(end: u64, count: usize) -> impl Iterator<Item = u64> {
    // A stride without a common divisor visits every number.
    let stride = (STRIDE % end..STRIDE).find(|stride| gcd(*stride, end) == 1).unwrap_or(1);
    let step = move |at: &u64| Some((*at + stride) % end);
    std::iter::successors(Some(end / 2), step).take(count)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Far from any small fraction of the numbers that occur.
const STRIDE: u64 = 618_033_988_749;
/// How long ago the first guest signed up, and how much later each next one.
const PAST: std::time::Duration = std::time::Duration::from_secs(20 * 24 * 3600);
const GAP: std::time::Duration = std::time::Duration::from_millis(100);
/// Longer than any run: no access is due to be recorded before.
const RUN: std::time::Duration = std::time::Duration::from_secs(3600);
/// When the sessions end.
const FUTURE: std::time::Duration = std::time::Duration::from_secs(20 * 24 * 3600);
