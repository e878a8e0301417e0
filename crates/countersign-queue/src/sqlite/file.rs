//! The file: whose it is, whether it can be trusted, and how it is opened so that a commit means what it says.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::OpenError;

/// Where a queue lies.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) database: PathBuf,
    pub(super) folder: PathBuf,
}

impl Place {
    /// Finds the file, or makes an empty one, and keeps every other process out for as long as the lock lives.
    pub(super) fn find(path: &Path) -> Result<(Self, File), OpenError> {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let folder = parent
            .canonicalize()
            .map_err(|source| match source.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => OpenError::MissingFolder {
                    path: parent.into(),
                },
                _ => of_io(path, source),
            })?;
        if !folder.is_dir() {
            return Err(OpenError::MissingFolder { path: folder });
        }
        let Some(name) = path.file_name() else {
            return Err(OpenError::Foreign {
                path: path.into(),
                found: "it is a folder".into(),
            });
        };
        // The same file under two names must have one lock.
        let database = folder.join(name);
        let database = database.canonicalize().unwrap_or(database);
        if database.is_dir() {
            return Err(OpenError::Foreign {
                path: database,
                found: "it is a folder".into(),
            });
        }
        let folder = database.parent().map_or(folder.clone(), Path::to_path_buf);
        check_header(&database)?;
        let lock = lock(&database)?;
        private()
            .open(&database)
            .map_err(|source| of_io(&database, source))?;
        // A new file is one only when its folder knows of it.
        File::open(&folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| of_io(&folder, source))?;
        Ok((Self { database, folder }, lock))
    }

    /// What an error of the engine while opening means.
    pub(super) fn error(&self, error: &rusqlite::Error) -> OpenError {
        let path = self.database.clone();
        let detail = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                OpenError::Corrupt { path, detail }
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => OpenError::ReadOnly { path },
            Some(_) => OpenError::Store { path, detail },
            None => OpenError::Corrupt { path, detail },
        }
    }
}

/// Opens the file for writing, makes its tables if it is new, and asserts that commits are durable.
pub(super) fn open(place: &Place) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| place.error(&error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&place.database, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
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

    let journal: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
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
    let not_durable = |detail| {
        Err(OpenError::NotDurable {
            path: path(),
            detail,
        })
    };
    if !journal.eq_ignore_ascii_case("wal") {
        return not_durable(format!("the journal mode stays {journal}"));
    }
    match read("synchronous")? {
        FULL => Ok(connection),
        level => not_durable(format!("commits are synchronized at level {level}")),
    }
}

/// Opens the file for reading only.
pub(super) fn open_reader(place: &Place) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| place.error(&error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&place.database, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    Ok(connection)
}

/// Leaves the file tidy: everything in one place, nothing beside it but the lock.
pub(super) fn close(connection: Connection) {
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

/// Refuses, before anything is touched, a file that is something else.
fn check_header(database: &Path) -> Result<(), OpenError> {
    let foreign = |found: &str| {
        Err(OpenError::Foreign {
            path: database.into(),
            found: found.into(),
        })
    };
    let corrupt = |detail: &str| {
        Err(OpenError::Corrupt {
            path: database.into(),
            detail: detail.into(),
        })
    };
    let mut header = Vec::new();
    let length = match File::open(database) {
        Ok(file) => {
            let length = file
                .metadata()
                .map_err(|source| of_io(database, source))?
                .len();
            file.take(HEADER)
                .read_to_end(&mut header)
                .map_err(|source| of_io(database, source))?;
            length
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(of_io(database, source)),
    };
    if header.is_empty() {
        return Ok(());
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return foreign("it is not a database");
    }
    let number = |at: usize| {
        header
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u32::from_be_bytes)
    };
    match number(68) {
        Some(APPLICATION_ID) => {}
        Some(_) => return foreign("it is the database of another program"),
        None => return corrupt("it ends in its header"),
    }
    // With a log beside it, the file may rightly be behind.
    let alone = ["-wal", "-journal"]
        .iter()
        .all(|suffix| fs::metadata(beside(database, suffix)).map_or(0, |log| log.len()) == 0);
    let page = match number(16).map(|both| both >> 16) {
        Some(1) => 65_536,
        page => u64::from(page.unwrap_or_default()),
    };
    if alone && length < page * u64::from(number(28).unwrap_or_default()) {
        return corrupt("its end is missing");
    }
    Ok(())
}

/// The name of a file that lies beside the database.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Keeps every other process out until the file that is returned is dropped.
fn lock(database: &Path) -> Result<File, OpenError> {
    let path = beside(database, ".lock");
    let mut file = private()
        .open(&path)
        .map_err(|source| of_io(&path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only to name the holder; whoever just took the lock may not have written its id yet.
            let _ = file.take(16).read_to_string(&mut holder);
            return Err(OpenError::Locked {
                path: database.into(),
                holder: holder.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(of_io(&path, source)),
    }
    let noted = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    // A full disk must not keep a queue from being opened and emptied.
    if let Err(error) = noted {
        tracing::debug!(%error, "cannot note who holds the lock");
    }
    Ok(file)
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

/// Opens for reading and writing, made if need be; nobody else may read what senders sent.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn of_io(path: &Path, source: io::Error) -> OpenError {
    match source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly { path: path.into() }
        }
        _ => OpenError::Io {
            path: path.into(),
            source,
        },
    }
}

const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_VERSION: i64 = 1;
/// "CSQ1"
const APPLICATION_ID: u32 = 0x4353_5131;
const HEADER: u64 = 100;
const PAGE: u32 = 8192;
/// How many pages the log holds before it is folded in: larger is hardly faster and makes some commits much slower.
const CHECKPOINT_PAGES: i64 = 250;
const WAL_LIMIT: i64 = 64 << 20;
const CACHE_KIB: i64 = 8 << 10;
const FULL: i64 = 2;
/// Files up to this size are checked whole.
const SMALL: u64 = 16 << 20;
/// How long somebody with another tool may hold up a commit.
const BUSY: std::time::Duration = std::time::Duration::from_secs(30);
