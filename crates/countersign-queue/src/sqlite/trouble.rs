//! What a failed statement means for the group that it was in.

use rusqlite::{Error, ErrorCode};

use crate::{AppendError, SettleError, StoreFailure};

/// What a failed statement means for the group that it was in.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It cannot be written now: appends are refused, everything else waits.
    Later(Later),
    /// A page cannot be read, which is noted: without reading it again the group may pass.
    Page,
    /// The queue cannot go on.
    Fatal(StoreFailure),
    /// One row cannot be stored, others can.
    Row(String),
}

/// Why nothing can be written now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Later {
    /// Another program holds the file.
    Busy,
    /// There is no room.
    Full,
}

impl Trouble {
    /// A failed commit leaves unknown what is on the disk, unless there was no room.
    pub(crate) fn at_commit(error: &Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Later(Later::Full),
            _ => Self::Fatal(failure(error)),
        }
    }

    /// A failed read, or a failed write of what must not fail alone.
    pub(crate) fn fatal(error: &Error) -> Self {
        match error.sqlite_error_code() {
            // Whoever has the right to write waits for nobody, so nothing was written yet.
            Some(ErrorCode::DatabaseBusy) => Self::Later(Later::Busy),
            _ => Self::at_commit(error),
        }
    }

    /// A failed write of one event.
    pub(crate) fn of_row(error: &Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
                Self::Row(error.to_string())
            }
            _ => Self::fatal(error),
        }
    }
}

impl From<Later> for AppendError {
    fn from(later: Later) -> Self {
        match later {
            Later::Busy => Self::Busy,
            Later::Full => Self::Full,
        }
    }
}

impl From<Later> for SettleError {
    fn from(later: Later) -> Self {
        match later {
            Later::Busy => Self::Busy,
            Later::Full => Self::Full,
        }
    }
}

/// Whether a page of the file is not what it should be.
pub(crate) fn is_damage(error: &Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

fn failure(error: &Error) -> StoreFailure {
    if is_damage(error) {
        StoreFailure::new(&format!(
            "{error}; with the gateway stopped, run `PRAGMA integrity_check` on its file, and restore a backup if that finds damage"
        ))
    } else {
        StoreFailure::new(&error.to_string())
    }
}
