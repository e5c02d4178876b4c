//! What acts come to.

use std::collections::{BTreeMap, BTreeSet};

use guestpass::model::{
    Event, EventKind, Identity, IdentityKey, IdentityKind, Method, Standing, UserId,
};
use guestpass::store::MAX_PORTION;

use super::scene::{Answer, Scene};
use crate::support::{Held, email, run};

/// What a race came to, in words that do not depend on what was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) answers: Vec<String>,
    /// What became of each user.
    pub(crate) users: BTreeMap<&'static str, String>,
    /// The users that there were not before.
    newcomers: Vec<String>,
    /// Why each session, and each access token, does not count, or that it does.
    pub(crate) sessions: BTreeMap<&'static str, String>,
    /// What happened to whom, in the order of the commits.
    pub(crate) history: Vec<String>,
}

impl Scene {
    /// What the acts came to. Every user is whole, nobody was promoted or merged twice, and no session of
    /// a guest counts for anybody else.
    pub(crate) fn outcome(&self, answers: impl IntoIterator<Item = Option<Answer>>) -> Outcome {
        self.world.script.rest();
        self.world.clock.set(self.began);
        let answers: Vec<Option<Answer>> = answers.into_iter().collect();
        let mut sessions = BTreeMap::new();
        let all = [
            ("guest", "guest's", &self.guest),
            ("rival", "rival's", &self.rival),
            ("owner", "owner's", &self.owner),
        ];
        for (_, name, held) in all {
            sessions.extend(held.as_ref().map(|held| (name, self.counts(held))));
        }
        for ((session, access), answer) in GIVEN.into_iter().zip(&answers) {
            let Some(answer) = answer else { continue };
            if let Some(held) = &answer.held {
                sessions.insert(session, self.counts(held));
            }
            if let Some(token) = &answer.access_token {
                sessions.insert(access, self.access_token_counts(token));
            }
        }
        let events = run(self.world.engine.events(self.before, MAX_PORTION)).unwrap();
        let events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
        let state = |held: &Held| self.state(held.user, &events);
        let users: BTreeMap<_, _> = all
            .into_iter()
            .filter_map(|(name, _, held)| Some((name, state(held.as_ref()?))))
            .collect();
        let strangers: BTreeSet<UserId> =
            events.iter().map(|event| event.user).filter(|user| self.name(*user) == NEW).collect();
        let mut newcomers: Vec<String> =
            strangers.into_iter().map(|user| self.state(user, &events)).collect();
        newcomers.sort();
        let answers: Vec<String> = answers
            .into_iter()
            .map(|answer| answer.map_or_else(String::new, |answer| answer.code))
            .collect();
        let count = users.values().filter(|state| state.starts_with("Collected")).count();
        let told = answers.iter().filter(|answer| *answer == "1").count();
        assert!(told <= count, "a sweep tells of guests that it has collected only");
        let history = events.iter().map(|event| self.tell(event)).collect();
        Outcome { answers, users, newcomers, sessions, history }
    }

    fn counts(&self, held: &Held) -> String {
        match self.world.authenticate(held) {
            Ok(caller) => {
                let is_guests = match caller.session.method {
                    Method::Anonymous | Method::DeviceKey => true,
                    Method::Password | Method::ProvenIdentity => false,
                };
                assert_eq!(is_guests, caller.user.is_anonymous(), "a session was inherited");
                format!("counts for the {}", self.name(caller.user.id))
            }
            Err(error) => error.rejection().unwrap().code().to_owned(),
        }
    }

    fn access_token_counts(&self, token: &str) -> String {
        match run(self.world.engine.authenticate_access(token)) {
            Ok(caller) => {
                assert!(caller.user.is_anonymous(), "an access token was inherited");
                format!("counts for the {}", self.name(caller.user.id))
            }
            Err(error) => error.rejection().unwrap().code().to_owned(),
        }
    }

    fn state(&self, user: UserId, events: &[Event]) -> String {
        let account = self.world.account(user);
        let turns: Vec<EventKind> = events
            .iter()
            .filter(|event| event.user == user)
            .map(|event| event.kind)
            .filter(|kind| {
                matches!(
                    kind,
                    EventKind::Promoted | EventKind::Merged { .. } | EventKind::Collected
                )
            })
            .collect();
        assert!(turns.len() <= 1, "{turns:?}");
        let standing = match account.user.standing {
            Standing::Merged { into } => format!("merged into the {}", self.name(into)),
            Standing::Anonymous | Standing::Regular | Standing::Deleted | Standing::Collected => {
                format!("{:?}", account.user.standing)
            }
        };
        let names: Vec<_> = account.identities.iter().map(|one| self.called(one)).collect();
        let disabled = account.user.is_disabled;
        format!("{standing}, disabled: {disabled}, {names:?}")
    }

    fn called(&self, identity: &Identity) -> &'static str {
        let is_of = |name: &str| {
            let login_id = email(name);
            let key = login_id.key().to_owned();
            identity.key() == IdentityKey::LoginId { kind: login_id.kind(), key }
        };
        match &identity.kind {
            IdentityKind::Anonymous { key: Some(_) } => "anonymous with a key",
            IdentityKind::Anonymous { key: None } => "anonymous",
            IdentityKind::LoginId(_) if is_of(&self.ada) => "ada",
            IdentityKind::LoginId(_) if is_of(&self.owners_name) => "owner",
            IdentityKind::LoginId(_) | IdentityKind::OAuth { .. } => panic!("{identity:?}"),
        }
    }

    fn tell(&self, event: &Event) -> String {
        let what = match event.kind {
            EventKind::Merged { into } => format!("merged into the {}", self.name(into)),
            EventKind::SignedIn { method, .. } => format!("signed in by {method:?}"),
            EventKind::SignedUpAnonymously
            | EventKind::SignedUp
            | EventKind::Promoted
            | EventKind::PasswordChanged
            | EventKind::PasswordRemoved
            | EventKind::IdentityProven
            | EventKind::Disabled
            | EventKind::Enabled
            | EventKind::Deleted
            | EventKind::Collected
            | EventKind::KeyRefused { .. } => format!("{:?}", event.kind),
        };
        format!("{}: {what}", self.name(event.user))
    }

    fn name(&self, user: UserId) -> &'static str {
        let cast = [("guest", &self.guest), ("rival", &self.rival), ("owner", &self.owner)];
        let is = |held: &Option<Held>| held.as_ref().is_some_and(|held| held.user == user);
        cast.into_iter().find(|(_, held)| is(held)).map_or(NEW, |(name, _)| name)
    }
}

/// What the session, and the access token, are called that each side was given.
const GIVEN: [(&str, &str); 3] = [
    ("opened by the first", "issued by the first"),
    ("opened by the second", "issued by the second"),
    ("opened by the third", "issued by the third"),
];
const NEW: &str = "newcomer";
