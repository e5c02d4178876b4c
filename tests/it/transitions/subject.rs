//! A user in each standing, and what can be done to one.

use guestpass::credential::Action;
use guestpass::model::{KeyName, ProvenIdentity, Standing, UserId};
use guestpass::rules::OnConflict;
use guestpass::{Credential, Engine, Error, Guest, SignedIn};

use crate::support::{Device, Held, PASSWORD, Place, World, cookie, days, email, password, run};

pub(crate) const STANDINGS: [&str; 10] = [
    "absent",
    "guest",
    "guest with key",
    "disabled guest",
    "guest past its fence",
    "regular",
    "disabled regular",
    "merged",
    "deleted",
    "collected",
];

/// Does something to a subject, and says what was answered.
type Perform = fn(&Subject) -> String;

pub(crate) const ACTIONS: [(&str, Perform); 15] = [
    ("sign in with the device key", Subject::sign_in_with_key),
    ("authenticate a session", Subject::authenticate),
    ("promote, new identity", Subject::promote_new),
    ("promote, same identity", Subject::promote_same),
    ("promote, taken identity, `error`", Subject::promote_taken_error),
    ("promote, taken identity, `login`", Subject::promote_taken_login),
    ("sign in as another while a guest, `error`", Subject::sign_in_error),
    ("sign in as another while a guest, `login`", Subject::sign_in_login),
    ("sign out everywhere", Subject::sign_out_all),
    ("change the password", Subject::change_password),
    ("set the password", Subject::set_password),
    ("disable", Subject::disable),
    ("enable", Subject::enable),
    ("delete", Subject::delete),
    ("sweep", Subject::sweep),
];

/// A user in one standing, with what it had as a guest and has now.
pub(crate) struct Subject {
    world: World,
    device: Device,
    /// Nobody has this one's key, or the subject has it or had it.
    user: Option<UserId>,
    /// The last session that the subject was given, if it is one; else a session of nobody.
    held: Held,
    /// What the subject has shown as a guest, while it was one.
    guest: Option<Guest>,
}

impl Subject {
    pub(crate) fn new(place: Place, standing: &str) -> Self {
        let world = World::new(place);
        world.regular("other");
        let device = Device::new(1);
        let without_key = matches!(standing, "guest" | "guest past its fence" | "collected");
        let held = if without_key { world.guest() } else { world.guest_on(&device) };
        let guest = world.by_session(&held);
        let user = held.user;
        let mut subject = Self { world, device, user: Some(user), held, guest: Some(guest) };
        let (world, engine) = (&subject.world, &subject.world.engine);
        match standing {
            "absent" => {
                run(engine.sign_out(&subject.held.token)).unwrap();
                subject.device = Device::new(2);
                subject.user = None;
                subject.guest = None;
            }
            "guest" | "guest with key" => {}
            "disabled guest" => run(engine.disable(user)).unwrap(),
            "guest past its fence" => world.advance(days(40)),
            "regular" => subject.held = subject.promoted(),
            "disabled regular" => {
                subject.held = subject.promoted();
                run(subject.world.engine.disable(user)).unwrap();
            }
            "merged" => {
                let login = subject.login();
                run(login.promote(&subject.proof().unwrap(), password("other"), cookie(), None))
                    .unwrap();
            }
            "deleted" => run(engine.delete(user)).unwrap(),
            "collected" => {
                run(engine.sign_out_all(user)).unwrap();
                run(engine.sweep(100)).unwrap();
            }
            other => panic!("no standing is called {other}"),
        }
        assert_eq!(subject.standing(), standing);
        subject
    }

    /// The answer, and the standing after it if that is another.
    pub(crate) fn after(&self, before: &str, answer: &str) -> String {
        let after = self.standing();
        if after == before { answer.to_owned() } else { format!("{answer}, then {after}") }
    }

