//! A database in which one value is not what we wrote.

use std::path::Path;
use std::sync::OnceLock;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, params};

use crate::credential::{Action, KeyHeader, SessionToken};
use crate::engine::{Credential, Engine, Open, SignedIn};
use crate::fuzzing::input::Input;
use crate::fuzzing::world::{CountingEntropy, Device, NOW, Scratch, block_on, hasher, keyring};
use crate::model::{
    Account, EventCursor, IdentityKey, KeyName, KeyRecord, LoginId, LoginIdType, ManualClock,
    ProvenIdentity, Session, SessionKind, Timestamp, TokenDigest, User, UserId,
};
use crate::rules::{OnConflict, Policy};
use crate::store::sqlite::SqliteBackend;
use crate::store::{Backend, Lookup, SessionStore, StoreError, StoreErrorKind, UserStore};

/// Reading tells of the damage or gives something sound, and nobody else notices.
pub fn sqlite_rows(data: &[u8]) {
    let mut input = Input::new(data);
    let template = template();
    let scratch = Scratch::new();
    let path = scratch.file("users");
    std::fs::write(&path, &template.database).expect("a file in memory");
    let Some(touched) = damage(&path, template, &mut input) else { return };
    let backend = SqliteBackend::open(&path).expect("the file is still ours");
    for person in &template.people {
        let facts = block_on(person.facts(&backend));
        if !touched.contains(&person.id) {
            assert_eq!(facts, person.clean, "somebody else's damage");
            continue;
        }
        for fact in &facts {
            match fact {
                Ok(fact) => fact.check(person),
                Err(kind) => assert_eq!(*kind, StoreErrorKind::Corrupt, "no use in trying again"),
            }
        }
    }
    block_on(async {
        told(&backend.events(EventCursor::START, 1000).await);
        told(&backend.ended(Timestamp::MAX, 1000).await);
        told(&backend.is_empty().await);
    });
}

fn told<T>(outcome: &Result<T, StoreError>) {
    if let Err(error) = outcome {
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "no use in trying again");
    }
}

/// A person of whom there is a row in each table, and what to ask for.
struct Person {
    id: UserId,
    identity: Option<IdentityKey>,
    device: Option<u8>,
    session: Option<TokenDigest>,
    clean: Vec<Result<Fact, StoreErrorKind>>,
}

/// What a read has found.
#[derive(Debug, PartialEq)]
enum Fact {
    User(Option<User>),
    Account(Option<Account>),
    Key(Option<KeyRecord>),
    Session(Option<Session>),
    Resolved(Option<(Session, User)>),
    Sessions(Vec<Session>),
}

impl Fact {
    /// What is given out is sound.
    fn check(&self, person: &Person) {
        match self {
            Self::Account(Some(account)) => assert_eq!(account.check(), Ok(())),
            Self::Resolved(Some((session, user))) => assert_eq!(session.user, user.id),
            Self::Sessions(sessions) => {
                assert!(sessions.iter().all(|session| session.user == person.id));
            }
            Self::User(_)
            | Self::Account(None)
            | Self::Key(_)
            | Self::Session(_)
            | Self::Resolved(None) => {}
        }
    }
}

impl Person {
    /// Everything that there is to read about the person.
    async fn facts(&self, backend: &SqliteBackend) -> Vec<Result<Fact, StoreErrorKind>> {
        let kind = |error: StoreError| error.kind();
        let mut facts = vec![
            UserStore::user(backend, self.id).await.map(Fact::User).map_err(kind),
            backend.load(Lookup::User(self.id)).await.map(Fact::Account).map_err(kind),
        ];
        if let Some(identity) = &self.identity {
            let found = backend.load(Lookup::Identity(identity)).await;
            facts.push(found.map(Fact::Account).map_err(kind));
        }
        if let Some(device) = self.device {
            let key = Device::new(device).key;
            for name in [KeyName::Thumbprint(&key.thumbprint), KeyName::Kid(key.kid.as_str())] {
                facts.push(backend.key(name).await.map(Fact::Key).map_err(kind));
            }
        }
        if let Some(digest) = &self.session {
            let session = SessionStore::session(backend, digest).await;
            facts.push(session.map(Fact::Session).map_err(kind));
            facts.push(backend.resolve(digest).await.map(Fact::Resolved).map_err(kind));
        }
        if let Some(Ok(Fact::User(Some(user)))) = facts.first() {
            let sessions = backend.of_user(self.id, user.epoch, None, None, 100).await;
            facts.push(sessions.map(Fact::Sessions).map_err(kind));
        }
        facts
    }
}

