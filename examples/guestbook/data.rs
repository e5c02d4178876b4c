//! What the site keeps: messages, preferences, and how far it has read the engine's events.
//!
//! Every row names a person by the `sub`, which is all that a host needs to keep of a user. The tables
//! stand beside the engine's in one database, so that a copy that SQLite makes of it is a whole backup; a
//! host with a database of its own keeps them there, since nothing here is joined with a table of the engine.

use std::io;
use std::path::{self, Path};
use std::sync::Arc;
use std::time::Duration;

use guestpass::model::{EventCursor, Timestamp, UserId};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, named_params, params,
};
use tokio::sync::Mutex;
use tokio::task;

use super::person::{Colour, Look, Preferences};
use super::text::{DisplayName, Message};

/// The site's tables. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    // Waiting for a turn happens here, so no more than two of the runtime's threads wait for a disk.
    writer: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
}

/// A message on the wall.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) id: i64,
    pub(crate) author: UserId,
    pub(crate) look: Look,
    pub(crate) text: String,
    pub(crate) at: Timestamp,
}

/// Messages of the wall, newest first.
#[derive(Clone, Debug)]
pub(crate) struct Portion {
    pub(crate) messages: Vec<Posted>,
    /// Whether there are older ones.
    pub(crate) is_followed: bool,
}

/// What an event means for the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// What the guest had is the account's.
    Merged { guest: UserId, into: UserId },
    /// What the user had must go.
    Deleted { user: UserId },
}

/// The site's tables could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    #[error("the site's tables cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the place of the site's tables cannot be told: {0}")]
    Place(#[from] io::Error),
    #[error("the process is ending")]
    Ending(#[from] task::JoinError),
}

impl Data {
    /// Opens the site's tables in the database at `path`, and makes them if there are none.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        // An absolute path is none of SQLite's special names, and so the engine's file.
        let path = path::absolute(path)?;
        let mut writer = connect(&path)?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(TABLES)?;
        transaction.commit()?;
        let reader = connect(&path)?;
        reader.pragma_update(None, "query_only", true)?;
        Ok(Self { writer: Arc::new(Mutex::new(writer)), reader: Arc::new(Mutex::new(reader)) })
    }

    /// Puts a message on the wall; `None` if the author has been deleted meanwhile.
    pub(crate) async fn post(
        &self,
        author: UserId,
        message: Message,
        at: Timestamp,
    ) -> Result<Option<i64>, DataError> {
        self.write(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO guestbook_message (author, text, posted_at)
                 SELECT person, :text, :at FROM
                     (SELECT CASE WHEN former.sub IS NULL THEN asked.sub ELSE former.successor END
                         AS person
                     FROM (SELECT :author AS sub) AS asked
                     LEFT JOIN guestbook_former AS former ON former.sub = asked.sub)
                 WHERE person IS NOT NULL",
            )?;
            let added = insert.execute(named_params! {
                ":author": author.to_string(),
                ":text": message.as_str(),
                ":at": at.as_millis(),
            })?;
            Ok((added == 1).then(|| connection.last_insert_rowid()))
        })
        .await
    }

    /// The newest messages, or those older than the one with the ID `before`.
    pub(crate) async fn wall(&self, before: Option<i64>) -> Result<Portion, DataError> {
        self.read(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT message.id, message.author, message.text, message.posted_at,
                        preferences.display_name, preferences.colour
                 FROM guestbook_message AS message
                 LEFT JOIN guestbook_preferences AS preferences ON preferences.sub = message.author
                 WHERE message.id < ?1 ORDER BY message.id DESC LIMIT ?2",
            )?;
            let limit = i64::from(MESSAGES_PER_PAGE) + 1;
            let rows = select.query_map(params![before.unwrap_or(i64::MAX), limit], posted)?;
            let mut messages = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let is_followed = messages.len() > usize::from(MESSAGES_PER_PAGE);
            messages.truncate(usize::from(MESSAGES_PER_PAGE));
            Ok(Portion { messages, is_followed })
        })
        .await
    }

    /// What `user` has chosen.
    pub(crate) async fn preferences(&self, user: UserId) -> Result<Preferences, DataError> {
        self.read(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT display_name, colour FROM guestbook_preferences WHERE sub = ?1",
            )?;
            let chosen = select.query_row([user.to_string()], |row| preferences(row, 0, 1));
            Ok(chosen.optional()?.unwrap_or_default())
        })
        .await
    }

    /// Keeps what `user` has chosen; says whether the user is still there.
    pub(crate) async fn prefer(
        &self,
        user: UserId,
        preferences: Preferences,
    ) -> Result<bool, DataError> {
        self.write(move |connection| {
            let mut put = connection.prepare_cached(
                "INSERT INTO guestbook_preferences (sub, display_name, colour)
                 SELECT person, :display_name, :colour FROM
                     (SELECT CASE WHEN former.sub IS NULL THEN asked.sub ELSE former.successor END
                         AS person
                     FROM (SELECT :user AS sub) AS asked
                     LEFT JOIN guestbook_former AS former ON former.sub = asked.sub)
                 WHERE person IS NOT NULL
                 ON CONFLICT (sub) DO UPDATE SET
                     display_name = excluded.display_name, colour = excluded.colour",
            )?;
            let changed = put.execute(named_params! {
                ":user": user.to_string(),
                ":display_name": preferences.display_name.as_ref().map(DisplayName::as_str),
                ":colour": preferences.colour.map(Colour::name),
            })?;
            Ok(changed == 1)
        })
        .await
    }

    /// How far the engine's events have been applied.
    pub(crate) async fn progress(&self) -> Result<EventCursor, DataError> {
        self.read(|connection| progress(connection)).await
    }

    /// Applies what the events after `from` and up to `to` mean, and remembers `to`, in one
    /// transaction. Does nothing if the events after `from` have been applied meanwhile, as they are
    /// when a second process runs the same site.
    pub(crate) async fn apply(
        &self,
        from: EventCursor,
        to: EventCursor,
        changes: Vec<Change>,
    ) -> Result<(), DataError> {
        self.write(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if progress(&transaction)? != from {
                return Ok(());
            }
            for change in changes {
                match change {
                    Change::Merged { guest, into } => merge(&transaction, guest, into)?,
                    Change::Deleted { user } => delete(&transaction, user)?,
                }
            }
            transaction
                .prepare_cached("UPDATE guestbook_progress SET cursor = ?1")?
                .execute([to.0.cast_signed()])?;
            transaction.commit()
        })
        .await
    }

    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DataError> {
        run(&self.reader, job).await
    }

    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DataError> {
        run(&self.writer, job).await
    }
}

