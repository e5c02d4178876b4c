//! How often something may be tried: token buckets in bounded memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::credential::Keyring;
use crate::model::{IdentityKey, LoginIdType, Session, Thumbprint, Timestamp};
use crate::rules::{Bucket, RateLimits};

/// All buckets of one engine. They live in this process and start full.
#[derive(Debug)]
pub(super) struct Limits {
    anonymous_sign_ups: Buckets,
    passwords_by_address: Buckets,
    passwords_per_address: Buckets,
    passwords: Buckets,
    refused_keys: Buckets,
    uncounted_sessions: Buckets,
}

impl Limits {
    pub(super) fn new(policy: &RateLimits) -> Self {
        Self {
            anonymous_sign_ups: Buckets::new(&policy.signup_anonymous.per_ip),
            passwords_by_address: Buckets::new(&policy.password.per_ip),
            passwords_per_address: Buckets::new(&policy.password.per_login_id_per_ip),
            passwords: Buckets::new(&policy.password.per_login_id),
            refused_keys: Buckets::new(&REFUSED_KEYS),
            uncounted_sessions: Buckets::new(&UNCOUNTED_SESSIONS),
        }
    }

    /// Takes one anonymous sign-up or promotion from an address; says whether there was one left.
    pub(super) fn take_sign_up(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        address.is_none_or(|address| self.anonymous_sign_ups.take(prefix(address), now))
    }

    /// Gives back what was taken for a sign-up that a fault has prevented.
    pub(super) fn give_back_sign_up(&self, address: Option<IpAddr>) {
        if let Some(address) = address {
            self.anonymous_sign_ups.give_back(prefix(address));
        }
    }

    /// Takes one try at a password; says whether there was one left. A try that succeeds is given
    /// back, so that parallel tries cannot be more than the limit.
    pub(super) fn take_password(&self, keys: &PasswordKeys, now: Timestamp) -> bool {
        let mut taken: Vec<(&Buckets, Key)> = Vec::new();
        for (buckets, key) in self.password_buckets(keys) {
            if !buckets.take(key, now) {
                // What an earlier bucket gave is not used up by a try that is not made.
                for (buckets, key) in taken {
                    buckets.give_back(key);
                }
                return false;
            }
            taken.push((buckets, key));
        }
        true
    }

    pub(super) fn give_back_password(&self, keys: &PasswordKeys) {
        for (buckets, key) in self.password_buckets(keys) {
            buckets.give_back(key);
        }
    }

    /// Fills the bucket of a login ID, whose owner has proven to have it, and leaves a few tries to each
    /// address that it was tried from: so many that the owner gets in, and so few that those who go on trying
    /// do not empty it again at once.
    pub(super) fn forget_failures(&self, keyring: &Keyring, identity: &IdentityKey) {
        let keys = PasswordKeys::of_identity(keyring, identity, None);
        self.passwords.forget(&keys.user);
        self.passwords_per_address.ease(FEW_TRIES, |key| key[..HALF] == keys.user[..HALF]);
    }

    fn password_buckets(&self, keys: &PasswordKeys) -> impl Iterator<Item = (&Buckets, Key)> {
        let by_address = keys.address.map(|address| (&self.passwords_by_address, address));
        let per_address = keys.both.map(|both| (&self.passwords_per_address, both));
        let always = Some((&self.passwords, keys.user));
        by_address.into_iter().chain(per_address).chain(always)
    }

    /// Takes one event about a key that was refused; says whether there was one left.
    pub(super) fn take_refused_key(&self, thumbprint: &Thumbprint, now: Timestamp) -> bool {
        let mut key = [0; 16];
        key.copy_from_slice(&thumbprint.0[..16]);
        self.refused_keys.take(key, now)
    }

    /// Notes a session that was opened; says whether so many were since its user's sessions of that kind were
    /// counted that it is time to do so again.
    pub(super) fn is_time_to_count(&self, opened: &Session, now: Timestamp) -> bool {
        !self.uncounted_sessions.take(of_kind(opened), now)
    }

    /// Notes that a user's sessions of a kind were counted.
    pub(super) fn note_count(&self, opened: &Session) {
        self.uncounted_sessions.forget(&of_kind(opened));
    }
}

/// The buckets that a try at a password is taken from: by keyed hash, so that memory tells nobody's
/// login ID, and whether or not the login ID exists.
#[derive(Debug)]
pub(super) struct PasswordKeys {
    user: Key,
    /// Begins as `user` does, so that all of one login ID are found.
    both: Option<Key>,
    address: Option<Key>,
}

