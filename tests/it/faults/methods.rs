//! Every method of the engine that waits for something, in every way in which it makes a difference.

use std::collections::BTreeSet;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use guestpass::Error;
use guestpass::engine::FlowStart;
use guestpass::model::{EventCursor, ProvenIdentity};

use super::cast::{Answer, Cast};
use crate::support::{
    PASSWORD, REDIRECT_URI, VERIFIER, app, code_for, cookie, email, password, proven, refresh,
};

/// A call of a method.
pub(super) struct Method {
    /// The methods that it is a test of, with blanks between them.
    pub(super) names: &'static str,
    /// What it is about, where one method is called in several ways.
    pub(super) way: &'static str,
    /// What is shown with it.
    pub(super) shows: Shows,
    /// Whether passwords that are verified are hashed anew.
    pub(super) makes_other_hashes: bool,
    /// Calls it, for the first time or the second.
    pub(super) call: for<'a> fn(&'a Cast, usize) -> Calling<'a>,
}

/// A call under way.
pub(super) type Calling<'a> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>>;

/// What whoever calls shows, besides what is there for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    Nothing,
    Key,
    NewKey,
    ForgedKey,
    KeyToPromote,
}

impl Method {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.names, self.way)
    }

    /// Whether a second call does what the first has left to do and no more.
    pub(super) fn is(&self, names: &str) -> bool {
        self.names == names
    }
}

macro_rules! call {
    ($names:literal, $way:literal, $shows:ident, |$cast:ident, $time:ident| $body:expr) => {
        Method {
            names: $names,
            way: $way,
            shows: Shows::$shows,
            makes_other_hashes: false,
            call: |$cast, $time| {
                Box::pin(async move {
                    // Not all of them have a use for it.
                    let _ = $time;
                    $body
                })
            },
        }
    };
}

