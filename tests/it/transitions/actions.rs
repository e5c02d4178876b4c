//! What can be done to a user, and by one.

use guestpass::credential::Action;
use guestpass::engine::FlowStart;
use guestpass::http::Http;
use guestpass::model::{ProvenIdentity, SessionId, Standing, User};
use guestpass::{Caller, Credential, Engine, Error, Opened, SignedIn};
use http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use http::{Request, StatusCode};

use super::subject::{Given, Subject};
use crate::support::{
    PASSWORD, REDIRECT_URI, VERIFIER, app, code_for, cookie, email, password, proven, run,
};

/// One thing that can be done.
pub(crate) struct Deed {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// The methods of the engine that it calls, with blanks between them.
    pub(crate) methods: &'static str,
    /// What the subject has to show for it.
    pub(crate) takes: Given,
    /// Does it to a subject, and says what was answered.
    pub(crate) perform: fn(&Subject) -> String,
}

const fn deed(
    name: &'static str,
    methods: &'static str,
    takes: Given,
    perform: fn(&Subject) -> String,
) -> Deed {
    Deed { name, methods, takes, perform }
}

/// All of them, in the order of the table.
pub(crate) const DEEDS: &[Deed] = &[
    deed("sign up, new identity", "sign_up", Given::Cookie, |subject| {
        outcome(run(subject.world.engine.sign_up(password("new"), cookie(), None)))
    }),
    deed("sign up, same identity", "sign_up", Given::Cookie, |subject| {
        outcome(run(subject.world.engine.sign_up(password("subject"), cookie(), None)))
    }),
    deed("sign up, same identity, other password", "sign_up", Given::Cookie, |subject| {
        let credential = Credential::password(email("subject"), "another password");
        outcome(run(subject.world.engine.sign_up(credential, cookie(), None)))
    }),
    deed("sign up, same identity, proven", "sign_up", Given::Cookie, |subject| {
        outcome(run(subject.world.engine.sign_up(proven("subject"), cookie(), None)))
    }),
    deed("sign up as a guest", "sign_up_anonymously", Given::Cookie, |subject| {
        outcome(run(subject.world.engine.sign_up_anonymously(cookie(), None)))
    }),
    deed(
        "sign up as a guest, with the session's cookie",
        "sign_up_anonymously authenticate",
        Given::Cookie,
        sign_up_with_cookie,
    ),
    deed("sign in with the device key", "sign_in_with_device_key", Given::Cookie, |subject| {
        sign_in_with_key(subject, cookie())
    }),
    deed(
        "sign in with the device key, for a code",
        "sign_in_with_device_key redeem_code",
        Given::Cookie,
        |subject| sign_in_with_key(subject, code_for("app")),
    ),
    deed("sign in with the password", "sign_in", Given::Cookie, |subject| {
        outcome(run(subject.world.engine.sign_in(password("subject"), None, cookie(), None)))
    }),
    deed(
        "sign in with the password, for a code",
        "sign_in redeem_code",
        Given::Cookie,
        |subject| {
            let open = code_for("app");
            let signed_in =
                run(subject.world.engine.sign_in(password("subject"), None, open, None));
            redeemed(subject, signed_in)
        },
    ),
    deed("sign in with a proof of the identity", "sign_in", Given::Cookie, |subject| {
        outcome(run(subject.world.engine.sign_in(proven("subject"), None, cookie(), None)))
    }),
    deed("authenticate a session", "authenticate", Given::Cookie, |subject| {
        done(subject.world.authenticate(subject.held()))
    }),
    deed("refresh", "refresh", Given::Tokens, |subject| {
        done(run(subject.world.engine.refresh(&subject.held().token, &app())))
    }),
    deed("use an access token", "authenticate_access", Given::Tokens, |subject| {
        done(run(subject.world.engine.authenticate_access(&subject.text)))
    }),
    deed("redeem a code", "redeem_code", Given::Code, |subject| outcome(redeem(subject))),
    deed("redeem a code again", "redeem_code", Given::SpentCode, redeem_again),
    deed("ask for a promotion code", "promotion_code", Given::Cookie, |subject| {
        done(run(subject.world.engine.promotion_code(&subject.held().token)))
    }),
    deed("begin a flow, promotion code", "open_flow", Given::PromotionCode, |subject| {
        if subject.has_or_had_key() {
            return NOT_APPLICABLE.to_owned();
        }
        done(run(subject.world.engine.open_flow(FlowStart::PromotionCode(&subject.text), &[])))
    }),
    deed("begin a flow, signed request", "open_flow guest_by_key", Given::Cookie, |subject| {
        if subject.never_had_key() {
            return NOT_APPLICABLE.to_owned();
        }
        let request = subject.device.request(&subject.world.engine, Action::Promote);
        done(run(subject.world.engine.open_flow(FlowStart::SignedRequest(&request), &[])))
    }),
    deed("go on with a flow", "flow", Given::Flow, |subject| {
        done(subject.world.engine.flow(&subject.text))
    }),
    deed("finish a flow, new identity", "flow promote", Given::Flow, |subject| {
        finish(subject, "new")
    }),
    deed("finish a flow, same identity", "flow promote", Given::Flow, |subject| {
        finish(subject, "subject")
    }),
    deed(
        "promote, new identity",
        "guest_by_session guest_by_key promote",
        Given::Cookie,
        |subject| promote(subject, &subject.world.engine, password("new")),
    ),
    deed("promote, same identity", "promote", Given::Cookie, |subject| {
        promote(subject, &subject.world.engine, password("subject"))
    }),
    deed("promote, taken identity, `error`", "promote", Given::Cookie, |subject| {
        promote(subject, &subject.world.engine, password("other"))
    }),
    deed("promote, taken identity, `login`", "promote", Given::Cookie, |subject| {
        promote(subject, &subject.login(), password("other"))
    }),
    deed("sign in as another while a guest, `error`", "sign_in", Given::Cookie, |subject| {
        sign_in_as_other(subject, &subject.world.engine)
    }),
    deed("sign in as another while a guest, `login`", "sign_in", Given::Cookie, |subject| {
        sign_in_as_other(subject, &subject.login())
    }),
    deed("sign out", "sign_out", Given::Cookie, |subject| {
        whether(run(subject.world.engine.sign_out(&subject.held().token)))
    }),
    deed("sign out, by an access token", "sign_out_access", Given::Tokens, |subject| {
        whether(run(subject.world.engine.sign_out_access(&subject.text)))
    }),
    deed("sign out, by the session's ID", "sign_out_session", Given::Cookie, |subject| {
        let session =
            subject.user.map_or(SessionId::from_bytes([7; 16]), |_| subject.held().session.id);
        whether(run(subject.world.engine.sign_out_session(subject.id(), session)))
    }),
    deed("sign out everywhere", "sign_out_all", Given::Cookie, |subject| {
        done(run(subject.world.engine.sign_out_all(subject.id())))
    }),
    deed("list the sessions", "sessions", Given::Cookie, |subject| {
        match run(subject.world.engine.sessions(subject.id(), None, 100)) {
            Ok(listed) => listed.sessions.len().to_string(),
            Err(error) => refusal(&error),
        }
    }),
    deed("ask who it is", "user_info", Given::Cookie, |subject| {
        done(run(subject.world.engine.user_info(subject.id())))
    }),
    deed("look it up", "user", Given::Cookie, |subject| {
        match run(subject.world.engine.user(subject.id())).unwrap() {
            None => "nobody".to_owned(),
            Some(user) if user.is_disabled => format!("{:?}, disabled", user.standing),
            Some(User { standing: Standing::Merged { .. }, .. }) => "Merged".to_owned(),
            Some(user) => format!("{:?}", user.standing),
        }
        .to_lowercase()
    }),
    deed(
        "ask whether its guest is regular by now",
        "has_become_regular",
        Given::Cookie,
        |subject| {
            let token = &subject.held().token;
            run(subject.world.engine.has_become_regular(token)).unwrap().to_string()
        },
    ),
    deed("ask who one is, by its session", "caller_info", Given::Cookie, |subject| {
        let world = &subject.world;
        let user = User { id: subject.id(), ..world.user(world.guest().user) };
        let caller = Caller { user, session: subject.held().session.clone() };
        done(run(world.engine.caller_info(&caller)))
    }),
    deed("ask whose the identity is", "find", Given::Cookie, |subject| {
        match run(subject.world.engine.find(&(&email("subject")).into())).unwrap() {
            None => "nobody's".to_owned(),
            Some(user) if Some(user) == subject.user => "its own".to_owned(),
            Some(_) => "another's".to_owned(),
        }
    }),
    deed("change the password", "change_password", Given::Cookie, |subject| {
        let token = &subject.held().token;
        done(run(subject.world.engine.change_password(token, PASSWORD, "a new password", None)))
    }),
    deed("set the password", "set_password", Given::Cookie, |subject| {
        let identity = ProvenIdentity::login_id(email("subject"));
        done(run(subject.world.engine.set_password(identity, "a new password")))
    }),
    deed("confirm the identity", "confirm_identity", Given::Cookie, |subject| {
        let identity = ProvenIdentity::login_id(email("subject"));
        done(run(subject.world.engine.confirm_identity(&subject.held().token, &identity)))
    }),
    deed("disable", "disable", Given::Cookie, |subject| {
        done(run(subject.world.engine.disable(subject.id())))
    }),
    deed("enable", "enable", Given::Cookie, |subject| {
        done(run(subject.world.engine.enable(subject.id())))
    }),
    deed("delete", "delete", Given::Cookie, |subject| {
        done(run(subject.world.engine.delete(subject.id())))
    }),
    deed("sweep", "sweep", Given::Cookie, |subject| done(run(subject.world.engine.sweep(100)))),
];

