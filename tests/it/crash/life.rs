//! The life of a user, step after step, and what can be seen of it from outside.

use guestpass::credential::{Action, SessionToken};
use guestpass::engine::FlowStart;
use guestpass::model::{
    EventCursor, EventKind, Identity, KeyName, LoginId, Method, ProvenIdentity, Standing, UserId,
};
use guestpass::rules::OnConflict;
use guestpass::store::{Lookup, MAX_PORTION};
use guestpass::{Credential, Engine, Error, Opened, Policy, SignedIn};

use crate::support::{
    Device, PASSWORD, REDIRECT_URI, VERIFIER, World, app, code_for, cookie, email, run,
};

/// What happens in a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Story {
    /// A guest on a device is promoted, and that is all.
    Short,
    /// A guest without a device is promoted and goes on as a regular user.
    Promoted,
    /// A guest on a device is promoted and deleted.
    PromotedByKey,
    /// A guest on a device turns out to be somebody else.
    Merged,
    /// A guest without a device signs in as somebody else.
    MergedOnSignIn,
    /// Somebody signs in by a code.
    SignedInByCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    SignUp,
    SignUpByKey,
    SignUpOwner,
    SignInByKey,
    OpenFlow,
    Promote,
    PromoteByKey,
    Merge,
    SignInAsGuest,
    SignIn,
    IssueCode,
    Redeem,
    ChangePassword,
    SetPassword,
    SignOut,
    SignOutAll,
    Disable,
    Enable,
    Delete,
}

impl Story {
    /// Those that a process goes through by turns.
    pub(crate) const ALL: &[Self] = &[
        Self::Promoted,
        Self::PromotedByKey,
        Self::Merged,
        Self::MergedOnSignIn,
        Self::SignedInByCode,
    ];

    pub(crate) fn steps(self) -> &'static [Step] {
        use Step as S;
        match self {
            Self::Short => &[S::SignUpByKey, S::PromoteByKey],
            Self::Promoted => &[
                S::SignUp,
                S::OpenFlow,
                S::Promote,
                S::SignIn,
                S::ChangePassword,
                S::SignOut,
                S::Disable,
                S::Enable,
                S::SetPassword,
            ],
            Self::PromotedByKey => {
                &[S::SignUpByKey, S::SignInByKey, S::PromoteByKey, S::SignIn, S::Delete]
            }
            Self::Merged => &[S::SignUpOwner, S::SignUpByKey, S::Merge, S::SignOut],
            Self::MergedOnSignIn => &[S::SignUpOwner, S::SignUp, S::SignInAsGuest],
            Self::SignedInByCode => &[S::SignUpOwner, S::IssueCode, S::Redeem, S::SignOutAll],
        }
    }

    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().chain(&[Self::Short]).find(|story| story.name() == name).copied()
    }
}

/// Something that those who live it know, and tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact(pub(crate) Kind, pub(crate) String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Guest,
    Owner,
    Token,
    Request,
    PromotionCode,
    Code,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Guest, Self::Owner, Self::Token, Self::Request, Self::PromotionCode, Self::Code];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| format!("{kind:?}") == name)
    }
}

/// A life, as far as those who live it know.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) number: u32,
    pub(crate) story: Story,
    pub(crate) facts: Vec<Fact>,
}

impl Life {
    pub(crate) fn new(number: u32, story: Story) -> Self {
        Self { number, story, facts: Vec::new() }
    }

    /// What is needed for a step, and known whether or not the step is taken.
    pub(crate) fn begin(&self, step: Step, engine: &Engine) -> Result<Vec<Fact>, Error> {
        let request = |action| {
            let challenge = engine.challenge()?.text;
            let header = guestpass::credential::KeyHeader::Jwk;
            let request = self.device().answer(engine, &challenge, action, header);
            Ok(vec![Fact(Kind::Request, request)])
        };
        match step {
            Step::SignUpByKey | Step::SignInByKey => request(Action::Auth),
            Step::PromoteByKey | Step::Merge => request(Action::Promote),
            Step::OpenFlow => {
                let code = run(engine.promotion_code(&self.token()))?;
                Ok(vec![Fact(Kind::PromotionCode, code.text)])
            }
            Step::SignUp
            | Step::SignUpOwner
            | Step::Promote
            | Step::SignInAsGuest
            | Step::SignIn
            | Step::IssueCode
            | Step::Redeem
            | Step::ChangePassword
            | Step::SetPassword
            | Step::SignOut
            | Step::SignOutAll
            | Step::Disable
            | Step::Enable
            | Step::Delete => Ok(Vec::new()),
        }
    }

