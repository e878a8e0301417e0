//! The place: whose file it is, and that nobody else has it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::disk;
use super::file::APPLICATION_ID;
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
        if let Some(name) = disk::network(&folder) {
            return Err(OpenError::NotDurable {
                path: database,
                detail: format!("it lies on a network file system, {name}"),
            });
        }
        // The lock comes first: closing a file lets go of every lock on it that this process has, the engine's too, so
        // a file that is in use here must not be opened a second time, not even to look.
        let (lock, new) = lock(&database)?;
        if let Err(error) = check_header(&database) {
            if new {
                // Nothing is left beside a file that is not ours.
                let _ = fs::remove_file(beside(&database, ".lock"));
            }
            return Err(error);
        }
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

/// Keeps every other process out until the file that is returned is dropped; and whether that file is a new one.
fn lock(database: &Path) -> Result<(File, bool), OpenError> {
    let path = beside(database, ".lock");
    let (opened, new) = match private().create_new(true).open(&path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => (private().open(&path), false),
        created => (created, true),
    };
    let mut file = opened.map_err(|source| of_io(&path, source))?;
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
    Ok((file, new))
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

const HEADER: u64 = 100;
