//! What is just allowed, and what is just not any more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guestpass::credential::MAX_PAYLOAD;
use guestpass::engine::FlowStart;
use guestpass::model::{
    LoginId, LoginIdError, LoginIdType, MAX_OAUTH_LENGTH, PasswordHash, ProvenIdentity,
};
use guestpass::{CodeRequest, Credential, Error, Open, Rejection};
use sha2::{Digest, Sha256};

use crate::support::{Place, REDIRECT_URI, World, app, code_for, email, password, refused, run};

#[test]
fn a_new_password_is_as_long_as_the_policy_says() {
    let world = World::with(Place::Memory, |policy| policy.password.min_length = 20);
    let guest = world.guest();
    let promote = |length: usize| {
        let credential = Credential::password(email("ada"), &"x".repeat(length));
        world.promote(&world.by_session(&guest), credential)
    };
    assert_eq!(refused(promote(19)), Rejection::PasswordTooShort);
    assert_eq!(promote(20).unwrap().user, guest.user);
}

#[test]
fn a_nonce_fits_into_a_code_or_no_code_is_issued() {
    let world = World::new(Place::Memory);
    world.regular("ada");
    let issue = |length: usize| {
        let Open::Code(request) = code_for("app") else { panic!("it asks for a code") };
        let request = CodeRequest { nonce: Some("n".repeat(length)), ..request };
        run(world.engine.sign_in(password("ada"), None, Open::Code(request), None))
    };
    assert!(matches!(issue(CodeRequest::MAX_NONCE + 1), Err(Error::Credential)));
    world.redeem(&World::issued(issue(CodeRequest::MAX_NONCE).unwrap()), "app").unwrap();
}

/// RFC 7636, section 4.1: 43 to 128 characters, each of them unreserved. Anything else redeems no code,
/// also not one that was issued for its digest.
#[test]
fn a_code_verifier_is_as_long_and_as_plain_as_the_standard_says() {
    let world = World::new(Place::Memory);
    world.regular("ada");
    let redeem = |verifier: &str| {
        let request = CodeRequest {
            client: app(),
            redirect_uri: REDIRECT_URI.to_owned(),
            code_challenge: URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
            nonce: None,
        };
        let signed_in = world.engine.sign_in(password("ada"), None, Open::Code(request), None);
        let code = World::issued(run(signed_in).unwrap());
        run(world.engine.redeem_code(&code, &app(), REDIRECT_URI, verifier))
    };
    for fits in ["v".repeat(43), "v".repeat(128), "-._~".repeat(11)] {
        assert!(redeem(&fits).is_ok(), "{fits}");
    }
    for wrong in ["v".repeat(42), "v".repeat(129), "v+".repeat(22), String::new()] {
        assert_eq!(refused(redeem(&wrong)), Rejection::TicketInvalid, "{wrong}");
    }
}

#[test]
fn a_flow_carries_what_fits_and_spends_nothing_for_what_does_not() {
    let world = World::new(Place::Memory);
    let guest = world.guest();
    let code = run(world.engine.promotion_code(&guest.token)).unwrap().text;
    let open =
        |length| run(world.engine.open_flow(FlowStart::PromotionCode(&code), &vec![7; length]));
    assert!(matches!(open(MAX_PAYLOAD + 1), Err(Error::Credential)));
    let flow = world.engine.flow(&open(MAX_PAYLOAD).unwrap().ticket.text).unwrap();
    assert_eq!(flow.payload, vec![7; MAX_PAYLOAD]);
}

#[test]
fn listing_reads_no_more_than_was_asked_for() {
    let world = World::new(Place::Memory);
    let ada = world.regular("ada");
    for limit in [1, 2] {
        world.script.rest();
        let listed = run(world.engine.sessions(ada.user, None, limit)).unwrap();
        assert_eq!(listed.sessions.len(), 1);
        // Of the user, of one portion, and where more was asked for, of its end.
        assert_eq!(world.script.calls(), 1 + limit);
    }
}

#[test]
fn a_login_id_is_looked_at_up_to_its_longest() {
    let padded = |length| format!("{:>length$}", "ada@example.com");
    let parse = |length| LoginId::parse(LoginIdType::Email, &padded(length));
    assert_eq!(parse(LoginId::MAX_LENGTH), Ok(email("ada")));
    assert_eq!(parse(LoginId::MAX_LENGTH + 1), Err(LoginIdError::Email));
}

#[test]
fn a_phone_number_is_looked_at_up_to_its_longest() {
    let padded = |length| format!("{:-<length$}", "+4930123456");
    let parse = |length| LoginId::parse(LoginIdType::Phone, &padded(length)).is_ok();
    assert_eq!([40, 41].map(parse), [true, false]);
}

#[test]
fn an_identity_elsewhere_has_an_issuer_and_a_subject_that_fit() {
    let fits = |issuer: &str, subject: &str| ProvenIdentity::oauth(issuer, subject).is_ok();
    let (longest, longer) = (&"x".repeat(MAX_OAUTH_LENGTH), &"x".repeat(MAX_OAUTH_LENGTH + 1));
    assert!(fits("i", "s") && fits(longest, longest));
    for wrong in ["", longer, "a\nb"] {
        assert!(!fits("i", wrong) && !fits(wrong, "s") && !fits(wrong, wrong), "{wrong:?}");
    }
}

#[test]
fn a_hash_is_kept_up_to_its_longest() {
    let keep = |length| PasswordHash::from_phc("x".repeat(length)).is_some();
    let longest = PasswordHash::MAX_LENGTH;
    assert_eq!([0, 1, longest, longest + 1].map(keep), [false, true, true, false]);
}

#[test]
fn an_answer_is_final_about_who_is_over_only() {
    let over = [
        Rejection::AlreadyPromoted,
        Rejection::AlreadyMerged,
        Rejection::Deleted,
        Rejection::Collected,
    ];
    assert!(over.into_iter().all(Rejection::is_final));
    for later in [Rejection::Denied, Rejection::Disabled, Rejection::UserUnknown] {
        assert!(!later.is_final(), "{later}");
    }
}
