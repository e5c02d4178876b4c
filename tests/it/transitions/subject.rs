//! A user in each standing, and what it has to show.

use guestpass::credential::Action;
use guestpass::engine::FlowStart;
use guestpass::model::{KeyName, Standing, UserId};
use guestpass::rules::OnConflict;
use guestpass::{Engine, Error, Guest, Open, Opened, SignedIn};

use crate::support::{Device, Held, Place, World, code_for, cookie, days, password, refresh, run};

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

/// What a subject was given the last time that it was let in, or asked for as a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// A cookie session.
    Cookie,
    /// A refresh-token session, and an access token of it.
    Tokens,
    /// An authorization code.
    Code,
    /// An authorization code that was redeemed.
    SpentCode,
    /// A cookie session, and a promotion code as a guest. Who has a device key gets none.
    PromotionCode,
    /// A cookie session, and a flow that was begun as a guest.
    Flow,
}

/// A user in one standing, with what it had as a guest and has now.
pub(crate) struct Subject {
    pub(super) world: World,
    pub(super) device: Device,
    /// Nobody has this one's key, or the subject has it or had it.
    pub(super) user: Option<UserId>,
    given: Given,
    /// The last session that the subject was given, if it is one; else a session of nobody.
    held: Option<Held>,
    /// The access token, code or ticket that it was given.
    pub(super) text: String,
    /// What the subject has shown as a guest, while it was one.
    guest: Option<Guest>,
}

impl Subject {
    pub(crate) fn new(place: Place, standing: &str, given: Given) -> Self {
        let world = World::new(place);
        world.regular("other");
        let mut subject = Self {
            world,
            device: Device::new(1),
            user: None,
            given,
            held: None,
            text: String::new(),
            guest: None,
        };
        let is_without_key = matches!(standing, "guest" | "guest past its fence" | "collected")
            || given == Given::PromotionCode && standing != "guest with key";
        subject.come_as_guest(is_without_key);
        subject.become_what(standing);
        assert_eq!(subject.standing(), standing);
        subject
    }

    fn come_as_guest(&mut self, is_without_key: bool) {
        let engine = &self.world.engine;
        let signed_up = if is_without_key {
            run(engine.sign_up_anonymously(self.open(), None))
        } else {
            let request = self.device.request(engine, Action::Auth);
            run(engine.sign_in_with_device_key(&request, self.open(), None))
        };
        self.take(signed_up.unwrap());
        let engine = &self.world.engine;
        self.guest = self.held.as_ref().map(|held| self.world.by_session(held));
        match self.given {
            Given::PromotionCode if is_without_key => {
                self.text = run(engine.promotion_code(&self.held().token)).unwrap().text;
            }
            Given::Flow => {
                let shown = if is_without_key {
                    run(engine.promotion_code(&self.held().token)).unwrap().text
                } else {
                    self.device.request(engine, Action::Promote)
                };
                let start = if is_without_key {
                    FlowStart::PromotionCode(&shown)
                } else {
                    FlowStart::SignedRequest(&shown)
                };
                self.text = run(engine.open_flow(start, &[])).unwrap().ticket.text;
            }
            Given::Cookie
            | Given::Tokens
            | Given::Code
            | Given::SpentCode
            | Given::PromotionCode => {}
        }
    }

    fn become_what(&mut self, standing: &str) {
        let user = self.user.unwrap();
        let engine = self.world.engine.clone();
        match standing {
            "absent" => {
                if let Some(held) = &self.held {
                    run(engine.sign_out(&held.token)).unwrap();
                }
                self.device = Device::new(2);
                self.user = None;
                self.guest = None;
                if self.given != Given::Tokens {
                    "none of ours".clone_into(&mut self.text);
                }
            }
            "guest" | "guest with key" => {}
            "disabled guest" => run(engine.disable(user)).unwrap(),
            "guest past its fence" => self.world.advance(days(40)),
            "regular" => self.be_promoted(),
            "disabled regular" => {
                self.be_promoted();
                run(engine.disable(user)).unwrap();
            }
            "merged" => {
                let proof = self.proof().unwrap();
                run(self.login().promote(&proof, password("other"), cookie(), None)).unwrap();
            }
            "deleted" => run(engine.delete(user)).unwrap(),
            "collected" => {
                run(engine.sign_out_all(user)).unwrap();
                run(engine.sweep(100)).unwrap();
            }
            other => panic!("no standing is called {other}"),
        }
    }

    fn be_promoted(&mut self) {
        let proof = self.proof().unwrap();
        let promoted =
            run(self.world.engine.promote(&proof, password("subject"), self.open(), None));
        self.take(promoted.unwrap());
    }

    /// What is to be opened for it.
    fn open(&self) -> Open {
        match self.given {
            Given::Cookie | Given::PromotionCode | Given::Flow => cookie(),
            Given::Tokens => refresh("app"),
            Given::Code | Given::SpentCode => code_for("app"),
        }
    }

    /// Takes what it was given when it was let in.
    fn take(&mut self, signed_in: SignedIn) {
        self.user = Some(signed_in.user.id);
        match signed_in.opened {
            Opened::Session { .. } => {
                let held = Held::from(signed_in);
                if self.given == Given::Tokens {
                    self.text = self.world.access_token(&held);
                }
                self.held = Some(held);
            }
            Opened::Code(code) => {
                if self.given == Given::SpentCode {
                    self.held = Some(self.world.redeem(&code.text, "app").unwrap());
                }
                self.text = code.text;
            }
        }
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

    pub(super) fn held(&self) -> &Held {
        self.held.as_ref().unwrap()
    }

    pub(super) fn login(&self) -> Engine {
        self.world.engine_with(|policy| policy.anonymous.on_conflict = OnConflict::Login)
    }

    /// What the subject shows as a guest now: a signed request if it has or had a key, else what it
    /// showed while it was one.
    pub(super) fn proof(&self) -> Result<Guest, Error> {
        let request = self.device.request(&self.world.engine, Action::Promote);
        match run(self.world.engine.guest_by_key(&request)) {
            Err(error) => self.guest.clone().ok_or(error),
            proof => proof,
        }
    }

    /// Whether it is there and has no key, nor had one.
    pub(super) fn never_had_key(&self) -> bool {
        self.user.is_some() && !self.has_or_had_key()
    }

    pub(super) fn has_or_had_key(&self) -> bool {
        self.user.is_some_and(|user| {
            let account = self.world.account(user);
            account.device_key().is_some() || !account.retired_keys.is_empty()
        })
    }

    /// The user, or an ID that nobody has.
    pub(super) fn id(&self) -> UserId {
        self.user.unwrap_or(UserId::from_bytes([7; 16]))
    }
}
