//! Tickets and access tokens: each is accepted for what it is, unchanged and in time, only.

use std::time::Duration;

use guestpass::credential::ticket::{MAX_PAYLOAD, MAX_TEXT};
use guestpass::credential::{
    AccessToken, AccessTokenError, Keyring, PayloadTooLong, Purpose, SessionToken, Subject, Ticket,
    TicketError, TicketPurpose, Tickets, access_token, jwt,
};
use guestpass::model::{ClientId, Epoch, SystemEntropy, Timestamp, TokenDigest, UserId};
use guestpass::store::Nonce;
use proptest::prelude::*;
use serde_json::json;

use super::{NOW, keyring, tickets};

const MINUTE: Duration = Duration::from_secs(60);

const PURPOSES: [TicketPurpose; 4] = [
    TicketPurpose::Challenge,
    TicketPurpose::PromotionCode,
    TicketPurpose::AuthorizationCode,
    TicketPurpose::Flow,
];

fn ticket(purpose: TicketPurpose) -> Ticket {
    Ticket {
        purpose,
        nonce: Nonce([5; 16]),
        expires_at: NOW.plus(MINUTE),
        subject: None,
        payload: Vec::new(),
    }
}

fn access_token() -> AccessToken {
    AccessToken {
        digest: TokenDigest::from_bytes([1; 32]),
        user: UserId::from_bytes([2; 16]),
        epoch: Epoch::from_bytes([3; 8]),
        client: ClientId::parse("web"),
        expires_at: NOW.plus(MINUTE),
    }
}

type Acceptor = Box<dyn Fn(&str) -> bool>;

#[test]
fn every_kind_is_accepted_by_its_own_acceptor_only() {
    let keyring = keyring();
    let tickets = Tickets::durable(&keyring);
    let mut minted: Vec<String> =
        PURPOSES.iter().map(|purpose| tickets.seal(&ticket(*purpose)).unwrap()).collect();
    minted.push(access_token().seal(&keyring));
    minted.push(SessionToken::draw(&SystemEntropy).unwrap().reveal().to_string());
    minted.push(jwt::sign(&json!({}), "JWT", &keyring).unwrap());
    minted.push(jwt::sign(&json!({}), "at+jwt", &keyring).unwrap());

    let mut acceptors: Vec<Acceptor> = Vec::new();
    for purpose in PURPOSES {
        let tickets = tickets.clone();
        acceptors.push(Box::new(move |text| tickets.open(text, purpose, NOW).is_ok()));
    }
    let ring = keyring.clone();
    acceptors.push(Box::new(move |text| AccessToken::open(text, &ring, NOW).is_ok()));
    acceptors.push(Box::new(|text| SessionToken::parse(text).is_some()));
    for typ in ["JWT", "at+jwt"] {
        let ring = keyring.clone();
        acceptors.push(Box::new(move |text| jwt::verify_own(text, typ, &ring, NOW).is_some()));
    }

    assert_eq!(minted.len(), acceptors.len());
    for (kind, text) in minted.iter().enumerate() {
        for (acceptor, accepts) in acceptors.iter().enumerate() {
            assert_eq!(accepts(text), kind == acceptor, "kind {kind} at acceptor {acceptor}");
        }
    }
}

#[test]
fn attack_36_a_ticket_counts_before_its_expiry_only() {
    let tickets = tickets();
    for purpose in PURPOSES {
        let text = tickets.seal(&ticket(purpose)).unwrap();
        let end = NOW.plus(MINUTE);
        let last = Timestamp::from_millis(end.as_millis() - 1);
        assert_eq!(tickets.open(&text, purpose, last), Ok(ticket(purpose)));
        assert_eq!(tickets.open(&text, purpose, end), Err(TicketError::Expired));
    }
}