    /// Takes a step; says what is known from then on.
    pub(crate) fn take(&self, step: Step, engine: &Engine) -> Result<Vec<Fact>, Error> {
        let nothing = |()| Vec::new();
        match step {
            Step::SignUp => told(Kind::Guest, run(engine.sign_up_anonymously(cookie(), None))),
            Step::SignUpByKey | Step::SignInByKey => {
                let request = self.last(Kind::Request);
                let result = run(engine.sign_in_with_device_key(request, cookie(), None));
                told(Kind::Guest, result)
            }
            Step::SignUpOwner => {
                told(Kind::Owner, run(engine.sign_up(self.owners(PASSWORD), cookie(), None)))
            }
            Step::OpenFlow => {
                let start = FlowStart::PromotionCode(self.last(Kind::PromotionCode));
                run(engine.open_flow(start, &[])).map(|_| Vec::new())
            }
            Step::Promote => {
                let guest = run(engine.guest_by_session(&self.token()))?;
                told(Kind::Guest, run(engine.promote(&guest, self.own(PASSWORD), cookie(), None)))
            }
            Step::PromoteByKey => {
                let guest = run(engine.guest_by_key(self.last(Kind::Request)))?;
                told(Kind::Guest, run(engine.promote(&guest, self.own(PASSWORD), cookie(), None)))
            }
            Step::Merge => {
                let guest = run(engine.guest_by_key(self.last(Kind::Request)))?;
                let result = run(engine.promote(&guest, self.owners(PASSWORD), cookie(), None));
                told(Kind::Owner, result)
            }
            Step::SignInAsGuest => {
                let guest = run(engine.guest_by_session(&self.token()))?;
                let credential = self.owners(PASSWORD);
                told(Kind::Owner, run(engine.sign_in(credential, Some(&guest), cookie(), None)))
            }
            Step::SignIn => {
                told(Kind::Guest, run(engine.sign_in(self.own(PASSWORD), None, cookie(), None)))
            }
            Step::IssueCode => {
                let credential = self.owners(PASSWORD);
                told(Kind::Owner, run(engine.sign_in(credential, None, code_for("app"), None)))
            }
            Step::Redeem => {
                let code = self.last(Kind::Code);
                told(Kind::Owner, run(engine.redeem_code(code, &app(), REDIRECT_URI, VERIFIER)))
            }
            Step::ChangePassword => {
                run(engine.change_password(&self.token(), PASSWORD, CHANGED, None)).map(nothing)
            }
            Step::SetPassword => {
                let identity = ProvenIdentity::login_id(self.own_name());
                run(engine.set_password(identity, SET)).map(|_| Vec::new())
            }
            Step::SignOut => run(engine.sign_out(&self.token())).map(|_| Vec::new()),
            Step::SignOutAll => run(engine.sign_out_all(self.user(Kind::Owner))).map(nothing),
            Step::Disable => run(engine.disable(self.user(Kind::Guest))).map(nothing),
            Step::Enable => run(engine.enable(self.user(Kind::Guest))).map(nothing),
            Step::Delete => run(engine.delete(self.user(Kind::Guest))).map(nothing),
        }
    }

