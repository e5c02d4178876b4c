//! Every column of every row with values that it never has: the user is refused or can be, and the
//! others are served.

use std::path::Path;

use guestpass::model::{Account, EventCursor, KeyName, Timestamp, TokenDigest, UserId};
use guestpass::store::sqlite::SqliteBackend;
use guestpass::store::{Backend, Landing, Lookup, SessionStore, UserStore};
use rusqlite::Connection;

use crate::crash::Scratch;
use crate::durability::{member, session};
use crate::support::run;

/// What a column is set to: nothing, too short, too long, out of range, of another type, not UTF-8.
const VALUES: &[&str] = &[
    "NULL",
    "0",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "''",
    "'text'",
    "x''",
    "x'ff'",
    "CAST(x'ff' AS TEXT)",
    "zeroblob(16)",
    "zeroblob(2000000)",
    "CAST(zeroblob(2000000) AS TEXT)",
];
const TABLES: [&str; 6] =
    ["users", "identities", "authenticators", "device_keys", "sessions", "events"];

/// Sets a column in the rows of the first user, past every check of the schema; says whether it can be.
fn tamper(path: &Path, table: &str, column: &str, value: &str) -> bool {
    let connection = Connection::open(path).unwrap();
    let is_users = if table == "users" { "id" } else { "user" };
    let of_the_first = format!("{is_users} = x'{}'", "01".repeat(16));
    connection
        .execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF")
        .unwrap();
    let sql = format!("UPDATE {table} SET {column} = {value} WHERE {of_the_first}");
    connection.execute(&sql, []).is_ok_and(|changed| 0 < changed)
}

/// Lets a table take what it never would.
fn loosen(path: &Path) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let mut statement =
        connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let before: Vec<(String, String)> = rows
        .map(Result::unwrap)
        .filter(|(name, _): &(String, _)| TABLES.contains(&name.as_str()))
        .collect();
    for (name, sql) in &before {
        // A table without a type takes all of them.
        let loose = sql.replace(") STRICT, WITHOUT ROWID", ") WITHOUT ROWID");
        let loose = loose.replace(") STRICT", ")");
        let loose = loose.replace("IS NOT NULL", "NOTNULL").replace(" NOT NULL", "");
        let loose = loose.replace(" BLOB", "").replace(" TEXT", "");
        let loose = if name == "events" { loose } else { loose.replace(" INTEGER", "") };
        set_schema(&connection, name, &loose);
    }
    before
}

fn set_schema(connection: &Connection, name: &str, sql: &str) {
    connection.pragma_update(None, "writable_schema", true).unwrap();
    connection.execute("UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1", [name, sql]).unwrap();
    connection.pragma_update(None, "writable_schema", "RESET").unwrap();
}

/// A database with two users, the columns of its tables, and the schema that they have.
struct Original {
    bytes: Vec<u8>,
    columns: Vec<(&'static str, String)>,
    schema: Vec<(String, String)>,
}

impl Original {
    fn new() -> Self {
        let scratch = Scratch::new();
        let path = scratch.path().join("users.db");
        let backend = SqliteBackend::open(&path).unwrap();
        for number in [1, 2] {
            let (commit, opened) = (Some(member(number)), Some(session(number)));
            run(backend.land(&Landing { commit, open_session: opened, ..Landing::default() }))
                .unwrap();
        }
        drop(backend);
        let schema = loosen(&path);
        let connection = Connection::open(&path).unwrap();
        let mut columns = Vec::new();
        for table in TABLES {
            let mut statement =
                connection.prepare("SELECT name FROM pragma_table_info(?)").unwrap();
            let names = statement.query_map([table], |row| row.get(0)).unwrap();
            columns.extend(names.map(|name| (table, name.unwrap())));
        }
        drop(connection);
        Self { bytes: std::fs::read(&path).unwrap(), columns, schema }
    }

    /// What a column with this value comes to; says whether it could have it.
    fn meets(&self, table: &str, column: &str, value: &str) -> bool {
        let scratch = Scratch::new();
        let path = scratch.path().join("users.db");
        std::fs::write(&path, &self.bytes).unwrap();
        if !tamper(&path, table, column, value) {
            return false;
        }
        let connection = Connection::open(&path).unwrap();
        for (name, sql) in &self.schema {
            set_schema(&connection, name, sql);
        }
        drop(connection);
        let backend = SqliteBackend::open(&path).unwrap();
        let what = format!("{table}.{column} = {value}");
        let [first, second] = [1, 2].map(|number| UserId::from_bytes([number; 16]));
        // Whole, or refused; not there only where that is another name for it.
        match run(backend.load(Lookup::User(first))) {
            Ok(Some(account)) => assert_eq!(account.check(), Ok(()), "{what}"),
            Ok(None) => assert_eq!((table, column), ("users", "id"), "{what}"),
            Err(_) => {}
        }
        let _found_or_not = run(backend.resolve(&TokenDigest::from_bytes([1; 32])));
        let _found_or_not = run(backend.key(KeyName::Kid("device-key-1")));
        let _found_or_not = run(backend.events(EventCursor::START, 10));
        let _found_or_not = run(backend.ended(Timestamp::MAX, 10));
        assert!(!run(backend.is_empty()).unwrap(), "{what}");
        let found = run(backend.load(Lookup::User(second))).unwrap();
        assert_eq!(found, Account::after(None, &member(2)), "{what}: another user");
        let digest = TokenDigest::from_bytes([2; 32]);
        assert!(run(backend.resolve(&digest)).unwrap().is_some(), "{what}: another session");
        run(backend.remove(&digest)).unwrap();
        // After the last event that there can be, there is none to be told of what happens next.
        let is_last = (table, column) == ("events", "cursor");
        let written = run(backend.commit(&member(3)));
        assert!(written.is_ok() || is_last, "{what}: {written:?}");
        true
    }
}

#[test]
fn every_column_may_have_any_value() {
    let original = Original::new();
    let mut count = 0;
    for (table, column) in &original.columns {
        let met = VALUES.iter().filter(|value| original.meets(table, column, value)).count();
        assert_ne!(met, 0, "{table}.{column}");
        count += met;
    }
    println!("{count} values in {} columns", original.columns.len());
}