/// The database before the damage, with a schema that lets it happen.
struct Template {
    database: Vec<u8>,
    /// The tables as they are declared really.
    declared: Vec<(String, String)>,
    people: Vec<Person>,
}

fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let scratch = Scratch::new();
        let path = scratch.file("users");
        let mut people = block_on(populate(&path));
        let backend = SqliteBackend::open(&path).expect("a database of ours");
        for person in &mut people {
            person.clean = block_on(person.facts(&backend));
            assert!(person.clean.iter().all(Result::is_ok));
        }
        drop(backend);
        let declared = loosen(&path).expect("a database of ours");
        let database = std::fs::read(&path).expect("a closed database is one file");
        Template { database, declared, people }
    })
}

/// People of every kind.
async fn populate(path: &Path) -> Vec<Person> {
    let mut policy = Policy::default();
    policy.anonymous.on_conflict = OnConflict::Login;
    let backend = SqliteBackend::open(path).expect("a new database");
    let engine = Engine::builder(backend, keyring(0), policy)
        .clock(ManualClock::at(NOW))
        .entropy(CountingEntropy::default())
        .hasher(hasher())
        .build()
        .expect("a policy of ours");
    let open = || Open::Session(SessionKind::Cookie);
    let request = |device: u8, action| {
        let challenge = engine.challenge().expect("a challenge").text;
        Device::new(device).sign(&challenge, action, KeyHeader::Jwk, NOW)
    };
    let email = |text: &str| LoginId::parse(LoginIdType::Email, text).expect("an address");
    let password = |text: &str| Credential::password(email(text), "correct horse battery");

    let (guest, guest_token) =
        split(engine.sign_up_anonymously(open(), None).await.expect("a guest"));
    let keyed = engine.sign_in_with_device_key(&request(0, Action::Auth), open(), None).await;
    let (keyed, keyed_token) = split(keyed.expect("a guest with a key"));
    let before = engine.sign_in_with_device_key(&request(1, Action::Auth), open(), None).await;
    before.expect("another");
    let proof = engine.guest_by_key(&request(1, Action::Promote)).await.expect("a proof");
    let promoted = engine.promote(&proof, password("ada@example.com"), open(), None).await;
    let (promoted, promoted_token) = split(promoted.expect("promoted"));
    let identity = ProvenIdentity::oauth("https://idp.example", "subject").expect("short");
    let oauth_key = identity.key();
    let oauth = engine.sign_up(Credential::proven(identity), open(), None).await;
    let (oauth, oauth_token) = split(oauth.expect("a user"));
    let merged = engine.sign_in_with_device_key(&request(2, Action::Auth), open(), None).await;
    let (merged, _) = split(merged.expect("a guest"));
    let proof = engine.guest_by_key(&request(2, Action::Promote)).await.expect("a proof");
    let owner = engine.promote(&proof, password("ada@example.com"), open(), None).await;
    owner.expect("merged");
    let deleted = engine.sign_up(password("bob@example.com"), open(), None).await;
    let (deleted, deleted_token) = split(deleted.expect("a user"));
    engine.delete(deleted).await.expect("deleted");

    let key = |text: &str| {
        let login_id = email(text);
        IdentityKey::from(&login_id)
    };
    let person = |id, identity, device, token: Option<&SessionToken>| Person {
        id,
        identity,
        device,
        session: token.map(SessionToken::digest),
        clean: Vec::new(),
    };
    vec![
        person(guest, None, None, Some(&guest_token)),
        person(keyed, None, Some(0), Some(&keyed_token)),
        person(promoted, Some(key("ada@example.com")), Some(1), Some(&promoted_token)),
        person(oauth, Some(oauth_key), None, Some(&oauth_token)),
        person(merged, None, Some(2), None),
        person(deleted, Some(key("bob@example.com")), None, Some(&deleted_token)),
    ]
}

fn split(signed_in: SignedIn) -> (UserId, SessionToken) {
    let (token, caller) = signed_in.into_session().expect("a session was asked for");
    (caller.user.id, token)
}

