//! The file: whether it can be trusted, and how it is opened so that a commit means what it says.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::place::Place;
use crate::OpenError;

/// Opens the file for writing, makes its tables if it is new, and asserts that commits are durable. It grows to
/// `max_bytes` and no further.
pub(super) fn open(place: &Place, max_bytes: Option<u64>) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| place.error(&error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&place.database, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_OPENING).map_err(failed)?;
    let read = |pragma: &str| {
        connection
            .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .map_err(failed)
    };
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(failed)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let path = || place.database.clone();
    match read("user_version")? {
        SCHEMA_VERSION => {}
        0 if tables == 0 => create(&connection).map_err(failed)?,
        found if found > SCHEMA_VERSION => {
            return Err(OpenError::Newer {
                path: path(),
                found,
                known: SCHEMA_VERSION,
            });
        }
        found => {
            return Err(OpenError::Corrupt {
                path: path(),
                detail: format!("its schema is {found}"),
            });
        }
    }
    check(&connection, place)?;

    connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .map_err(failed)?;
    connection
        .pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
        .map_err(failed)?;
    connection
        .pragma_update(None, "journal_size_limit", WAL_LIMIT)
        .map_err(failed)?;
    connection
        .pragma_update(None, "cache_size", -CACHE_KIB)
        .map_err(failed)?;
    if let Some(bytes) = max_bytes {
        let pages = (bytes / u64::from(PAGE)).clamp(1, MOST_PAGES) as i64;
        connection
            .pragma_update(None, "max_page_count", pages)
            .map_err(failed)?;
    }
    assert_durable(&connection, &place.database)?;
    Ok(connection)
}

/// Asks the engine whether commits will be on disk when it says so.
fn assert_durable(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Store {
        path: path.into(),
        detail: error.to_string(),
    };
    let not_durable = |detail| {
        Err(OpenError::NotDurable {
            path: path.into(),
            detail,
        })
    };
    let journal: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(failed)?;
    if !journal.eq_ignore_ascii_case("wal") {
        return not_durable(format!("the journal mode stays {journal}"));
    }
    let level: i64 = connection
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .map_err(failed)?;
    if level < FULL {
        return not_durable(format!("commits are synchronized at level {level}"));
    }
    Ok(())
}

/// Opens the file for reading only.
pub(super) fn open_reader(place: &Place) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| place.error(&error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&place.database, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_OPENING).map_err(failed)?;
    Ok(connection)
}

/// Leaves the file tidy: everything in one place, nothing beside it but the lock.
pub(super) fn close(connection: Connection) {
    // Somebody who reads with another tool does not hold this up: the next start folds in what is left.
    let _ = connection.busy_timeout(BUSY_CLOSING);
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the queue's log could not be folded in; the next start does it");
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the queue did not close cleanly; the next start recovers it");
    }
}

/// Leaves a file as it is: after a failed commit nothing is tried again with the same handle.
pub(super) fn abandon(connection: Connection) {
    // If this cannot be set, closing folds in what was committed before, which is harmless.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    drop(connection);
}

/// Makes the tables, in one transaction; the file's header then tells that it is ours.
fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "PRAGMA page_size = {PAGE};
         BEGIN IMMEDIATE;
         PRAGMA application_id = {APPLICATION_ID};
         {SCHEMA}
         PRAGMA user_version = {SCHEMA_VERSION};
         COMMIT;"
    ))
}

/// Looks for damage: everywhere in a small file, at the tables' entrances in a large one.
fn check(connection: &Connection, place: &Place) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| place.error(&error);
    let size = fs::metadata(&place.database).map_or(0, |file| file.len());
    if size <= SMALL {
        let found: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(failed)?;
        if found != "ok" {
            return Err(OpenError::Corrupt {
                path: place.database.clone(),
                detail: found,
            });
        }
    }
    for table in [
        "flows",
        "lanes",
        "events",
        "deliveries",
        "attempts",
        "claims",
        "meta",
    ] {
        let first = connection.query_row(
            &format!("SELECT count(*) FROM (SELECT * FROM {table} LIMIT 1)"),
            [],
            |_| Ok(()),
        );
        first.map_err(|error| OpenError::Corrupt {
            path: place.database.clone(),
            detail: error.to_string(),
        })?;
    }
    Ok(())
}

const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_VERSION: i64 = 1;
/// "CSQ1"
pub(super) const APPLICATION_ID: u32 = 0x4353_5131;
pub(super) const PAGE: u32 = 8192;
/// How many pages the log holds before it is folded in: larger is hardly faster and makes some commits much slower.
const CHECKPOINT_PAGES: i64 = 250;
const WAL_LIMIT: i64 = 64 << 20;
const CACHE_KIB: i64 = 8 << 10;
const FULL: i64 = 2;
/// Files up to this size are checked whole.
const SMALL: u64 = 16 << 20;
const MOST_PAGES: u64 = 4_294_967_294;
/// How long somebody with another tool may hold up an opening.
const BUSY_OPENING: Duration = Duration::from_secs(5);
/// How long somebody with another tool may hold up a commit, before appends are refused.
pub(super) const BUSY: Duration = Duration::from_secs(1);
const BUSY_CLOSING: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_whose_commits_may_be_lost_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("queue.db");
        let connection = Connection::open(&path).expect("a database");
        let refused = |expected: &str| match assert_durable(&connection, &path) {
            Err(OpenError::NotDurable { detail, .. }) => assert!(detail.contains(expected)),
            other => panic!("{other:?}"),
        };
        refused("delete");
        let set = |pragmas| connection.execute_batch(pragmas).expect("set");
        set("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
        refused("level 0");
        set("PRAGMA synchronous = NORMAL");
        refused("level 1");
        set("PRAGMA synchronous = FULL");
        assert!(assert_durable(&connection, &path).is_ok());
    }
}