/// All of them.
pub(super) const METHODS: &[Method] = &[
    call!("sign_up_anonymously", "by cookie", Nothing, |cast, time| {
        cast.engine.sign_up_anonymously(cookie(), None).await.map(Answer::signed_in)
    }),
    call!("sign_up_anonymously", "for a code", Nothing, |cast, time| {
        cast.engine.sign_up_anonymously(code_for("app"), None).await.map(Answer::signed_in)
    }),
    call!("sign_up", "as somebody new", Nothing, |cast, time| {
        cast.engine.sign_up(password("new"), cookie(), None).await.map(Answer::signed_in)
    }),
    call!("sign_up", "as somebody proven", Nothing, |cast, time| {
        cast.engine.sign_up(proven("new"), refresh("two"), None).await.map(Answer::signed_in)
    }),
    call!("sign_up", "as somebody who is there", Nothing, |cast, time| {
        cast.engine.sign_up(password("owner"), cookie(), None).await.map(Answer::signed_in)
    }),
    call!("sign_in", "by password", Nothing, |cast, time| {
        cast.engine.sign_in(password("owner"), None, cookie(), None).await.map(Answer::signed_in)
    }),
    call!("sign_in", "with more sessions than there may be", Nothing, |cast, time| {
        cast.engine
            .sign_in(password("owner"), None, refresh("two"), None)
            .await
            .map(Answer::signed_in)
    }),
    call!("sign_in", "for a code", Nothing, |cast, time| {
        let open = code_for("app");
        cast.engine.sign_in(password("owner"), None, open, None).await.map(Answer::signed_in)
    }),
    call!("sign_in", "by a proof that ends the password", Nothing, |cast, time| {
        cast.engine.sign_in(proven("owner"), None, cookie(), None).await.map(Answer::signed_in)
    }),
    call!("guest_by_session sign_in", "as a guest", Nothing, |cast, time| {
        let guest = cast.engine.guest_by_session(&cast.rival.token).await?;
        let credential = password("owner");
        cast.engine.sign_in(credential, Some(&guest), cookie(), None).await.map(Answer::signed_in)
    }),
    Method {
        makes_other_hashes: true,
        ..call!("sign_in", "with a hash to renew", Nothing, |cast, time| {
            cast.engine
                .sign_in(password("owner"), None, cookie(), None)
                .await
                .map(Answer::signed_in)
        })
    },
    call!("sign_in_with_device_key", "that is known", Key, |cast, time| {
        let request = &cast.shown[time];
        cast.engine.sign_in_with_device_key(request, cookie(), None).await.map(Answer::signed_in)
    }),
    call!("sign_in_with_device_key", "that is new", NewKey, |cast, time| {
        let request = &cast.shown[time];
        cast.engine
            .sign_in_with_device_key(request, refresh("app"), None)
            .await
            .map(Answer::signed_in)
    }),
    call!("sign_in_with_device_key", "that is another's", ForgedKey, |cast, time| {
        let request = &cast.shown[time];
        cast.engine.sign_in_with_device_key(request, cookie(), None).await.map(Answer::signed_in)
    }),
    call!("guest_by_session promote", "", Nothing, |cast, time| {
        let guest = cast.engine.guest_by_session(&cast.rival.token).await?;
        cast.engine.promote(&guest, password("ada"), cookie(), None).await.map(Answer::signed_in)
    }),
    call!("guest_by_session promote", "for a code", Nothing, |cast, time| {
        let guest = cast.engine.guest_by_session(&cast.rival.token).await?;
        let open = code_for("app");
        cast.engine.promote(&guest, password("ada"), open, None).await.map(Answer::signed_in)
    }),
    call!("guest_by_key promote", "", KeyToPromote, |cast, time| {
        let guest = cast.engine.guest_by_key(&cast.shown[time]).await?;
        cast.engine
            .promote(&guest, password("ada"), refresh("app"), None)
            .await
            .map(Answer::signed_in)
    }),
    call!("guest_by_key promote", "into somebody else", KeyToPromote, |cast, time| {
        let guest = cast.engine.guest_by_key(&cast.shown[time]).await?;
        let credential = password("owner");
        cast.engine.promote(&guest, credential, refresh("two"), None).await.map(Answer::signed_in)
    }),
    call!("guest_by_session promote", "into somebody else by a proof", Nothing, |cast, time| {
        let guest = cast.engine.guest_by_session(&cast.rival.token).await?;
        cast.engine.promote(&guest, proven("owner"), cookie(), None).await.map(Answer::signed_in)
    }),
    call!("open_flow promote", "in a flow from a code", Nothing, |cast, time| {
        // Where a code is spent and no flow is open, another code is asked for.
        let code = match time {
            0 => cast.promotion_code.clone(),
            _ => cast.engine.promotion_code(&cast.rival.token).await?.text,
        };
        let start = FlowStart::PromotionCode(&code);
        let flow = cast.engine.open_flow(start, b"payload").await?;
        let guest = cast.engine.flow(&flow.ticket.text)?.guest.unwrap();
        cast.engine.promote(&guest, password("ada"), cookie(), None).await.map(Answer::signed_in)
    }),
    call!("open_flow", "from a signed request", KeyToPromote, |cast, time| {
        let start = FlowStart::SignedRequest(&cast.shown[time]);
        cast.engine.open_flow(start, &[]).await.map(|_| Answer::word("opened"))
    }),
    call!("open_flow", "from nothing", Nothing, |cast, time| {
        cast.engine.open_flow(FlowStart::Plain, &[]).await.map(|_| Answer::word("opened"))
    }),
    call!("redeem_code", "", Nothing, |cast, time| {
        let code = &cast.code;
        cast.engine.redeem_code(code, &app(), REDIRECT_URI, VERIFIER).await.map(Answer::signed_in)
    }),
    call!("authenticate", "a guest", Nothing, |cast, time| {
        cast.engine.authenticate(&cast.rival.token).await.map(|_| Answer::word("counts"))
    }),
    call!("authenticate", "a user", Nothing, |cast, time| {
        cast.engine.authenticate(&cast.owner.token).await.map(|_| Answer::word("counts"))
    }),
    call!("authenticate_access", "", Nothing, |cast, time| {
        cast.engine.authenticate_access(&cast.access).await.map(|_| Answer::word("counts"))
    }),
    call!("refresh", "", Nothing, |cast, time| {
        let caller = cast.engine.refresh(&cast.app.token, &app()).await?;
        let access = cast.engine.access_token(&caller)?;
        cast.engine.id_token(&caller, &app(), None)?;
        cast.engine.authenticate_access(&access.text).await.map(|_| Answer::word("counts"))
    }),
    call!("promotion_code", "", Nothing, |cast, time| {
        cast.engine.promotion_code(&cast.rival.token).await.map(|_| Answer::word("issued"))
    }),
    call!("guest_by_session", "", Nothing, |cast, time| {
        cast.engine.guest_by_session(&cast.rival.token).await.map(|_| Answer::word("a guest"))
    }),
    call!("guest_by_key", "", KeyToPromote, |cast, time| {
        cast.engine.guest_by_key(&cast.shown[time]).await.map(|_| Answer::word("a guest"))
    }),
    call!("sessions", "", Nothing, |cast, time| {
        let listed = cast.engine.sessions(cast.owner.user, None, 100).await?;
        Ok(Answer::word(listed.sessions.len().to_string()))
    }),
    call!("user_info", "", Nothing, |cast, time| {
        let info = cast.engine.user_info(cast.owner.user).await?;
        Ok(Answer::word(info.email.unwrap()))
    }),
    call!("has_become_regular", "", Nothing, |cast, time| {
        let has = cast.engine.has_become_regular(&cast.rival.token).await?;
        Ok(Answer::word(has.to_string()))
    }),
    call!("user", "", Nothing, |cast, time| {
        let user = cast.engine.user(cast.owner.user).await?;
        Ok(Answer::word(format!("{:?}", user.unwrap().standing)))
    }),
    call!("caller_info", "", Nothing, |cast, time| {
        let caller = cast.engine.authenticate(&cast.owner.token).await?;
        let info = cast.engine.caller_info(&caller).await?;
        Ok(Answer::word(info.email.unwrap()))
    }),
    call!("find", "", Nothing, |cast, time| {
        let found = cast.engine.find(&(&email("owner")).into()).await?;
        Ok(Answer::word((found == Some(cast.owner.user)).to_string()))
    }),
    call!("events", "", Nothing, |cast, time| {
        let events = cast.engine.events(EventCursor::START, 3).await?;
        Ok(Answer::word(events.len().to_string()))
    }),
    call!("forget_events", "", Nothing, |cast, time| {
        let forgotten = cast.engine.forget_events(EventCursor::START, 10).await?;
        Ok(Answer::word(forgotten.to_string()))
    }),
    call!("sign_out", "a guest for good", Nothing, |cast, time| {
        cast.engine.sign_out(&cast.rival.token).await.map(|done| Answer::word(done.to_string()))
    }),
    call!("sign_out", "a user", Nothing, |cast, time| {
        cast.engine.sign_out(&cast.owner.token).await.map(|done| Answer::word(done.to_string()))
    }),
    call!("sign_out_access", "", Nothing, |cast, time| {
        cast.engine.sign_out_access(&cast.access).await.map(|done| Answer::word(done.to_string()))
    }),
    call!("sign_out_session", "", Nothing, |cast, time| {
        let (user, session) = (cast.rival.user, cast.rival.session.id);
        let done = cast.engine.sign_out_session(user, session).await?;
        Ok(Answer::word(done.to_string()))
    }),
    call!("sign_out_all", "a guest", Nothing, |cast, time| {
        cast.engine.sign_out_all(cast.rival.user).await.map(|()| Answer::word("done"))
    }),
    call!("sign_out_all", "a user", Nothing, |cast, time| {
        cast.engine.sign_out_all(cast.owner.user).await.map(|()| Answer::word("done"))
    }),
    call!("change_password", "", Nothing, |cast, time| {
        let token = &cast.owner.token;
        cast.engine
            .change_password(token, PASSWORD, CHANGED, None)
            .await
            .map(|()| Answer::word("done"))
    }),
    call!("set_password", "", Nothing, |cast, time| {
        let identity = ProvenIdentity::login_id(email("owner"));
        cast.engine.set_password(identity, CHANGED).await.map(|_| Answer::word("done"))
    }),
    call!("confirm_identity", "", Nothing, |cast, time| {
        let identity = ProvenIdentity::login_id(email("owner"));
        cast.engine
            .confirm_identity(&cast.owner.token, &identity)
            .await
            .map(|()| Answer::word("done"))
    }),
    call!("disable", "a guest", Nothing, |cast, time| {
        cast.engine.disable(cast.rival.user).await.map(|()| Answer::word("done"))
    }),
    call!("disable", "a user", Nothing, |cast, time| {
        cast.engine.disable(cast.owner.user).await.map(|()| Answer::word("done"))
    }),
    call!("disable enable", "a guest", Nothing, |cast, time| {
        cast.engine.disable(cast.guest.user).await?;
        cast.engine.enable(cast.guest.user).await.map(|()| Answer::word("done"))
    }),
    call!("delete", "a guest", Nothing, |cast, time| {
        cast.engine.delete(cast.guest.user).await.map(|()| Answer::word("done"))
    }),
    call!("delete", "a user", Nothing, |cast, time| {
        cast.engine.delete(cast.owner.user).await.map(|()| Answer::word("done"))
    }),
    call!("sign_out_all sweep", "", Nothing, |cast, time| {
        cast.engine.sign_out_all(cast.rival.user).await?;
        let swept = cast.engine.sweep(100).await?;
        // Who is left for the next sweep is left because of a fault.
        let word = if 0 < swept.left { "store".to_owned() } else { swept.guests.to_string() };
        Ok(Answer::word(word))
    }),
];

/// The methods that wait, as they stand in the source.
pub(crate) fn in_the_source() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine");
    let mut found = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let source = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in source.lines() {
            let Some(rest) = line.trim_start().strip_prefix("pub async fn ") else { continue };
            found.insert(rest.split(['(', '<']).next().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn every_method_that_waits_meets_with_faults() {
    let called: BTreeSet<String> =
        METHODS.iter().flat_map(|method| method.names.split(' ')).map(str::to_owned).collect();
    // Opening the keys asks the store one question, and has tests of its own.
    let all: BTreeSet<String> =
        in_the_source().into_iter().filter(|name| name != "keyring_for").collect();
    assert!(20 < all.len(), "{all:?}");
    assert_eq!(called, all);
}

/// A password that the owner has after a change.
const CHANGED: &str = "a changed password";