    fn standing(&self) -> &'static str {
        let by_key = || {
            let key = KeyName::Thumbprint(&self.device.key.thumbprint);
            run(self.world.backend.users().key(key)).unwrap().map(|record| record.user)
        };
        let Some(user) = self.user.or_else(by_key) else { return "absent" };
        let account = self.world.account(user);
        let is_past = account.user.ends_at.is_some_and(|end| end <= self.world.clock_now());
        match (account.user.standing, account.user.is_disabled) {
            (Standing::Anonymous, true) => "disabled guest",
            (Standing::Anonymous, false) if is_past => "guest past its fence",
            (Standing::Anonymous, false) if account.device_key().is_some() => "guest with key",
            (Standing::Anonymous, false) => "guest",
            (Standing::Regular, false) => "regular",
            (Standing::Regular, true) => "disabled regular",
            (Standing::Merged { .. }, _) => "merged",
            (Standing::Deleted, _) => "deleted",
            (Standing::Collected, _) => "collected",
        }
    }

    fn promoted(&self) -> Held {
        self.world.promote(&self.proof().unwrap(), password("subject")).unwrap()
    }

    fn login(&self) -> Engine {
        self.world.engine_with(|policy| policy.anonymous.on_conflict = OnConflict::Login)
    }

    /// What the subject shows as a guest now: a signed request if it has or had a key, else what it
    /// showed while it was one.
    fn proof(&self) -> Result<Guest, Error> {
        let request = self.device.request(&self.world.engine, Action::Promote);
        match run(self.world.engine.guest_by_key(&request)) {
            Err(error) => self.guest.clone().ok_or(error),
            proof => proof,
        }
    }

    fn sign_in_with_key(&self) -> String {
        let has_none = self.user.is_some_and(|user| {
            let account = self.world.account(user);
            account.device_key().is_none() && account.retired_keys.is_empty()
        });
        if has_none {
            return "n/a".to_owned();
        }
        let request = self.device.request(&self.world.engine, Action::Auth);
        outcome(run(self.world.engine.sign_in_with_device_key(&request, cookie(), None)))
    }

    fn authenticate(&self) -> String {
        done(self.world.authenticate(&self.held))
    }

    fn promote(&self, engine: &Engine, credential: Credential) -> String {
        match self.proof() {
            Ok(proof) => outcome(run(engine.promote(&proof, credential, cookie(), None))),
            Err(error) => refusal(&error),
        }
    }

    fn promote_new(&self) -> String {
        self.promote(&self.world.engine, password("new"))
    }

    fn promote_same(&self) -> String {
        self.promote(&self.world.engine, password("subject"))
    }

    fn promote_taken_error(&self) -> String {
        self.promote(&self.world.engine, password("other"))
    }

    fn promote_taken_login(&self) -> String {
        self.promote(&self.login(), password("other"))
    }

    fn sign_in_as_other(&self, engine: &Engine) -> String {
        let guest = self.proof().ok();
        outcome(run(engine.sign_in(password("other"), guest.as_ref(), cookie(), None)))
    }

    fn sign_in_error(&self) -> String {
        self.sign_in_as_other(&self.world.engine)
    }

    fn sign_in_login(&self) -> String {
        self.sign_in_as_other(&self.login())
    }

    /// The user, or an ID that nobody has.
    fn id(&self) -> UserId {
        self.user.unwrap_or(UserId::from_bytes([7; 16]))
    }

    fn sign_out_all(&self) -> String {
        done(run(self.world.engine.sign_out_all(self.id())))
    }

    fn change_password(&self) -> String {
        let token = &self.held.token;
        done(run(self.world.engine.change_password(token, PASSWORD, "a new password", None)))
    }

    fn set_password(&self) -> String {
        let identity = ProvenIdentity::login_id(email("subject"));
        done(run(self.world.engine.set_password(identity, "a new password")))
    }

    fn disable(&self) -> String {
        done(run(self.world.engine.disable(self.id())))
    }

    fn enable(&self) -> String {
        done(run(self.world.engine.enable(self.id())))
    }

    fn delete(&self) -> String {
        done(run(self.world.engine.delete(self.id())))
    }

    fn sweep(&self) -> String {
        done(run(self.world.engine.sweep(100)))
    }
}

fn outcome(result: Result<SignedIn, Error>) -> String {
    match result {
        Ok(signed_in) => {
            let outcome = format!("{:?}", signed_in.outcome);
            let words = outcome.split(' ').next().unwrap();
            match words {
                "SignedUp" => "signed up",
                "SignedIn" | "Merged" => "signed in",
                "Promoted" => "promoted",
                other => panic!("{other}"),
            }
            .to_owned()
        }
        Err(error) => refusal(&error),
    }
}

fn done<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &Error) -> String {
    format!("`{}`", error.rejection().unwrap().code())
}
