//! Authorization codes: bound to what they were issued for, good once and not for long.

use guestpass::credential::MAX_PAYLOAD;
use guestpass::engine::FlowStart;
use guestpass::model::{ClientId, Method, SessionKind};
use guestpass::{CodeRequest, Error, Open, Rejection};

use crate::support::{
    Place, REDIRECT_URI, VERIFIER, World, app, code_for, on_every_backend, password, refused, run,
    seconds,
};

fn code(world: &World) -> String {
    world.regular("ada");
    let signed_in =
        run(world.engine.sign_in(password("ada"), None, code_for("app"), None)).unwrap();
    World::issued(signed_in)
}

#[test]
fn a_code_opens_a_session_of_its_client() {
    on_every_backend(|world| {
        let code = code(&world);
        let held = world.redeem(&code, "app").unwrap();
        assert_eq!(held.session.kind, SessionKind::Refresh(app()));
        assert_eq!(held.session.method, Method::Password);
        assert_eq!(Some(held.user), world.owner("ada"));
        assert_eq!(world.ended(&held), None);
    });
}

#[test]
fn a_code_is_good_only_for_what_it_was_issued_for_and_survives_a_wrong_try() {
    on_every_backend(|world| {
        let code = code(&world);
        let redeem = |client: &str, uri: &str, verifier: &str| {
            let client = ClientId::parse(client).unwrap();
            refused(run(world.engine.redeem_code(&code, &client, uri, verifier)))
        };
        let other = VERIFIER.replace('d', "e");
        assert_eq!(redeem("two", REDIRECT_URI, VERIFIER), Rejection::TicketInvalid);
        assert_eq!(redeem("app", "com.example.app://else", VERIFIER), Rejection::TicketInvalid);
        assert_eq!(redeem("app", REDIRECT_URI, &other), Rejection::TicketInvalid);
        assert_eq!(redeem("app", REDIRECT_URI, &VERIFIER[..42]), Rejection::TicketInvalid);
        assert_eq!(redeem("app", REDIRECT_URI, &"v".repeat(129)), Rejection::TicketInvalid);
        assert_eq!(redeem("nobody", REDIRECT_URI, VERIFIER), Rejection::ClientUnknown);
        assert_eq!(redeem("server", REDIRECT_URI, VERIFIER), Rejection::ClientNotAllowed);
        assert!(world.redeem(&code, "app").is_ok(), "no wrong try has spent it");
    });
}

#[test]
fn a_code_is_good_once_and_a_second_use_ends_the_session_that_the_first_opened() {
    on_every_backend(|world| {
        let code = code(&world);
        let held = world.redeem(&code, "app").unwrap();
        assert_eq!(refused(world.redeem(&code, "app")), Rejection::TicketSpent);
        assert_eq!(world.ended(&held), Some(Rejection::SessionUnknown));
        assert_eq!(refused(world.redeem(&code, "app")), Rejection::TicketSpent);
    });
}

#[test]
fn a_code_is_good_for_five_minutes() {
    on_every_backend(|world| {
        let early = code(&world);
        world.advance(seconds(299));
        assert!(world.redeem(&early, "app").is_ok());
        let late = code(&world);
        world.advance(seconds(300));
        assert_eq!(refused(world.redeem(&late, "app")), Rejection::TicketExpired);
    });
}

#[test]
fn a_code_is_spent_also_after_a_sweep_and_with_the_clock_set_back() {
    on_every_backend(|world| {
        let code = code(&world);
        let issued_at = world.clock_now();
        world.redeem(&code, "app").unwrap();
        world.advance(seconds(1800));
        run(world.engine.sweep(1000)).unwrap();
        world.clock.set(issued_at);
        assert_eq!(refused(world.redeem(&code, "app")), Rejection::TicketSpent);
    });
}