    /// What can be seen of the life, in words that do not depend on what was drawn. What was used once
    /// is used again at the end, which changes what there is.
    pub(crate) fn seen(&self, world: &World, since: EventCursor) -> Vec<String> {
        let mut seen = Vec::new();
        let key = &self.device().key;
        let record = run(world.backend.users().key(KeyName::Thumbprint(&key.thumbprint))).unwrap();
        let outcome = record.as_ref().map(|record| record.outcome);
        seen.push(format!("the key: {outcome:?}"));
        let by_key = record.map(|record| record.user);
        let own_name = world.owner(&self.name());
        let guest = self.known_user(Kind::Guest).or(by_key).or(own_name);
        assert!(by_key.is_none_or(|user| guest == Some(user)), "the key is another user's");
        assert!(own_name.is_none_or(|user| guest == Some(user)), "the name is another user's");
        let owner = self.known_user(Kind::Owner).or_else(|| world.owner(&self.owners_name()));
        seen.push(format!("the guest: {}", stands(world, guest, owner, since)));
        seen.push(format!("the owner: {}", stands(world, owner, owner, since)));
        for text in self.all(Kind::Token) {
            let token = SessionToken::parse(text).unwrap();
            let counts = match run(world.engine.authenticate(&token)) {
                Ok(caller) if Some(caller.user.id) == guest => {
                    let is_guests = match caller.session.method {
                        Method::Anonymous | Method::DeviceKey => true,
                        Method::Password | Method::ProvenIdentity => false,
                    };
                    assert_eq!(is_guests, caller.user.is_anonymous(), "a session was inherited");
                    "counts for the guest".to_owned()
                }
                Ok(caller) if Some(caller.user.id) == owner => "counts for the owner".to_owned(),
                Ok(caller) => panic!("a session of nobody: {caller:?}"),
                Err(error) => why(&error),
            };
            seen.push(format!("a session: {counts}"));
        }
        for password in [PASSWORD, CHANGED, SET] {
            let result = run(world.engine.sign_in(self.own(password), None, cookie(), None));
            seen.push(format!("the password {password}: {}", let_in(&result)));
        }
        self.use_again(world, &mut seen);
        seen
    }

    /// Uses everything again that can be used once.
    fn use_again(&self, world: &World, seen: &mut Vec<String>) {
        let engine = &world.engine;
        for request in self.all(Kind::Request) {
            let result = match run(engine.sign_in_with_device_key(request, cookie(), None)) {
                Err(Error::Rejected(guestpass::Rejection::ActionMismatch)) => {
                    run(engine.guest_by_key(request)).and_then(|guest| {
                        let credential = if self.story == Story::Merged {
                            self.owners(PASSWORD)
                        } else {
                            self.own(PASSWORD)
                        };
                        run(engine.promote(&guest, credential, cookie(), None))
                    })
                }
                result => result,
            };
            seen.push(format!("a request, again: {}", let_in(&result)));
        }
        for code in self.all(Kind::PromotionCode) {
            let result = run(engine.open_flow(FlowStart::PromotionCode(code), &[]));
            let answer = result.map_or_else(|error| why(&error), |_| "opens".to_owned());
            seen.push(format!("a promotion code, again: {answer}"));
        }
        for code in self.all(Kind::Code) {
            let result = run(engine.redeem_code(code, &app(), REDIRECT_URI, VERIFIER));
            seen.push(format!("a code, again: {}", let_in(&result)));
        }
    }

    /// A token that those who live this life have, to see whether anything can be read.
    pub(crate) fn any_token(&self) -> Option<SessionToken> {
        self.all(Kind::Token).last().and_then(SessionToken::parse)
    }

    fn token(&self) -> SessionToken {
        SessionToken::parse(self.last(Kind::Token)).unwrap()
    }

    fn all(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.facts.iter().filter(move |fact| fact.0 == kind).map(|fact| fact.1.as_str())
    }

    fn last(&self, kind: Kind) -> &str {
        self.all(kind).last().unwrap_or_else(|| panic!("no {kind:?} in {self:?}"))
    }

    fn known_user(&self, kind: Kind) -> Option<UserId> {
        self.all(kind).last().map(|text| text.parse().unwrap())
    }

    fn user(&self, kind: Kind) -> UserId {
        self.known_user(kind).unwrap()
    }

