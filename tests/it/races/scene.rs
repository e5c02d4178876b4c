//! The users that races are about, what is done to them, and what it comes to.

use std::collections::BTreeMap;

use guestpass::credential::Action;
use guestpass::engine::FlowStart;
use guestpass::model::{
    Event, EventKind, Identity, Method, ProvenIdentity, Standing, Timestamp, UserId,
};
use guestpass::rules::OnConflict;
use guestpass::{Error, Guest, SignedIn};

use crate::support::{
    Device, Held, PASSWORD, Place, REDIRECT_URI, VERIFIER, World, app, code_for, cookie, email,
    password, run, seconds,
};

/// Something that is done to the users of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The guest with a device key is promoted as Ada.
    Promote,
    /// The guest without one is promoted as Ada too.
    PromoteRival,
    /// The guest with a device key is promoted under the login ID of the owner, and merged.
    Merge,
    /// The same guest signs in as the owner, and is merged.
    SignInAsGuest,
    SignInByKey,
    SignInByPassword,
    SignOut,
    SignOutRival,
    SignOutAll,
    SignOutAllOfOwner,
    Disable,
    DisableOwner,
    Delete,
    DeleteOwner,
    ChangePassword,
    SetPassword,
    /// The clock reaches the fence of the guest without a device key, and a sweep comes.
    SweepLater,
    Access,
    /// An access that raises the fence.
    AccessRival,
    /// A code of the owner is redeemed.
    Redeem,
    /// A flow of the guest without a device key is opened.
    OpenFlow,
}

impl Act {
    pub(crate) const ALL: &[Self] = &[
        Self::Promote,
        Self::PromoteRival,
        Self::Merge,
        Self::SignInAsGuest,
        Self::SignInByKey,
        Self::SignInByPassword,
        Self::SignOut,
        Self::SignOutRival,
        Self::SignOutAll,
        Self::SignOutAllOfOwner,
        Self::Disable,
        Self::DisableOwner,
        Self::Delete,
        Self::DeleteOwner,
        Self::ChangePassword,
        Self::SetPassword,
        Self::SweepLater,
        Self::Access,
        Self::AccessRival,
        Self::Redeem,
        Self::OpenFlow,
    ];
}

/// A guest with a device key, a guest without one, and the owner of a login ID; five minutes on.
pub(crate) struct Scene {
    pub(crate) world: World,
    guest: Held,
    rival: Held,
    owner: Held,
    /// What either side shows that can be used once.
    sides: [Shown; 2],
    began: Timestamp,
    fence: Timestamp,
    code: String,
    promotion_code: String,
}

enum Shown {
    Request(String),
    Guest(Guest),
}

impl Shown {
    fn request(&self) -> &str {
        match self {
            Self::Request(request) => request,
            Self::Guest(_) => panic!("this side has a guest"),
        }
    }

    fn guest(&self) -> &Guest {
        match self {
            Self::Guest(guest) => guest,
            Self::Request(_) => panic!("this side has a request"),
        }
    }
}

/// What an act answered, and the session that it opened.
pub(crate) struct Answer {
    code: String,
    held: Option<Held>,
}

/// What a race came to, in words that do not depend on what was drawn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) answers: [String; 2],
    /// What became of each user.
    pub(crate) users: BTreeMap<&'static str, String>,
    /// Why each session does not count, or that it does.
    pub(crate) sessions: BTreeMap<&'static str, String>,
    /// What happened to whom, in the order of the commits.
    history: Vec<String>,
}

impl Outcome {
    /// Whether, but for the other side, all is as after `alone`, which only that side did.
    pub(crate) fn is_as_after(&self, alone: &Self, side: usize) -> bool {
        self.answers[side] == alone.answers[side]
            && self.users == alone.users
            && self.sessions == alone.sessions
            && self.history == alone.history
    }
}

impl Scene {
    /// The scene in which the two sides do these acts.
    pub(crate) fn new(place: Place, acts: [Act; 2]) -> Self {
        let world = World::with(place, |policy| {
            policy.anonymous.on_conflict = OnConflict::Login;
            policy.session.idle_timeout_seconds = 3600;
        });
        let device = Device::new(1);
        let (guest, rival) = (world.guest_on(&device), world.guest());
        let owner = world.regular("owner");
        let fence = world.user(rival.user).ends_at.unwrap();
        // Too early for the access to be recorded.
        world.advance(seconds(59));
        let promotion_code = run(world.engine.promotion_code(&rival.token)).unwrap().text;
        // So late that an access, and a flow, would end beyond the fence.
        world.advance(seconds(241));
        let code = World::issued(
            run(world.engine.sign_in(password("owner"), None, code_for("app"), None)).unwrap(),
        );
        // Signatures take the longest of all, so only those that are shown are made.
        let sides = acts.map(|act| {
            if act == Act::SignInByKey {
                Shown::Request(device.request(&world.engine, Action::Auth))
            } else if matches!(act, Act::Promote | Act::Merge | Act::SignInAsGuest) {
                Shown::Guest(world.by_key(&device))
            } else {
                Shown::Guest(world.by_session(&rival))
            }
        });
        let began = world.clock_now();
        Self { world, guest, rival, owner, sides, began, fence, code, promotion_code }
    }