/// Runs `job` on a thread that may wait for a disk.
async fn run<T: Send + 'static>(
    connection: &Arc<Mutex<Connection>>,
    job: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, DataError> {
    let mut connection = Arc::clone(connection).lock_owned().await;
    Ok(task::spawn_blocking(move || job(&mut connection)).await??)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Not as a URI: the path is what it is.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LONGEST_WAIT_FOR_OTHERS)?;
    // What was acknowledged is on the disk, as the engine keeps it for users.
    connection.pragma_update(None, "synchronous", "full")?;
    Ok(connection)
}

fn progress(connection: &Connection) -> rusqlite::Result<EventCursor> {
    let cursor: i64 = connection
        .prepare_cached("SELECT cursor FROM guestbook_progress")?
        .query_row([], |row| row.get(0))?;
    Ok(EventCursor(cursor.cast_unsigned()))
}

/// Gives what the guest had to the account. Where both have preferences, the account's stay.
fn merge(connection: &Connection, guest: UserId, into: UserId) -> rusqlite::Result<()> {
    let (guest, into) = (guest.to_string(), into.to_string());
    let both = [&guest, &into];
    connection
        .prepare_cached("UPDATE guestbook_message SET author = ?2 WHERE author = ?1")?
        .execute(both)?;
    connection
        .prepare_cached("UPDATE OR IGNORE guestbook_preferences SET sub = ?2 WHERE sub = ?1")?
        .execute(both)?;
    connection
        .prepare_cached("DELETE FROM guestbook_preferences WHERE sub = ?1")?
        .execute([&guest])?;
    // What the guest sent just before arrives just after, and is the account's too.
    connection
        .prepare_cached("INSERT OR IGNORE INTO guestbook_former (sub, successor) VALUES (?1, ?2)")?
        .execute(both)?;
    Ok(())
}

/// Erases what the user had.
fn delete(connection: &Connection, user: UserId) -> rusqlite::Result<()> {
    let user = user.to_string();
    for statement in [
        "DELETE FROM guestbook_message WHERE author = ?1",
        "DELETE FROM guestbook_preferences WHERE sub = ?1",
        "UPDATE guestbook_former SET successor = NULL WHERE successor = ?1",
        "INSERT OR IGNORE INTO guestbook_former (sub, successor) VALUES (?1, NULL)",
    ] {
        connection.prepare_cached(statement)?.execute([&user])?;
    }
    Ok(())
}

fn posted(row: &Row<'_>) -> rusqlite::Result<Posted> {
    let author: String = row.get(1)?;
    let author: UserId = author.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(Posted {
        id: row.get(0)?,
        author,
        look: Look::of(author, &preferences(row, 4, 5)?),
        text: row.get(2)?,
        at: Timestamp::from_millis(row.get(3)?),
    })
}

/// A name or a colour that is no longer allowed counts as not chosen.
fn preferences(row: &Row<'_>, name: usize, colour: usize) -> rusqlite::Result<Preferences> {
    let name: Option<String> = row.get(name)?;
    let colour: Option<String> = row.get(colour)?;
    Ok(Preferences {
        display_name: name.and_then(|name| DisplayName::parse(&name).ok().flatten()),
        colour: colour.and_then(|colour| Colour::parse(&colour)),
    })
}

