//! What is seen of a value that is printed: its name or nothing, and no secret.

use std::error::Error as _;
use std::sync::Arc;

use guestpass::credential::{Argon2Params, HasherOptions, PasswordHasher};
use guestpass::engine::{AccessTokenIssued, FlowStart, Issued};
use guestpass::model::{
    ClientId, Epoch, IdentityKey, KeyId, LoginIdType, PasswordHash, PublicKey, SystemEntropy,
    Thumbprint, Timestamp, TokenDigest, UserId,
};
use guestpass::store::StoreError;
use guestpass::store::memory::MemoryBackend;
use guestpass::store::sqlite::SqliteBackend;

use crate::support::{Place, World, email, password, proven};

#[test]
fn neither_an_engine_nor_what_a_flow_starts_from_prints_a_secret() {
    let world = World::new(Place::Memory);
    assert!(format!("{:?}", world.engine).starts_with("Engine { backend: "));
    let printed = [FlowStart::PromotionCode("secret"), FlowStart::SignedRequest("secret")]
        .map(|start| format!("{start:?}"));
    assert_eq!(printed, ["PromotionCode([redacted])", "SignedRequest([redacted])"]);
    assert_eq!(format!("{:?}", FlowStart::Plain), "Plain");
}

#[test]
fn neither_a_credential_nor_what_is_given_away_prints_a_secret() {
    let printed = [password("ada"), proven("ada")].map(|credential| format!("{credential:?}"));
    assert_eq!(printed, ["Credential::password([redacted])", "Credential::proven([redacted])"]);
    let issued = Issued { text: "secret".to_owned(), expires_at: Timestamp::from_millis(0) };
    assert_eq!(format!("{issued:?}"), "Issued([redacted], until 0ms)");
    let token = AccessTokenIssued { text: "secret".to_owned(), expires_in_seconds: 60 };
    assert_eq!(format!("{token:?}"), "AccessTokenIssued([redacted], 60 s)");
}

#[test]
fn what_names_something_prints_as_its_name() {
    let client = ClientId::parse("app").unwrap();
    assert_eq!((client.to_string(), format!("{client:?}")), ("app".into(), "\"app\"".into()));
    let user = UserId::from_bytes([0xab; 16]);
    assert_eq!(format!("{user:?}"), user.to_string());
    assert!(user.to_string().ends_with(&"ab".repeat(16)), "{user}");
    assert_eq!(format!("{:?}", Epoch::from_bytes([0, 1, 2, 3, 4, 5, 6, 7])), "0001020304050607");
    assert_eq!(format!("{:?}", Thumbprint([0x0a; 32])), "0a".repeat(32));
    assert_eq!(format!("{:?}", KeyId::parse("device-1").unwrap()), "KeyId(\"device-1\")");
    assert_eq!(format!("{:?}", Timestamp::from_millis(-7)), "-7ms");
}

#[test]
fn what_says_something_about_a_person_prints_without() {
    assert_eq!(format!("{:?}", email("ada")), "LoginId(Email, [redacted])");
    let key = |kind| IdentityKey::LoginId { kind, key: "secret".to_owned() };
    assert_eq!(format!("{:?}", key(LoginIdType::Email)), "Email([redacted])");
    assert_eq!(format!("{:?}", IdentityKey::Anonymous), "Anonymous");
    let key = IdentityKey::OAuth { issuer: "there".to_owned(), subject: "secret".to_owned() };
    assert_eq!(format!("{key:?}"), "OAuth(\"there\", [redacted])");
}

#[test]
fn of_what_verifies_a_secret_little_is_printed() {
    assert_eq!(format!("{:?}", TokenDigest::from_bytes([0xcd; 32])), "cdcdcdcd..");
    let hash = PasswordHash::from_phc("secret".to_owned()).unwrap();
    assert_eq!(format!("{hash:?}"), "PasswordHash([redacted])");
    let keys = [
        PublicKey::Ed25519([1; 32]),
        PublicKey::P256 { x: [1; 32], y: [2; 32] },
        PublicKey::Rsa { n: vec![1; 256], e: vec![3] },
    ];
    assert_eq!(keys.map(|key| format!("{key:?}")), ["Ed25519(..)", "P256(..)", "Rsa(..)"]);
}

#[test]
fn of_what_holds_everything_only_its_name_is_printed() {
    let memory = format!("{:?}", MemoryBackend::new());
    assert!(memory.starts_with("MemoryBackend {") && memory.contains("Shards { .. }"), "{memory}");
    let directory = tempfile::tempdir().unwrap();
    let sqlite = SqliteBackend::open(directory.path().join("users.db")).unwrap();
    assert_eq!(format!("{sqlite:?}"), "SqliteBackend { .. }");
    let options = HasherOptions { params: Argon2Params::for_tests(), ..HasherOptions::default() };
    let hasher = PasswordHasher::start(options, Arc::new(SystemEntropy)).unwrap();
    let printed = format!("{hasher:?}");
    assert!(printed.starts_with("PasswordHasher { params: Argon2Params {"), "{printed}");
    assert!(printed.ends_with(", .. }"), "{printed}");
}

#[test]
fn an_error_of_a_store_says_what_happened_and_prints_also_why() {
    let error = StoreError::transient("the store is busy").because("it is Monday");
    assert_eq!(error.to_string(), "the store is busy");
    assert_eq!(error.source().unwrap().to_string(), "it is Monday");
    let printed = format!("{error:?}");
    assert!(printed.starts_with("StoreError { kind: Transient, context: "), "{printed}");
    assert!(printed.contains("it is Monday"), "{printed}");
}
