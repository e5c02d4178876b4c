//! Those whom faults happen to, and what is to be seen of them without touching anything.

use std::collections::BTreeMap;

use guestpass::credential::{Action, Argon2Params, KeyHeader};
use guestpass::model::{
    Account, EventCursor, EventKind, Identity, IdentityKind, KeyName, Session, Timestamp, User,
    UserId,
};
use guestpass::rules::OnConflict;
use guestpass::store::Lookup;
use guestpass::{Engine, Error, Opened, SignedIn};

use super::methods::{Method, Shows};
use crate::support::{Device, Held, Place, World, code_for, password, refresh, run, seconds};

/// A guest with a device key, a guest without one, and the owner of a login ID with several sessions;
/// five minutes on.
pub(super) struct Cast {
    pub(super) world: World,
    pub(super) engine: Engine,
    /// That engine, and the second where there are two.
    engines: Vec<Engine>,
    pub(super) guest: Held,
    pub(super) rival: Held,
    pub(super) owner: Held,
    /// The owner's session of a client, and an access token of it.
    pub(super) app: Held,
    pub(super) access: String,
    /// All sessions of the owner that another client may have.
    pub(super) two: [Held; 2],
    pub(super) code: String,
    pub(super) promotion_code: String,
    /// A signed request for each time that a method is called.
    pub(super) shown: [String; 3],
    /// How far the random bytes had been counted before each of them came.
    pub(super) counted: [u64; 3],
    /// How many events there were.
    since: EventCursor,
}

/// What a method answered.
pub(super) struct Answer {
    pub(super) word: String,
    pub(super) held: Option<Held>,
}

/// What is to be seen, in words that do not depend on what was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) users: BTreeMap<String, String>,
    pub(super) sessions: BTreeMap<&'static str, &'static str>,
}

impl Cast {
    pub(super) fn new(place: Place, method: &Method) -> Self {
        let world = World::with(place, |policy| {
            policy.anonymous.on_conflict = OnConflict::Login;
            policy.session.idle_timeout_seconds = 3600;
            for client in &mut policy.clients {
                client.refresh_token_idle_timeout_seconds = 3600;
            }
        });
        let engines = if method.makes_other_hashes {
            world.engines_hashing(Argon2Params::new(7168, 5, 1).unwrap())
        } else {
            world.engines()
        };
        let engine = engines[0].clone();
        let (device, stranger) = (Device::new(1), Device::new(2));
        let count = || world.entropy.count();
        let (before_guest, guest) = (count(), world.guest_on(&device));
        let (before_rival, rival) = (count(), world.guest());
        let (before_owner, owner) = (count(), world.regular("owner"));
        let counted = [before_guest, before_rival, before_owner];
        let sign_in = |open| {
            Held::from(run(world.engine.sign_in(password("owner"), None, open, None)).unwrap())
        };
        let app = sign_in(refresh("app"));
        let access = world.access_token(&app);
        let two = [(); 2].map(|()| sign_in(refresh("two")));
        // Too early for the access to be recorded.
        world.advance(seconds(59));
        let promotion_code = run(world.engine.promotion_code(&rival.token)).unwrap().text;
        // So late that an access, and a flow, would end beyond the fence.
        world.advance(seconds(241));
        let code = World::issued(
            run(world.engine.sign_in(password("owner"), None, code_for("app"), None)).unwrap(),
        );
        let request = || match method.shows {
            Shows::Nothing => String::new(),
            Shows::Key => device.request(&engine, Action::Auth),
            Shows::NewKey => stranger.request(&engine, Action::Auth),
            Shows::ForgedKey => {
                let challenge = engine.challenge().unwrap().text;
                let forger = Device::named(9, device.key.kid.as_str());
                forger.answer(&engine, &challenge, Action::Auth, KeyHeader::Kid)
            }
            Shows::KeyToPromote => device.request(&engine, Action::Promote),
        };
        let shown = [(); 3].map(|()| request());
        let since = last_event(&world);
        Self {
            world,
            engine,
            engines,
            guest,
            rival,
            owner,
            app,
            access,
            two,
            code,
            promotion_code,
            shown,
            counted,
            since,
        }
    }

    /// Goes to the engine that is asked for the time with this number: where there are two, they take
    /// turns, as processes do behind a host that asks again elsewhere.
    pub(super) fn turn_to(&mut self, time: usize) {
        self.engine = self.engines[time % self.engines.len()].clone();
    }

    /// Every user is whole, nobody was promoted, merged or collected twice, and no two users have what
    /// only one may have.
    pub(super) fn look(&self) -> Look {
        self.world.script.rest();
        let names =
            [("guest", self.guest.user), ("rival", self.rival.user), ("owner", self.owner.user)];
        let mut users: BTreeMap<_, _> =
            names.map(|(name, user)| (name.to_owned(), self.state(user))).into();
        let newcomers = self.newcomers();
        for (number, user) in newcomers.iter().enumerate() {
            users.insert(format!("newcomer {number}"), self.state(*user));
        }
        let sessions = [
            ("guest's", &self.guest),
            ("rival's", &self.rival),
            ("owner's", &self.owner),
            ("app's", &self.app),
            ("first of two", &self.two[0]),
            ("second of two", &self.two[1]),
        ];
        let sessions = sessions.map(|(name, held)| (name, self.counts(held))).into();
        Look { users, sessions }
    }

