//! What can go wrong, one type for each thing that is asked of the queue.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a queue could not be opened. Nothing was changed or destroyed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is a damaged queue.
    #[error("{path} is damaged ({detail}): restore it from a backup, or move it and its -wal file away and start anew", path = path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The file is something else.
    #[error("{path} is not a queue of this gateway ({found}): it was left alone; name another file", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        found: String,
    },
    /// The file system failed.
    #[error("cannot open {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{path} is in use by another gateway{}: stop that one, or give this one a file of its own", holder.map(|id| format!(" (process {id})")).unwrap_or_default(), path = path.display())]
    Locked {
        /// The database.
        path: PathBuf,
        /// The process that holds it, as far as it told.
        holder: Option<u32>,
    },
    /// The folder is not there.
    #[error("the folder {path} does not exist: create it, or name another file", path = path.display())]
    MissingFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A later version wrote the file.
    #[error("{path} was written by a newer version (its schema is {found}, this version knows {known}): run that version", path = path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema this version knows.
        known: i64,
    },
    /// The file system cannot promise durability.
    #[error("{path} cannot be made durable ({detail}): keep it on a local disk", path = path.display())]
    NotDurable {
        /// The database.
        path: PathBuf,
        /// Which promise failed.
        detail: String,
    },
    /// The folder or the file cannot be written.
    #[error("{path} cannot be written: give this user write access to the file and its folder", path = path.display())]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
    },
    /// The engine refused.
    #[error("cannot open {path}: {detail}", path = path.display())]
    Store {
        /// The database.
        path: PathBuf,
        /// What the engine said.
        detail: String,
    },
}

/// Why an event was not appended: it must not be acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Another program holds the file; events are stored again as soon as it lets go.
    #[error(
        "another program holds the queue's file locked: end its transaction, appending resumes by itself"
    )]
    Busy,
    /// The queue is closing or closed.
    #[error("the queue is closed")]
    Closed,
    /// The disk has no room for more events; there will be some again without a restart.
    #[error("the disk is full: free some space, appending resumes by itself")]
    Full,
    /// This one event cannot be stored; others can.
    #[error("the event cannot be stored: {0}")]
    Rejected(Arc<str>),
    /// The queue has failed and appends nothing more.
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// The event is larger than the queue takes.
    #[error("the event is larger than {limit} bytes")]
    TooLarge {
        /// The most it takes.
        limit: usize,
    },
}

/// Why nothing could be claimed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The queue is closing or closed.
    #[error("the queue is closed")]
    Closed,
    /// The queue has failed and hands out nothing more.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// Why an attempt could not be recorded: the delivery is tried again after the next start.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The queue is closing, and another program holds the file.
    #[error("another program holds the queue's file locked, and the queue is closing")]
    Busy,
    /// The queue is closed.
    #[error("the queue is closed")]
    Closed,
    /// The queue is closing, and the disk has no room for the record.
    #[error("the disk is full, and the queue is closing")]
    Full,
    /// The queue has failed and records nothing more.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// Why something could not be read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The queue is closed.
    #[error("the queue is closed")]
    Closed,
    /// What is stored cannot be understood.
    #[error("the stored event is damaged: {0}")]
    Corrupt(Arc<str>),
    /// The engine failed.
    #[error("cannot read the queue: {0}")]
    Store(Arc<str>),
}

/// A commit failed: what reached the disk is unknown, so this process must not acknowledge anything more.
///
/// The remedy is to exit and start again, which recovers from what the disk really has.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the queue failed and must be opened anew: {detail}")]
#[non_exhaustive]
pub struct StoreFailure {
    /// What the engine said.
    pub detail: Arc<str>,
}

impl StoreFailure {
    pub(crate) fn new(detail: &str) -> Self {
        Self {
            detail: detail.into(),
        }
    }
}