/// Messages on one page of the wall.
const MESSAGES_PER_PAGE: u8 = 20;
const LONGEST_WAIT_FOR_OTHERS: Duration = Duration::from_secs(10);

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS guestbook_message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    posted_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS guestbook_message_author ON guestbook_message (author);
CREATE TABLE IF NOT EXISTS guestbook_preferences (
    sub TEXT PRIMARY KEY,
    display_name TEXT,
    colour TEXT
) STRICT, WITHOUT ROWID;
-- Users who are gone: merged into a successor, or deleted.
CREATE TABLE IF NOT EXISTS guestbook_former (
    sub TEXT PRIMARY KEY,
    successor TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS guestbook_former_successor ON guestbook_former (successor);
CREATE TABLE IF NOT EXISTS guestbook_progress (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    cursor INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO guestbook_progress (only_row, cursor) VALUES (1, 0);
";

#[cfg(test)]
mod tests {
    use super::*;

    const GUEST: UserId = UserId::from_bytes([1; 16]);
    const ACCOUNT: UserId = UserId::from_bytes([2; 16]);

    fn data() -> (tempfile::TempDir, Data) {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::open(&folder.path().join("site.db")).unwrap();
        (folder, data)
    }

    async fn post(data: &Data, author: UserId, text: &str) -> Option<i64> {
        data.post(author, Message::parse(text).unwrap(), Timestamp::EPOCH).await.unwrap()
    }

    async fn authors(data: &Data) -> Vec<UserId> {
        data.wall(None).await.unwrap().messages.iter().map(|message| message.author).collect()
    }

    fn named(name: &str) -> Preferences {
        Preferences { display_name: DisplayName::parse(name).unwrap(), colour: None }
    }

    /// As the engine does, which has its tables in the same file.
    #[test]
    fn a_path_is_a_path_whatever_sqlite_makes_of_such_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["file:book.db?mode=memory", ":memory:"] {
            let path = folder.path().join(name);
            Data::open(&path).unwrap();
            assert!(path.exists(), "{name}");
        }
    }

    #[tokio::test]
    async fn the_wall_comes_in_pages() {
        let (_folder, data) = data();
        for number in 0..25 {
            post(&data, GUEST, &number.to_string()).await;
        }
        let first = data.wall(None).await.unwrap();
        assert_eq!((first.messages.len(), first.is_followed), (20, true));
        assert_eq!(first.messages[0].text, "24");
        let second = data.wall(Some(first.messages[19].id)).await.unwrap();
        assert_eq!((second.messages.len(), second.is_followed), (5, false));
    }

    #[tokio::test]
    async fn what_a_merged_guest_had_is_the_accounts_also_what_arrives_late() {
        let (_folder, data) = data();
        post(&data, GUEST, "before").await;
        data.prefer(GUEST, named("Ada")).await.unwrap();
        let merged = vec![Change::Merged { guest: GUEST, into: ACCOUNT }];
        data.apply(EventCursor(0), EventCursor(7), merged.clone()).await.unwrap();
        data.apply(EventCursor(7), EventCursor(7), merged).await.unwrap();
        post(&data, GUEST, "late").await;
        assert_eq!(authors(&data).await, [ACCOUNT, ACCOUNT]);
        assert_eq!(data.preferences(ACCOUNT).await.unwrap(), named("Ada"));
        assert_eq!(data.preferences(GUEST).await.unwrap(), Preferences::default());
        assert_eq!(data.progress().await.unwrap(), EventCursor(7));
    }

    #[tokio::test]
    async fn the_accounts_own_preferences_stay() {
        let (_folder, data) = data();
        data.prefer(GUEST, named("Ada")).await.unwrap();
        data.prefer(ACCOUNT, named("Grace")).await.unwrap();
        let merged = vec![Change::Merged { guest: GUEST, into: ACCOUNT }];
        data.apply(EventCursor(0), EventCursor(1), merged).await.unwrap();
        assert_eq!(data.preferences(ACCOUNT).await.unwrap(), named("Grace"));
    }

    #[tokio::test]
    async fn events_that_another_process_has_applied_are_not_applied_again() {
        let (_folder, data) = data();
        data.apply(EventCursor(0), EventCursor(3), Vec::new()).await.unwrap();
        let deleted = vec![Change::Deleted { user: GUEST }];
        data.apply(EventCursor(0), EventCursor(2), deleted).await.unwrap();
        assert_eq!(data.progress().await.unwrap(), EventCursor(3));
        assert!(post(&data, GUEST, "still here").await.is_some());
    }

    #[tokio::test]
    async fn nothing_of_a_deleted_user_is_left_and_nothing_comes_back() {
        let (_folder, data) = data();
        post(&data, GUEST, "of the guest").await;
        data.prefer(ACCOUNT, named("Grace")).await.unwrap();
        let changes =
            vec![Change::Merged { guest: GUEST, into: ACCOUNT }, Change::Deleted { user: ACCOUNT }];
        data.apply(EventCursor(0), EventCursor(2), changes).await.unwrap();
        assert_eq!(post(&data, GUEST, "late").await, None);
        assert_eq!(post(&data, ACCOUNT, "late").await, None);
        assert!(!data.prefer(ACCOUNT, named("Grace")).await.unwrap());
        assert!(authors(&data).await.is_empty());
    }
}
