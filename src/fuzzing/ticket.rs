//! What is sealed: tickets, access tokens, JWTs; and session tokens, which are only drawn.

use serde_json::json;

use crate::credential::{
    AccessToken, AccessTokenError, Keyring, MAX_PAYLOAD, SessionToken, Subject, Ticket,
    TicketError, TicketPurpose, Tickets, jwt,
};
use crate::fuzzing::input::{Input, mutate};
use crate::fuzzing::world::{NOW, keyring};
use crate::model::{ClientId, Epoch, Nonce, Timestamp, TokenDigest, UserId};

/// Nothing opens but what was sealed, each at its own door, and a text has one spelling.
pub fn ticket(data: &[u8]) {
    let mut input = Input::new(data);
    let keys = keyring(0);
    match input.byte() % 4 {
        0 => {
            if let Ok(text) = std::str::from_utf8(input.rest()) {
                read(text, &keys);
            }
        }
        1 => sealed_ticket(&mut input, &keys),
        2 => sealed_access_token(&mut input, &keys),
        _ => signed_jwt(&mut input, &keys),
    }
}

/// Somebody's text: what opens is, character for character, what we would write for it.
fn read(text: &str, keys: &Keyring) {
    let tickets = Tickets::durable(keys);
    let open = |purpose| tickets.open(text, purpose, Timestamp::EPOCH).ok();
    let opened: Vec<Ticket> = PURPOSES.into_iter().filter_map(open).collect();
    assert!(opened.len() <= 1, "one purpose");
    for ticket in &opened {
        assert_eq!(tickets.seal(ticket).as_deref(), Ok(text));
    }
    let access = AccessToken::open(text, keys, Timestamp::EPOCH).ok();
    if let Some(token) = &access {
        assert_eq!(token.seal(keys), text);
    }
    assert!(opened.is_empty() || access.is_none(), "one kind");
    if let Some(token) = SessionToken::parse(text) {
        assert_eq!(*token.reveal(), text);
        let again = SessionToken::parse(&token.reveal()).expect("a fixed point");
        assert_eq!(again.digest(), token.digest());
        assert!(opened.is_empty() && access.is_none(), "one kind");
    }
    for typ in TYPES {
        assert!(jwt::verify_own(text, typ, keys, NOW).is_none_or(|claims| claims.is_object()));
    }
}

fn sealed_ticket(input: &mut Input<'_>, keys: &Keyring) {
    let purpose = input.pick(&PURPOSES);
    let subject = input.flag().then(|| Subject {
        user: UserId::from_bytes([input.byte(); 16]),
        epoch: Epoch::from_bytes(input.long().to_be_bytes()),
    });
    let ticket = Ticket {
        purpose,
        nonce: Nonce([input.byte(); 16]),
        expires_at: Timestamp::from_millis(input.long()),
        subject,
        payload: input.few().repeat(1 + usize::from(input.byte()) % 16),
    };
    let tickets = Tickets::durable(keys);
    let Ok(text) = tickets.seal(&ticket) else {
        assert!(MAX_PAYLOAD < ticket.payload.len());
        return;
    };
    for acceptor in PURPOSES {
        let opened = tickets.open(&text, acceptor, NOW);
        match (acceptor == purpose, ticket.expires_at <= NOW) {
            (true, false) => assert_eq!(opened.as_ref(), Ok(&ticket)),
            (true, true) => assert_eq!(opened, Err(TicketError::Expired)),
            (false, _) => assert_eq!(opened, Err(TicketError::Invalid), "another door"),
        }
        let stranger = Tickets::durable(&keyring(1));
        assert_eq!(stranger.open(&text, acceptor, NOW), Err(TicketError::Invalid));
    }
    assert!(AccessToken::open(&text, keys, NOW) == Err(AccessTokenError::Invalid));
    assert!(SessionToken::parse(&text).is_none());
    let other = mutate(&text, input);
    for acceptor in PURPOSES {
        let opened = tickets.open(&other, acceptor, Timestamp::EPOCH.minus(FOR_EVER));
        assert!(other == text || opened == Err(TicketError::Invalid), "changed, and opened");
    }
    read(&other, keys);
}

fn sealed_access_token(input: &mut Input<'_>, keys: &Keyring) {
    let client = std::str::from_utf8(input.few()).ok().and_then(ClientId::parse);
    let token = AccessToken {
        digest: TokenDigest::from_bytes([input.byte(); 32]),
        user: UserId::from_bytes([input.byte(); 16]),
        epoch: Epoch::from_bytes(input.long().to_be_bytes()),
        client,
        expires_at: Timestamp::from_millis(input.long()),
    };
    let text = token.seal(keys);
    let opened = AccessToken::open(&text, keys, NOW);
    if token.expires_at <= NOW {
        assert_eq!(opened, Err(AccessTokenError::Expired));
    } else {
        assert_eq!(opened, Ok(token));
    }
    assert_eq!(AccessToken::open(&text, &keyring(1), NOW), Err(AccessTokenError::Invalid));
    for acceptor in PURPOSES {
        let opened = Tickets::durable(keys).open(&text, acceptor, NOW);
        assert_eq!(opened, Err(TicketError::Invalid), "another door");
    }
    assert!(SessionToken::parse(&text).is_none());
    let other = mutate(&text, input);
    let opened = AccessToken::open(&other, keys, Timestamp::EPOCH.minus(FOR_EVER));
    assert!(other == text || opened == Err(AccessTokenError::Invalid), "changed, and opened");
    read(&other, keys);
}

fn signed_jwt(input: &mut Input<'_>, keys: &Keyring) {
    let typ = input.pick(&TYPES);
    let said = String::from_utf8_lossy(input.few()).into_owned();
    let claims = json!({ "sub": said, "exp": input.long() });
    let text = jwt::sign(&claims, typ, keys).expect("claims that fit");
    for acceptor in TYPES {
        let read = jwt::verify_own(&text, acceptor, keys, NOW);
        assert_eq!(read, (acceptor == typ).then(|| claims.clone()), "each at its own door");
    }
    assert_eq!(jwt::verify_own(&text, typ, &keyring(1), NOW), None);
    let other = mutate(&text, input);
    for acceptor in TYPES {
        let read = jwt::verify_own(&other, acceptor, keys, NOW);
        assert!(other == text || read.is_none(), "changed, and verified");
    }
}

const PURPOSES: [TicketPurpose; 4] = [
    TicketPurpose::Challenge,
    TicketPurpose::PromotionCode,
    TicketPurpose::AuthorizationCode,
    TicketPurpose::Flow,
];
const TYPES: [&str; 2] = ["JWT", "at+jwt"];
const FOR_EVER: std::time::Duration = std::time::Duration::MAX;
