//! What a failed statement means for the group that it was in.

use rusqlite::{Error, ErrorCode};

use crate::StoreFailure;

/// What a failed statement means for the group that it was in.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// There is no room: appends are refused, everything else waits.
    Full,
    /// The queue cannot go on.
    Fatal(StoreFailure),
    /// One row cannot be stored, others can.
    Row(String),
}

impl Trouble {
    /// A failed commit leaves unknown what is on the disk, unless there was no room.
    pub(crate) fn at_commit(error: &Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::fatal(error),
        }
    }

    /// A failed read, or a failed write of what must not fail alone.
    pub(crate) fn fatal(error: &Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Fatal(StoreFailure::new(&error.to_string())),
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