/// Declares the tables anew so that they take any value, and says how they were declared.
fn loosen(path: &Path) -> rusqlite::Result<Vec<(String, String)>> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA writable_schema = ON")?;
    let declared = connection
        .prepare(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%STRICT%'",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(String, String)>>>()?;
    assert!(!declared.is_empty());
    for (name, sql) in &declared {
        let loose = sql
            .replace("IS NOT NULL", "NOTNULL")
            .replace("STRICT, ", "")
            .replace(" STRICT", "")
            .replace(" NOT NULL", "");
        declare(&connection, name, &loose)?;
    }
    connection.close().map_err(|(_, error)| error)?;
    Ok(declared)
}

fn declare(connection: &Connection, name: &str, sql: &str) -> rusqlite::Result<usize> {
    let statement = "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?";
    connection.execute(statement, params![sql, name])
}

/// Puts one value of the input's choice in the place of another, and says whose rows that were and
/// are. `None` if the file cannot be damaged in this way.
fn damage(path: &Path, template: &Template, input: &mut Input<'_>) -> Option<Vec<UserId>> {
    let (table, key, owner, columns) = TABLES[usize::from(input.byte()) % TABLES.len()];
    let column = input.pick(columns);
    let row = input.byte() % 16;
    let few;
    let many;
    let value = match input.byte() % 8 {
        0 => ValueRef::Null,
        1 => ValueRef::Integer(i64::from(input.byte()) - 1),
        2 => ValueRef::Integer(input.long()),
        3 => ValueRef::Real(f64::from_bits(input.long().cast_unsigned())),
        4 => {
            many = [input.byte()].repeat(1 + usize::from(input.byte()) * 8192);
            ValueRef::Blob(&many)
        }
        5 => {
            let other = usize::from(input.byte()) % template.people.len();
            few = *template.people[other].id.as_bytes();
            ValueRef::Blob(&few)
        }
        6 => ValueRef::Text(input.rest()),
        _ => ValueRef::Blob(input.rest()),
    };
    let connection = Connection::open(path).expect("a database of ours");
    connection
        .execute_batch(
            "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; \
             PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON",
        )
        .expect("a database of ours");
    let nth = format!("FROM {table} ORDER BY {key} LIMIT 1 OFFSET {row}");
    let whose = format!("SELECT {owner} {nth}");
    let before: Option<Vec<u8>> = connection.query_row(&whose, [], |row| row.get(0)).ok();
    let mut touched: Vec<Option<Vec<u8>>> = vec![before];
    if column == owner
        && let ValueRef::Blob(after) = value
    {
        touched.push(Some(after.to_vec()));
    }
    let update = format!("UPDATE {table} SET {column} = ? WHERE ({key}) = (SELECT {key} {nth})");
    if connection.execute(&update, [ToSqlOutput::Borrowed(value)]).ok()? == 0 {
        return None;
    }
    for (name, sql) in &template.declared {
        declare(&connection, name, sql).expect("a database of ours");
    }
    connection.close().expect("nothing is open");
    let known = |bytes: Vec<u8>| bytes.try_into().ok().map(UserId::from_bytes);
    Some(touched.into_iter().flatten().filter_map(known).collect())
}

/// Name, primary key, whose a row is, and all columns.
type Table = (&'static str, &'static str, &'static str, &'static [&'static str]);

const TABLES: [Table; 7] = [
    (
        "users",
        "id",
        "id",
        &[
            "id",
            "version",
            "epoch",
            "standing",
            "merged_into",
            "is_disabled",
            "is_verified",
            "can_reauthenticate",
            "created_at",
            "ends_at",
            "anonymous_since",
            "anonymous_proven_at",
            "anonymous_key",
        ],
    ),
    (
        "identities",
        "kind, issuer, name",
        "user",
        &["kind", "issuer", "name", "user", "original", "created_at", "proven_at"],
    ),
    (
        "device_keys",
        "thumbprint",
        "user",
        &["thumbprint", "kid", "user", "public", "outcome", "retired_at"],
    ),
    (
        "authenticators",
        "user, id",
        "user",
        &["user", "id", "revision", "kind", "secret", "created_at", "changed_at"],
    ),
    (
        "sessions",
        "digest",
        "user",
        &[
            "digest",
            "id",
            "user",
            "epoch",
            "client",
            "method",
            "created_at",
            "accessed_at",
            "ends_at",
        ],
    ),
    ("spent", "nonce", "nonce", &["nonce", "until"]),
    ("events", "cursor", "user", &["cursor", "user", "at", "kind", "detail"]),
];