    /// Those who signed up since.
    fn newcomers(&self) -> Vec<UserId> {
        let events = run(self.world.backend.users().events(self.since, 1000)).unwrap();
        let is_new = |kind| matches!(kind, EventKind::SignedUp | EventKind::SignedUpAnonymously);
        events
            .into_iter()
            .filter(|(_, event)| is_new(event.kind))
            .map(|(_, event)| event.user)
            .collect()
    }

    fn state(&self, user: UserId) -> String {
        let account = self.world.account(user);
        let history = self.world.history(user);
        let turns = history.iter().filter(|kind| {
            matches!(kind, EventKind::Promoted | EventKind::Merged { .. } | EventKind::Collected)
        });
        assert!(turns.count() <= 1, "{history:?}");
        self.has_what_is_its_own(&account);
        let Account { user, identities, .. } = &account;
        let names: Vec<_> = identities.iter().map(Identity::key).collect();
        let retired: Vec<_> = account.retired_keys.iter().map(|key| key.outcome).collect();
        let is_past_fence = user.ends_at.is_some_and(|ends_at| ends_at <= self.world.clock_now());
        format!(
            "{:?}, {names:?}, password: {}, disabled: {}, verified: {}, retired: {retired:?}, past its \
             fence: {is_past_fence}",
            standing(user),
            user.can_reauthenticate,
            user.is_disabled,
            user.is_verified,
        )
    }

    /// Whatever leads to one user only leads to this one.
    fn has_what_is_its_own(&self, account: &Account) {
        let users = self.world.backend.users();
        for identity in &account.identities {
            if let IdentityKind::LoginId(_) | IdentityKind::OAuth { .. } = identity.kind {
                let holder = run(users.load(Lookup::Identity(&identity.key()))).unwrap();
                assert_eq!(holder.as_ref(), Some(account));
            }
        }
        let keys = account.device_key().into_iter();
        for key in keys.chain(account.retired_keys.iter().map(|retired| &retired.key)) {
            let record = run(users.key(KeyName::Thumbprint(&key.thumbprint))).unwrap().unwrap();
            assert_eq!(record.user, account.user.id);
        }
    }

    /// Whether a session counts, or why not, as it is stored: asking the engine would be a use.
    pub(super) fn counts(&self, held: &Held) -> &'static str {
        let Some((session, user)) = run(self.world.backend.resolve(&held.session.digest)).unwrap()
        else {
            return "gone";
        };
        assert_eq!((session.user, session.kind == held.session.kind), (held.user, true));
        why_over(&session, &user, self.world.clock_now()).unwrap_or("counts")
    }
}

fn why_over(session: &Session, user: &User, now: Timestamp) -> Option<&'static str> {
    let is_past = |ends_at: Timestamp| ends_at <= now;
    if is_past(session.ends_at) || user.ends_at.is_some_and(is_past) {
        Some("expired")
    } else if session.epoch != user.epoch || !user.is_alive() {
        Some("superseded")
    } else if user.is_disabled {
        Some("disabled")
    } else {
        None
    }
}

fn standing(user: &User) -> String {
    let standing = format!("{:?}", user.standing);
    standing.split(' ').next().unwrap().to_owned()
}

fn last_event(world: &World) -> EventCursor {
    let events = run(world.engine.events(EventCursor::START, 1000)).unwrap();
    events.last().map_or(EventCursor::START, |(cursor, _)| *cursor)
}

impl Answer {
    /// What was answered, if it is no failure of what the test has broken.
    pub(super) fn of(result: Result<Self, Error>) -> Self {
        result.unwrap_or_else(|error| Self { word: word(&error), held: None })
    }

    pub(super) fn word(word: impl Into<String>) -> Self {
        Self { word: word.into(), held: None }
    }

    pub(super) fn signed_in(signed_in: SignedIn) -> Self {
        let outcome = format!("{:?}", signed_in.outcome);
        let word = outcome.split(' ').next().unwrap().to_owned();
        let held = match signed_in.opened {
            Opened::Session { .. } => Some(Held::from(signed_in)),
            Opened::Code(_) => None,
        };
        Self { word, held }
    }

    pub(super) fn has_failed(&self) -> bool {
        FAILURES.contains(&self.word.as_str())
    }
}

fn word(error: &Error) -> String {
    let word = match error.rejection() {
        Some(rejection) => rejection.code(),
        None if matches!(error, Error::Store(_)) => "store",
        None if matches!(error, Error::Entropy(_)) => "entropy",
        None if matches!(error, Error::Contended) => "contended",
        None => panic!("{error:?}"),
    };
    word.to_owned()
}

/// What is told when the store or the random bytes fail.
const FAILURES: [&str; 2] = ["store", "entropy"];