    pub(crate) async fn act(&self, act: Act, side: usize) -> Answer {
        let (engine, shown) = (&self.world.engine, &self.sides[side]);
        let owner = || ProvenIdentity::login_id(email("owner"));
        match act {
            Act::Promote | Act::PromoteRival => {
                signed_in(engine.promote(shown.guest(), password("ada"), cookie(), None).await)
            }
            Act::Merge => {
                signed_in(engine.promote(shown.guest(), password("owner"), cookie(), None).await)
            }
            Act::SignInAsGuest => {
                let guest = Some(shown.guest());
                signed_in(engine.sign_in(password("owner"), guest, cookie(), None).await)
            }
            Act::SignInByKey => {
                signed_in(engine.sign_in_with_device_key(shown.request(), cookie(), None).await)
            }
            Act::SignInByPassword => {
                signed_in(engine.sign_in(password("owner"), None, cookie(), None).await)
            }
            Act::SignOut => done(engine.sign_out(&self.guest.token).await),
            Act::SignOutRival => done(engine.sign_out(&self.rival.token).await),
            Act::SignOutAll => done(engine.sign_out_all(self.guest.user).await),
            Act::SignOutAllOfOwner => done(engine.sign_out_all(self.owner.user).await),
            Act::Disable => done(engine.disable(self.guest.user).await),
            Act::DisableOwner => done(engine.disable(self.owner.user).await),
            Act::Delete => done(engine.delete(self.guest.user).await),
            Act::DeleteOwner => done(engine.delete(self.owner.user).await),
            Act::ChangePassword => {
                let token = &self.owner.token;
                done(engine.change_password(token, PASSWORD, "a new password", None).await)
            }
            Act::SetPassword => done(engine.set_password(owner(), "a set password").await),
            Act::SweepLater => {
                self.world.clock.set(self.fence);
                match engine.sweep(100).await {
                    // Somebody was left for the next sweep, because of a fault.
                    Ok(swept) if 0 < swept.left => Answer { code: "store".to_owned(), held: None },
                    swept => done(swept.map(|swept| swept.guests)),
                }
            }
            Act::Access => done(engine.authenticate(&self.guest.token).await.map(|_| ())),
            Act::AccessRival => done(engine.authenticate(&self.rival.token).await.map(|_| ())),
            Act::Redeem => {
                signed_in(engine.redeem_code(&self.code, &app(), REDIRECT_URI, VERIFIER).await)
            }
            Act::OpenFlow => {
                let start = FlowStart::PromotionCode(&self.promotion_code);
                done(engine.open_flow(start, &[]).await.map(|_| ()))
            }
        }
    }

    /// What the acts came to. Every user is whole, and nobody was promoted or merged twice.
    pub(crate) fn outcome(&self, answers: [Option<Answer>; 2]) -> Outcome {
        self.world.script.rest();
        self.world.clock.set(self.began);
        let [one, other] = answers;
        let mut sessions = BTreeMap::new();
        let mut note = |name, held: Option<&Held>| {
            let Some(held) = held else { return };
            sessions.insert(name, self.counts(held));
        };
        note("guest's", Some(&self.guest));
        note("rival's", Some(&self.rival));
        note("owner's", Some(&self.owner));
        note("opened by the first", one.as_ref().and_then(|answer| answer.held.as_ref()));
        note("opened by the second", other.as_ref().and_then(|answer| answer.held.as_ref()));
        let code = |answer: Option<Answer>| answer.map_or_else(String::new, |answer| answer.code);
        let users = [("guest", &self.guest), ("rival", &self.rival), ("owner", &self.owner)];
        let users: BTreeMap<_, _> = users.map(|(name, held)| (name, self.state(held.user))).into();
        let answers = [code(one), code(other)];
        let count = users.values().filter(|state| state.starts_with("Collected")).count();
        let told = answers.iter().filter(|answer| *answer == "1").count();
        assert!(told <= count, "a sweep tells of guests that it has collected only");
        let history = self.world.events().iter().map(|event| self.tell(event)).collect();
        Outcome { answers, users, sessions, history }
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

    fn state(&self, user: UserId) -> String {
        let account = self.world.account(user);
        let history = self.world.history(user);
        let turns = history.iter().filter(|kind| {
            matches!(kind, EventKind::Promoted | EventKind::Merged { .. } | EventKind::Collected)
        });
        assert!(turns.count() <= 1, "{history:?}");
        let standing = match account.user.standing {
            Standing::Merged { into } => format!("merged into the {}", self.name(into)),
            Standing::Anonymous | Standing::Regular | Standing::Deleted | Standing::Collected => {
                format!("{:?}", account.user.standing)
            }
        };
        let names: Vec<_> = account.identities.iter().map(Identity::key).collect();
        let disabled = account.user.is_disabled;
        format!("{standing}, disabled: {disabled}, {names:?}")
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
        match user {
            user if user == self.guest.user => "guest",
            user if user == self.rival.user => "rival",
            user if user == self.owner.user => "owner",
            _ => "nobody",
        }
    }
}

fn signed_in(result: Result<SignedIn, Error>) -> Answer {
    match result {
        Ok(signed_in) => {
            let held = Held::from(signed_in);
            let outcome = format!("{:?}", held.outcome);
            let code = outcome.split(' ').next().unwrap().to_owned();
            Answer { code, held: Some(held) }
        }
        Err(error) => Answer { code: code(&error), held: None },
    }
}

fn done<T: std::fmt::Debug>(result: Result<T, Error>) -> Answer {
    let code = match result {
        Ok(done) => format!("{done:?}"),
        Err(error) => code(&error),
    };
    Answer { code, held: None }
}

fn code(error: &Error) -> String {
    match error.rejection() {
        Some(rejection) => rejection.code().to_owned(),
        None if matches!(error, Error::Contended) => "contended".to_owned(),
        None if matches!(error, Error::Store(_)) => "store".to_owned(),
        None => panic!("{error:?}"),
    }
}