#[test]
fn that_a_ticket_has_expired_is_told_of_our_own_for_this_purpose_only() {
    let ours = tickets();
    let end = NOW.plus(MINUTE);
    let text = ours.seal(&ticket(TicketPurpose::Challenge)).unwrap();
    assert_eq!(ours.open(&text, TicketPurpose::Flow, end), Err(TicketError::Invalid));
    assert_eq!(tickets().open(&text, TicketPurpose::Challenge, end), Err(TicketError::Invalid));
}

#[test]
fn attack_37_a_truncated_or_prolonged_ticket_is_refused() {
    let tickets = tickets();
    let text = tickets.seal(&ticket(TicketPurpose::Challenge)).unwrap();
    let open = |text: &str| tickets.open(text, TicketPurpose::Challenge, NOW);
    for length in 0..text.len() {
        assert_eq!(open(&text[..length]), Err(TicketError::Invalid));
    }
    for tail in ["A", "=", " ", "AAAA", "\0"] {
        assert_eq!(open(&format!("{text}{tail}")), Err(TicketError::Invalid));
    }
    assert_eq!(open(&"A".repeat(1_000_000)), Err(TicketError::Invalid));
}

#[test]
fn durable_tickets_outlive_the_process_and_others_do_not() {
    let keyring = keyring();
    let text = Tickets::durable(&keyring).seal(&ticket(TicketPurpose::Flow)).unwrap();
    assert!(Tickets::durable(&keyring).open(&text, TicketPurpose::Flow, NOW).is_ok());
    let text = tickets().seal(&ticket(TicketPurpose::Flow)).unwrap();
    assert!(tickets().open(&text, TicketPurpose::Flow, NOW).is_err());
}

#[test]
fn a_payload_has_a_limit_within_which_the_ticket_has_one() {
    let tickets = tickets();
    let mut largest = ticket(TicketPurpose::Flow);
    largest.subject = Some(subject());
    largest.payload = vec![0xff; MAX_PAYLOAD];
    let text = tickets.seal(&largest).unwrap();
    assert_eq!(text.len(), MAX_TEXT);
    // A cookie's name, value and attributes have 4096 bytes.
    const { assert!(MAX_TEXT <= 4000) };
    assert_eq!(tickets.open(&text, TicketPurpose::Flow, NOW), Ok(largest.clone()));
    largest.payload.push(0);
    assert_eq!(tickets.seal(&largest), Err(PayloadTooLong));
}

#[test]
fn an_access_token_counts_before_its_expiry_only() {
    let keyring = keyring();
    let text = access_token().seal(&keyring);
    let end = NOW.plus(MINUTE);
    let last = Timestamp::from_millis(end.as_millis() - 1);
    assert_eq!(AccessToken::open(&text, &keyring, last), Ok(access_token()));
    assert_eq!(AccessToken::open(&text, &keyring, end), Err(AccessTokenError::Expired));
    let foreign = AccessToken::open(&text, &super::keyring(), end);
    assert_eq!(foreign, Err(AccessTokenError::Invalid));
}

#[test]
fn the_longest_access_token_fits() {
    let keyring = keyring();
    let token = AccessToken { client: ClientId::parse(&"c".repeat(128)), ..access_token() };
    let text = token.seal(&keyring);
    assert_eq!(text.len(), access_token::MAX_TEXT);
    assert_eq!(AccessToken::open(&text, &keyring, NOW), Ok(token));
}

#[test]
fn a_stolen_key_of_one_purpose_opens_nothing_of_another() {
    // The two kinds have the same layout up to the key; only the key and the label part them.
    let keyring = keyring();
    let token = access_token().seal(&keyring);
    keyring.rotate(Purpose::Ticket, Duration::ZERO, NOW, &SystemEntropy).unwrap();
    assert!(AccessToken::open(&token, &keyring, NOW).is_ok());
    keyring.rotate(Purpose::AccessToken, Duration::ZERO, NOW, &SystemEntropy).unwrap();
    assert!(AccessToken::open(&token, &keyring, NOW).is_err());
}

