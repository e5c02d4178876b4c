//! A backup that somebody has stolen: what its keys and its database make until the keys end, and what the
//! operator has to end by name afterwards.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use guestpass::Rejection;
use guestpass::credential::{
    AccessToken, Keyring, Purpose, Subject, Ticket, TicketPurpose, Tickets,
};
use guestpass::engine::FlowStart;
use guestpass::model::{EventKind, Nonce, SystemEntropy};
use guestpass::store::sqlite::SqliteBackend;
use tempfile::TempDir;

use crate::support::{
    Counting, Held, START, World, app, code_for, password, refresh, refused, run, scratch_directory,
};

/// An application whose keys are in a file.
struct Installation {
    world: World,
    keyring: Keyring,
    directory: TempDir,
}

impl Installation {
    fn new() -> Self {
        let directory = scratch_directory();
        let keyring = Keyring::open(directory.path().join("keyring")).unwrap();
        let backend = SqliteBackend::open(directory.path().join("users.db")).unwrap();
        let backend = Arc::new(backend);
        let world = World::over(backend, keyring.clone(), Counting::default(), |_| {});
        Self { world, keyring, directory }
    }

    fn rotate(&self, keep_for: Duration) {
        for purpose in [Purpose::Ticket, Purpose::AccessToken, Purpose::IdToken, Purpose::Lookup] {
            let now = self.world.clock_now();
            self.keyring.rotate(purpose, keep_for, now, &SystemEntropy).unwrap();
        }
    }

    /// The keys in use, as somebody has them who has copied the file.
    fn steal_keys(&self, name: &str) -> Keyring {
        let copy = self.directory.path().join(name);
        fs::copy(self.directory.path().join("keyring"), &copy).unwrap();
        Keyring::open_existing(copy).unwrap()
    }

    /// A code of the thief's own, to be altered.
    fn code(&self) -> String {
        let signed_in = self.world.engine.sign_in(password("thief"), None, code_for("app"), None);
        World::issued(run(signed_in).unwrap())
    }
}

/// An access token for a session of which the database tells.
fn access_token(keys: &Keyring, of: &Held) -> String {
    let token = AccessToken {
        digest: of.session.digest,
        user: of.user,
        epoch: of.session.epoch,
        client: None,
        expires_at: START.plus(DAY),
    };
    token.seal(keys)
}

/// A code for somebody else, out of one that was issued to the thief.
fn code(keys: &Keyring, own: &str, of: &Held, nonce: u8) -> String {
    let mut ticket =
        Tickets::durable(keys).open(own, TicketPurpose::AuthorizationCode, START).unwrap();
    ticket.nonce = Nonce([nonce; 16]);
    ticket.subject = Some(subject(of));
    Tickets::durable(keys).seal(&ticket).unwrap()
}

fn promotion_code(keys: &Keyring, of: &Held, nonce: u8) -> String {
    let ticket = Ticket {
        purpose: TicketPurpose::PromotionCode,
        nonce: Nonce([nonce; 16]),
        expires_at: START.plus(MINUTE),
        subject: Some(subject(of)),
        payload: Vec::new(),
    };
    Tickets::durable(keys).seal(&ticket).unwrap()
}

fn subject(of: &Held) -> Subject {
    Subject { user: of.user, epoch: of.session.epoch }
}