impl PasswordKeys {
    /// The buckets of tries at the password of whoever has `identity`.
    pub(super) fn of_identity(
        keyring: &Keyring,
        identity: &IdentityKey,
        address: Option<IpAddr>,
    ) -> Self {
        let name = match identity {
            IdentityKey::LoginId { kind: LoginIdType::Email, key } => format!("email {key}"),
            IdentityKey::LoginId { kind: LoginIdType::Phone, key } => format!("phone {key}"),
            IdentityKey::LoginId { kind: LoginIdType::Username, key } => format!("username {key}"),
            IdentityKey::Anonymous => "anonymous".to_owned(),
            IdentityKey::OAuth { issuer, subject } => format!("oauth {issuer} {subject}"),
        };
        let address = address.map(prefix);
        let user = keyring.lookup_hash("password failures by login ID", name.as_bytes());
        let both = address.map(|address| {
            let bytes = [name.as_bytes(), &address].concat();
            let mut both = keyring.lookup_hash("password failures by login ID and address", &bytes);
            both[..HALF].copy_from_slice(&user[..HALF]);
            both
        });
        Self { user, both, address }
    }

    /// The address, as the hasher tells askers apart.
    pub(super) fn asker(&self) -> Option<Key> {
        self.address
    }
}

/// The address of whoever asks for a hash, as the hasher tells askers apart.
pub(super) fn asker(address: Option<IpAddr>) -> Option<Key> {
    address.map(prefix)
}

/// A user's sessions of one kind.
fn of_kind(session: &Session) -> Key {
    let kind = BuildHasherDefault::<DefaultHasher>::default().hash_one(&session.kind);
    (u128::from_be_bytes(*session.user.as_bytes()) ^ u128::from(kind)).to_be_bytes()
}

type Key = [u8; 16];
/// Bytes of a key that tell the login ID, where others tell the address.
const HALF: usize = 8;

/// Token buckets of one kind.
///
/// A bucket that is full again is as good as none, so it is forgotten when room is needed. If none is,
/// the fullest goes: whoever floods with new addresses gains what a new address gains anyway.
#[derive(Debug)]
struct Buckets {
    /// What a token costs; `None` if there is no limit. So many milliseconds bring as many tokens back as
    /// the bucket holds, so in each of them comes a part of every one.
    cost: Option<i64>,
    burst: i64,
    levels: Mutex<HashMap<Key, Level>>,
}

/// How empty a bucket is.
///
/// Kept as it was at an instant, and not as the instant at which the bucket will be full, so that a clock
/// that is set back only stops it from filling up.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// What the tokens cost that are not there.
    missing: i64,
    at: i64,
}

impl Level {
    fn missing_at(self, now: i64, burst: i64) -> i64 {
        let elapsed = now.saturating_sub(self.at).max(0);
        self.missing.saturating_sub(elapsed.saturating_mul(burst)).max(0)
    }
}