fn subject() -> Subject {
    Subject { user: UserId::from_bytes([8; 16]), epoch: Epoch::from_bytes([9; 8]) }
}

fn tickets_of_all_kinds() -> impl Strategy<Value = Ticket> {
    let subject = proptest::option::of(any::<([u8; 16], [u8; 8])>());
    let payload = proptest::collection::vec(any::<u8>(), 0..200);
    let instant = NOW.as_millis() + 1..i64::MAX;
    (0..PURPOSES.len(), any::<[u8; 16]>(), instant, subject, payload).prop_map(
        |(purpose, nonce, expires_at, subject, payload)| Ticket {
            purpose: PURPOSES[purpose],
            nonce: Nonce(nonce),
            expires_at: Timestamp::from_millis(expires_at),
            subject: subject.map(|(user, epoch)| Subject {
                user: UserId::from_bytes(user),
                epoch: Epoch::from_bytes(epoch),
            }),
            payload,
        },
    )
}

fn access_tokens_of_all_kinds() -> impl Strategy<Value = AccessToken> {
    let client = proptest::option::of("[!-~]{1,128}");
    let instant = NOW.as_millis() + 1..i64::MAX;
    (any::<([u8; 32], [u8; 16], [u8; 8])>(), client, instant).prop_map(
        |((digest, user, epoch), client, expires_at)| AccessToken {
            digest: TokenDigest::from_bytes(digest),
            user: UserId::from_bytes(user),
            epoch: Epoch::from_bytes(epoch),
            client: client.and_then(|client| ClientId::parse(&client)),
            expires_at: Timestamp::from_millis(expires_at),
        },
    )
}

/// Changes one of the six bits of one character, keeping it in the alphabet.
fn flip(text: &str, at: prop::sample::Index, bit: u8) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = text.as_bytes().to_vec();
    let at = at.index(bytes.len());
    let value = ALPHABET.iter().position(|byte| *byte == bytes[at]).unwrap();
    bytes[at] = ALPHABET[value ^ (1 << bit)];
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #[test]
    fn a_ticket_survives_its_text(ticket in tickets_of_all_kinds()) {
        let tickets = tickets();
        let text = tickets.seal(&ticket).unwrap();
        prop_assert_eq!(tickets.open(&text, ticket.purpose, NOW), Ok(ticket));
    }

    #[test]
    fn a_ticket_with_one_bit_changed_is_refused(
        ticket in tickets_of_all_kinds(),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..6,
    ) {
        let tickets = tickets();
        let changed = flip(&tickets.seal(&ticket).unwrap(), at, bit);
        prop_assert_eq!(tickets.open(&changed, ticket.purpose, NOW), Err(TicketError::Invalid));
    }

    #[test]
    fn an_access_token_survives_its_text(token in access_tokens_of_all_kinds()) {
        let keyring = keyring();
        let text = token.seal(&keyring);
        prop_assert!(text.len() <= access_token::MAX_TEXT);
        prop_assert_eq!(AccessToken::open(&text, &keyring, NOW), Ok(token));
    }

    #[test]
    fn an_access_token_with_one_bit_changed_is_refused(
        token in access_tokens_of_all_kinds(),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..6,
    ) {
        let keyring = keyring();
        let changed = flip(&token.seal(&keyring), at, bit);
        let opened = AccessToken::open(&changed, &keyring, NOW);
        prop_assert_eq!(opened, Err(AccessTokenError::Invalid));
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in ".{0,400}") {
        let keyring: Keyring = keyring();
        prop_assert!(AccessToken::open(&text, &keyring, NOW).is_err());
        prop_assert!(Tickets::durable(&keyring).open(&text, TicketPurpose::Flow, NOW).is_err());
        prop_assert!(jwt::verify_own(&text, "JWT", &keyring, NOW).is_none());
    }
}