/// A browser with the session's cookie asks for a guest, as an SDK does at each start.
fn sign_up_with_cookie(subject: &Subject) -> String {
    let token = subject.held().token.reveal();
    let request = Request::post("/api/anonymous_user/signup")
        .header(CONTENT_TYPE, "application/json")
        .header(COOKIE, format!("session={}", token.as_str()))
        .body(br#"{"session_type":"cookie"}"#.to_vec())
        .unwrap();
    let response = run(Http::new(subject.world.engine.clone()).respond(request, None));
    match response.status() {
        StatusCode::OK if response.headers().contains_key(SET_COOKIE) => "signed up".to_owned(),
        StatusCode::OK => "done".to_owned(),
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN => "refused".to_owned(),
        other => panic!("{other}"),
    }
}

fn sign_in_with_key(subject: &Subject, open: guestpass::Open) -> String {
    if subject.never_had_key() {
        return NOT_APPLICABLE.to_owned();
    }
    let request = subject.device.request(&subject.world.engine, Action::Auth);
    redeemed(subject, run(subject.world.engine.sign_in_with_device_key(&request, open, None)))
}

/// How somebody was let in; a code that was issued leads to a session of the same user.
fn redeemed(subject: &Subject, result: Result<SignedIn, Error>) -> String {
    let Ok(signed_in) = result else { return outcome(result) };
    if let Opened::Code(code) = &signed_in.opened {
        let held = subject.world.redeem(&code.text, "app").unwrap();
        assert_eq!(held.user, signed_in.user.id);
        assert_eq!(subject.world.ended(&held), None);
    }
    outcome(Ok(signed_in))
}

fn redeem(subject: &Subject) -> Result<SignedIn, Error> {
    run(subject.world.engine.redeem_code(&subject.text, &app(), REDIRECT_URI, VERIFIER))
}

/// Whatever is answered, the session that the first use has opened is over, also once its user is enabled.
fn redeem_again(subject: &Subject) -> String {
    let answer = outcome(redeem(subject));
    let Some(user) = subject.user else { return answer };
    let is_disabled = subject.world.user(user).is_disabled;
    if is_disabled {
        run(subject.world.engine.enable(user)).unwrap();
    }
    assert_ne!(subject.world.ended(subject.held()), None, "a code that was used twice");
    if is_disabled {
        run(subject.world.engine.disable(user)).unwrap();
    }
    answer
}

fn finish(subject: &Subject, name: &str) -> String {
    let flow = match subject.world.engine.flow(&subject.text) {
        Ok(flow) => flow,
        Err(error) => return refusal(&error),
    };
    let guest = flow.guest.unwrap();
    outcome(run(subject.world.engine.promote(&guest, password(name), cookie(), None)))
}

fn promote(subject: &Subject, engine: &Engine, credential: Credential) -> String {
    match subject.proof() {
        Ok(proof) => outcome(run(engine.promote(&proof, credential, cookie(), None))),
        Err(error) => refusal(&error),
    }
}

fn sign_in_as_other(subject: &Subject, engine: &Engine) -> String {
    let guest = subject.proof().ok();
    outcome(run(engine.sign_in(password("other"), guest.as_ref(), cookie(), None)))
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

/// Whether there was anything to do it to.
fn whether(result: Result<bool, Error>) -> String {
    match result {
        Ok(true) => "done".to_owned(),
        Ok(false) => "none".to_owned(),
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &Error) -> String {
    format!("`{}`", error.rejection().unwrap().code())
}

const NOT_APPLICABLE: &str = "n/a";