impl Buckets {
    fn new(bucket: &Bucket) -> Self {
        let period = i64::try_from(bucket.period_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        Self {
            cost: bucket.enabled.then_some(period.max(1)),
            burst: i64::from(bucket.burst.max(1)),
            levels: Mutex::default(),
        }
    }

    fn take(&self, key: Key, now: Timestamp) -> bool {
        let Some(cost) = self.cost else { return true };
        let now = now.as_millis();
        let most = cost.saturating_mul(self.burst);
        let mut levels = self.lock();
        let missing = levels.get(&key).map_or(0, |level| level.missing_at(now, self.burst));
        let is_left = cost <= most.saturating_sub(missing);
        if MAX_BUCKETS <= levels.len() && !levels.contains_key(&key) {
            make_room(&mut levels, now, self.burst);
        }
        let missing = if is_left { missing.saturating_add(cost) } else { missing };
        levels.insert(key, Level { missing, at: now });
        is_left
    }

    fn give_back(&self, key: Key) {
        let Some(cost) = self.cost else { return };
        let mut levels = self.lock();
        if let Some(level) = levels.get_mut(&key) {
            level.missing = level.missing.saturating_sub(cost);
            if level.missing <= 0 {
                levels.remove(&key);
            }
        }
    }

    /// Fills a bucket.
    fn forget(&self, key: &Key) {
        self.lock().remove(key);
    }

    /// Sees that the buckets of these keys have so many tokens, if they hold as many.
    fn ease(&self, tokens: u32, is_meant: impl Fn(&Key) -> bool) {
        let Some(cost) = self.cost else { return };
        let most = cost.saturating_mul(self.burst.saturating_sub(i64::from(tokens)).max(0));
        for (_, level) in self.lock().iter_mut().filter(|(key, _)| is_meant(key)) {
            level.missing = level.missing.min(most);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Level>> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the buckets that are full, or if that is not an eighth of them, the fullest eighth.
fn make_room(levels: &mut HashMap<Key, Level>, now: i64, burst: i64) {
    levels.retain(|_, level| 0 < level.missing_at(now, burst));
    if levels.len() <= MAX_BUCKETS - MAX_BUCKETS / 8 {
        return;
    }
    let mut order: Vec<i64> = levels.values().map(|level| level.missing_at(now, burst)).collect();
    let (_, limit, _) = order.select_nth_unstable(MAX_BUCKETS / 8);
    let limit = *limit;
    levels.retain(|_, level| limit < level.missing_at(now, burst));
}

/// The part of an address that one subscriber has: all of an IPv4 address, half of an IPv6 one.
fn prefix(address: IpAddr) -> Key {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => match address.to_ipv4_mapped().or_else(|| translated(address)) {
            Some(mapped) => mapped.to_ipv6_mapped().octets(),
            None => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).octets(),
        },
    }
}

/// The IPv4 address that a translator has put behind its well-known prefix (RFC 6052, section 2.1).
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [prefix @ .., a, b, c, d] = address.octets();
    (prefix == WELL_KNOWN_PREFIX).then_some(Ipv4Addr::new(a, b, c, d))
}

/// `64:ff9b::/96`.
const WELL_KNOWN_PREFIX: [u8; 12] = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
/// Tries that an address has at least when a new password was set.
const FEW_TRIES: u32 = 3;
/// Most buckets of one kind; about four megabytes.
const MAX_BUCKETS: usize = 65_536;
/// Events about one key that was refused.
const REFUSED_KEYS: Bucket = Bucket { enabled: true, period_seconds: 3600, burst: 10 };
/// Sessions of one user and kind that may be opened before they are counted again. The time is longer than a
/// session lasts.
const UNCOUNTED_SESSIONS: Bucket = Bucket { enabled: true, period_seconds: 63_072_000, burst: 64 };

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::{ClientId, Epoch, Method, SessionId, SessionKind, TokenDigest, UserId};

    const AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn buckets() -> Buckets {
        Buckets::new(&Bucket { enabled: true, period_seconds: 60, burst: 3 })
    }

    #[test]
    fn holds_the_burst_and_fills_up_over_the_period() {
        let buckets = buckets();
        assert_eq!([(); 4].map(|()| buckets.take([1; 16], AT)), [true, true, true, false]);
        assert!(buckets.take([2; 16], AT), "another key has its own");
        let later = Timestamp::from_millis(AT.as_millis() + 20_000);
        assert_eq!([(); 2].map(|()| buckets.take([1; 16], later)), [true, false]);
    }

    #[test]
    fn a_bucket_of_more_tokens_than_its_period_has_milliseconds_fills_up_over_that_period() {
        let buckets = Buckets::new(&Bucket { enabled: true, period_seconds: 1, burst: 5000 });
        let take = |at| (0..6000).filter(|_| buckets.take([1; 16], at)).count();
        assert_eq!(take(AT), 5000);
        assert_eq!(take(Timestamp::from_millis(AT.as_millis() + 100)), 500);
        assert_eq!(take(Timestamp::from_millis(AT.as_millis() + 1100)), 5000);
    }

    #[test]
    fn a_limit_too_large_to_be_counted_is_one_still() {
        let bucket = Bucket { enabled: true, period_seconds: u64::MAX, burst: u32::MAX };
        let buckets = Buckets::new(&bucket);
        assert_eq!([(); 2].map(|()| buckets.take([1; 16], AT)), [true, false]);
    }

    #[test]
    fn what_succeeds_is_not_counted() {
        let buckets = buckets();
        for _ in 0..10 {
            assert!(buckets.take([1; 16], AT));
            buckets.give_back([1; 16]);
        }
    }