#[test]
fn a_code_counts_only_while_its_user_is_as_it_was() {
    on_every_backend(|world| {
        let signed_out = code(&world);
        let ada = world.owner("ada").unwrap();
        run(world.engine.sign_out_all(ada)).unwrap();
        assert_eq!(refused(world.redeem(&signed_out, "app")), Rejection::SessionSuperseded);
        let deleted = code(&world);
        run(world.engine.delete(ada)).unwrap();
        assert_eq!(refused(world.redeem(&deleted, "app")), Rejection::SessionSuperseded);
    });
}

#[test]
fn a_code_of_a_disabled_guest_waits_until_it_is_enabled() {
    on_every_backend(|world| {
        let issued = run(world.engine.sign_up_anonymously(code_for("app"), None)).unwrap();
        let guest = issued.user.id;
        let code = World::issued(issued);
        run(world.engine.disable(guest)).unwrap();
        assert_eq!(refused(world.redeem(&code, "app")), Rejection::Disabled);
        run(world.engine.enable(guest)).unwrap();
        assert_eq!(world.redeem(&code, "app").unwrap().user, guest);
    });
}

#[test]
fn no_other_ticket_is_taken_for_a_code() {
    on_every_backend(|world| {
        let guest = world.guest();
        let promotion = run(world.engine.promotion_code(&guest.token)).unwrap();
        let challenge = world.engine.challenge().unwrap();
        for text in [promotion.text.as_str(), &challenge.text, "", "nonsense"] {
            assert_eq!(refused(world.redeem(text, "app")), Rejection::TicketInvalid);
        }
    });
}

#[test]
fn each_part_of_a_codes_binding_counts_by_itself() {
    on_every_backend(|world| {
        world.regular("ada");
        let request = CodeRequest {
            client: app(),
            redirect_uri: "a://b".to_owned(),
            code_challenge: "not a digest".to_owned(),
            nonce: None,
        };
        let open = Open::Code(request);
        let issued = run(world.engine.sign_in(password("ada"), None, open, None)).unwrap();
        let code = World::issued(issued);
        let answer = run(world.engine.redeem_code(&code, &app(), "a://b", VERIFIER));
        assert_eq!(refused(answer), Rejection::TicketInvalid);
    });
}

/// The guest was promoted, and then the code could not be sealed: the answer said that nothing had
/// happened.
#[test]
fn a_nonce_that_is_too_long_is_refused_before_anything_happens() {
    on_every_backend(|world| {
        let guest = world.guest();
        let nonce = Some("n".repeat(CodeRequest::MAX_NONCE + 1));
        let open = match code_for("app") {
            Open::Code(request) => Open::Code(CodeRequest { nonce, ..request }),
            Open::Session(_) => panic!("a code was asked for"),
        };
        let shown = world.by_session(&guest);
        let answer = run(world.engine.promote(&shown, password("ada"), open, None));
        assert!(matches!(answer, Err(Error::Credential)), "{answer:?}");
        assert!(world.user(guest.user).is_anonymous());
        assert_eq!(world.ended(&guest), None);
    });
}

#[test]
fn a_payload_that_is_too_long_spends_no_promotion_code() {
    on_every_backend(|world| {
        let guest = world.guest();
        let code = run(world.engine.promotion_code(&guest.token)).unwrap().text;
        let open =
            |payload: &[u8]| run(world.engine.open_flow(FlowStart::PromotionCode(&code), payload));
        let answer = open(&[0; MAX_PAYLOAD + 1]);
        assert!(matches!(answer, Err(Error::Credential)), "{answer:?}");
        assert!(open(b"").is_ok());
    });
}

#[test]
fn what_its_holder_may_use_does_not_print() {
    let world = World::new(Place::Memory);
    let signed_in = run(world.engine.sign_up_anonymously(code_for("app"), None)).unwrap();
    let printed = format!("{signed_in:?}");
    assert!(!printed.contains(&World::issued(signed_in)), "{printed}");
    let challenge = world.engine.challenge().unwrap();
    assert!(!format!("{challenge:?}").contains(&challenge.text));
    let start = FlowStart::PromotionCode(&challenge.text);
    assert!(!format!("{start:?}").contains(&challenge.text));
}