    fn device(&self) -> Device {
        Device::of_many(self.number)
    }

    fn name(&self) -> String {
        format!("life-{}", self.number)
    }

    fn owners_name(&self) -> String {
        format!("owner-{}", self.number)
    }

    fn own_name(&self) -> LoginId {
        email(&self.name())
    }

    fn own(&self, password: &str) -> Credential {
        Credential::password(self.own_name(), password)
    }

    fn owners(&self, password: &str) -> Credential {
        Credential::password(email(&self.owners_name()), password)
    }
}

/// What all lives need.
pub(crate) fn policy(policy: &mut Policy) {
    policy.anonymous.on_conflict = OnConflict::Login;
}

fn told(who: Kind, result: Result<SignedIn, Error>) -> Result<Vec<Fact>, Error> {
    let signed_in = result?;
    let user = Fact(who, signed_in.user.id.to_string());
    let opened = match signed_in.opened {
        Opened::Session { token, .. } => Fact(Kind::Token, token.reveal().to_string()),
        Opened::Code(code) => Fact(Kind::Code, code.text),
    };
    Ok(vec![user, opened])
}

fn stands(
    world: &World,
    user: Option<UserId>,
    owner: Option<UserId>,
    since: EventCursor,
) -> String {
    let Some(user) = user else { return "nobody knows".to_owned() };
    let found = run(world.backend.users().load(Lookup::User(user))).unwrap();
    let Some(account) = found else { return "is gone".to_owned() };
    assert_eq!(account.check(), Ok(()));
    let standing = match account.user.standing {
        Standing::Merged { into } if Some(into) == owner => "merged into the owner".to_owned(),
        Standing::Merged { into } => panic!("merged into a stranger: {into}"),
        Standing::Anonymous | Standing::Regular | Standing::Deleted | Standing::Collected => {
            format!("{:?}", account.user.standing)
        }
    };
    let names = account.identities.iter().map(Identity::key).map(|key| match key {
        guestpass::model::IdentityKey::Anonymous => "anonymous",
        guestpass::model::IdentityKey::LoginId { .. } => "login ID",
        guestpass::model::IdentityKey::OAuth { .. } => "account elsewhere",
    });
    let names: Vec<_> = names.collect();
    let sessions = run(world.engine.sessions(user, None, MAX_PORTION)).unwrap().sessions.len();
    let (has_password, is_disabled) = (account.password().is_some(), account.user.is_disabled);
    let retired: Vec<_> = account.retired_keys.iter().map(|key| key.outcome).collect();
    let history = history(world, user, since);
    format!(
        "{standing}, {names:?}, password: {has_password}, disabled: {is_disabled}, \
         retired: {retired:?}, sessions: {sessions}, {history:?}"
    )
}

fn history(world: &World, user: UserId, since: EventCursor) -> Vec<String> {
    let (mut told, mut after) = (Vec::new(), since);
    loop {
        let portion = run(world.engine.events(after, MAX_PORTION)).unwrap();
        let Some((last, _)) = portion.last() else { return told };
        after = *last;
        let own = portion.iter().map(|(_, event)| event).filter(|event| event.user == user);
        told.extend(own.map(|event| {
            // What was drawn is left out.
            if let EventKind::SignedIn { method, .. } = event.kind {
                format!("signed in by {method:?}")
            } else if let EventKind::Merged { .. } = event.kind {
                "merged".to_owned()
            } else {
                format!("{:?}", event.kind)
            }
        }));
    }
}

fn let_in(result: &Result<SignedIn, Error>) -> String {
    match result {
        Ok(signed_in) => {
            let outcome = format!("{:?}", signed_in.outcome);
            outcome.split(' ').next().unwrap().to_owned()
        }
        Err(error) => why(error),
    }
}

fn why(error: &Error) -> String {
    error.rejection().unwrap_or_else(|| panic!("{error:?}")).code().to_owned()
}

const CHANGED: &str = "a changed password";
const SET: &str = "a password that was set";