    #[test]
    fn one_that_succeeds_gives_back_one() {
        let buckets = buckets();
        assert_eq!([(); 3].map(|()| buckets.take([1; 16], AT)), [true; 3]);
        buckets.give_back([1; 16]);
        assert_eq!([(); 2].map(|()| buckets.take([1; 16], AT)), [true, false]);
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let buckets = buckets();
        assert!(buckets.take([1; 16], AT));
        while buckets.take([2; 16], AT) {}
        let before = Timestamp::from_millis(0);
        assert!(buckets.take([1; 16], before), "there was room before, and there is now");
        assert!(!buckets.take([2; 16], before));
        assert!(buckets.take([2; 16], Timestamp::from_millis(20_000)), "it fills up as ever");
    }

    #[test]
    fn memory_is_bounded_however_many_addresses_come() {
        let buckets = buckets();
        for index in 0..200_000_u128 {
            buckets.take(index.to_be_bytes(), AT);
        }
        assert!(buckets.lock().len() <= MAX_BUCKETS);
    }

    /// As many levels as there is room for, of which so many are full and the others each emptier than the
    /// one before.
    fn levels(full: usize) -> HashMap<Key, Level> {
        let missing = |index: usize| i64::try_from(index.saturating_sub(full - 1)).unwrap();
        let level = |index| Level { missing: missing(index), at: 0 };
        (0..MAX_BUCKETS).map(|index| ((index as u128).to_be_bytes(), level(index))).collect()
    }

    #[test]
    fn what_is_full_makes_room_before_anything_else() {
        // Seven eighths are left, which is room enough.
        let mut levels = levels(8_192);
        make_room(&mut levels, 0, 1);
        assert_eq!(levels.len(), 57_344);
        assert!(levels.values().all(|level| 0 < level.missing));
    }

    #[test]
    fn where_little_is_full_the_fullest_make_room() {
        let mut levels = levels(8_191);
        make_room(&mut levels, 0, 1);
        // Of the 57,345 others one more than an eighth of all went.
        assert_eq!(levels.len(), 49_152);
        assert_eq!(levels.values().map(|level| level.missing).min(), Some(8_194));
    }

    #[test]
    fn who_has_a_bucket_needs_no_room() {
        let buckets = buckets();
        for index in 0..MAX_BUCKETS as u128 {
            buckets.take(index.to_be_bytes(), AT);
        }
        assert!(buckets.take(0_u128.to_be_bytes(), AT));
        assert_eq!(buckets.lock().len(), MAX_BUCKETS);
    }

    #[test]
    fn one_subscriber_is_one_key() {
        let same = ["2001:db8::1", "2001:db8::ffff:1"].map(|a| prefix(a.parse().unwrap()));
        assert_eq!(same[0], same[1]);
        let mapped = ["192.0.2.1", "::ffff:192.0.2.1"].map(|a| prefix(a.parse().unwrap()));
        assert_eq!(mapped[0], mapped[1]);
        assert_ne!(prefix("192.0.2.1".parse().unwrap()), prefix("192.0.2.2".parse().unwrap()));
    }

    /// Or whoever tries from one phone keeps all phones behind the translators of all networks out.
    #[test]
    fn a_subscriber_behind_a_translator_is_as_one_who_is_not() {
        let of = |address: &str| prefix(address.parse().unwrap());
        assert_eq!(of("64:ff9b::192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("64:ff9b::192.0.2.1"), of("64:ff9b::192.0.2.2"));
        assert_eq!(of("64:ff9b::1:192.0.2.1"), of("64:ff9b::1:192.0.2.2"));
    }

    #[test]
    fn sessions_of_each_user_and_kind_are_counted_apart() {
        let session = |user, kind| Session {
            digest: TokenDigest::from_bytes([0; 32]),
            id: SessionId::from_bytes([0; 16]),
            user: UserId::from_bytes([user; 16]),
            epoch: Epoch::from_bytes([0; 8]),
            kind,
            method: Method::Password,
            created_at: AT,
            accessed_at: AT,
            ends_at: AT,
        };
        let client = |id| SessionKind::Refresh(ClientId::parse(id).unwrap());
        // Such that one bit of a user never hides one of a kind.
        let keys: HashSet<Key> = [0, 1, u8::MAX]
            .into_iter()
            .flat_map(|user| {
                [SessionKind::Cookie, client("app"), client("web")]
                    .map(|kind| of_kind(&session(user, kind)))
            })
            .collect();
        assert_eq!(keys.len(), 9);
    }
}