#[test]
fn what_is_forged_by_stolen_keys_ends_with_them_and_who_was_signed_in_stays() {
    let at_home = Installation::new();
    let world = &at_home.world;
    let (ada, guest) = (world.regular("ada"), world.guest());
    world.regular("thief");
    let (retired_keys, own) = (at_home.steal_keys("retired"), at_home.code());
    at_home.rotate(MINUTE * 70);
    let keys = [(retired_keys, own), (at_home.steal_keys("in use"), at_home.code())];

    let open_flow = |code: &str| run(world.engine.open_flow(FlowStart::PromotionCode(code), b""));
    for ((keys, own), nonce) in keys.iter().zip([1, 2]) {
        let access_token = access_token(keys, &ada);
        assert_eq!(run(world.engine.authenticate_access(&access_token)).unwrap().user.id, ada.user);
        assert_eq!(world.redeem(&code(keys, own, &ada, nonce), "app").unwrap().user, ada.user);
        open_flow(&promotion_code(keys, &guest, 10 + nonce)).unwrap();
    }
    at_home.rotate(Duration::ZERO);
    for ((keys, own), nonce) in keys.iter().zip([3, 4]) {
        let access = run(world.engine.authenticate_access(&access_token(keys, &ada)));
        assert_eq!(refused(access), Rejection::AccessTokenInvalid);
        let redeemed = world.redeem(&code(keys, own, &ada, nonce), "app");
        assert_eq!(refused(redeemed), Rejection::TicketInvalid);
        let flow = open_flow(&promotion_code(keys, &guest, 10 + nonce));
        assert_eq!(refused(flow), Rejection::TicketInvalid);
    }
    for held in [&ada, &guest] {
        assert_eq!(world.ended(held), None);
    }
}

/// No key has made it, and no event names it: a code is told of when it is issued.
#[test]
fn a_session_that_was_opened_by_a_forged_code_goes_on_until_it_is_ended_by_name() {
    let at_home = Installation::new();
    let world = &at_home.world;
    let (ada, guest) = (world.regular("ada"), world.guest());
    world.regular("thief");
    world.advance(MINUTE);
    let (keys, own) = (at_home.steal_keys("stolen"), at_home.code());
    let theft = world.clock_now();
    let of_ada = world.redeem(&code(&keys, &own, &ada, 1), "app").unwrap();
    let of_guest = world.redeem(&code(&keys, &own, &guest, 2), "app").unwrap();
    at_home.rotate(Duration::ZERO);

    assert_eq!(world.history(ada.user), [EventKind::SignedUp]);
    for (forged, own) in [(&of_ada, &ada), (&of_guest, &guest)] {
        assert!(run(world.engine.refresh(&forged.token, &app())).is_ok());
        let sessions = run(world.engine.sessions(own.user, None, 100)).unwrap().sessions;
        let since = sessions.iter().filter(|session| theft <= session.created_at);
        let since: Vec<_> = since.map(|session| session.id).collect();
        assert_eq!(since, [forged.session.id]);
    }

    // A guest has nothing but its session, which must not end with the thief's.
    assert!(run(world.engine.sign_out_session(guest.user, of_guest.session.id)).unwrap());
    assert_eq!(world.ended(&of_guest), Some(Rejection::SessionUnknown));
    assert_eq!(world.ended(&guest), None);
    // Everybody else comes back.
    run(world.engine.sign_out_all(ada.user)).unwrap();
    assert_eq!(world.ended(&of_ada), Some(Rejection::SessionSuperseded));
    assert_eq!(world.sign_in(password("ada")).unwrap().user, ada.user);
}

/// What is in an access token can be read, and the keys prolong it for as long as the session is there.
#[test]
fn the_keys_alone_prolong_an_old_token_until_they_end() {
    let at_home = Installation::new();
    let world = &at_home.world;
    let ada: Held =
        run(world.engine.sign_up(password("ada"), refresh("app"), None)).unwrap().into();
    let old = world.access_token(&ada);
    world.advance(MINUTE * 60);
    assert_eq!(refused(run(world.engine.authenticate_access(&old))), Rejection::AccessTokenExpired);
    let keys = at_home.steal_keys("stolen");
    let token = AccessToken::open(&old, &keys, START).unwrap();
    let prolonged = AccessToken { expires_at: START.plus(DAY), ..token }.seal(&keys);
    assert_eq!(run(world.engine.authenticate_access(&prolonged)).unwrap().user.id, ada.user);
    at_home.rotate(Duration::ZERO);
    let prolonged = run(world.engine.authenticate_access(&prolonged));
    assert_eq!(refused(prolonged), Rejection::AccessTokenInvalid);
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
