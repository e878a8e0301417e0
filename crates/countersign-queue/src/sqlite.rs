//! The queue in an SQLite file. Nothing outside this folder names the engine.
//!
//! One thread writes, in groups: what waits goes into one transaction, and is answered after its commit. Another thread
//! reads, on a connection of its own.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use rusqlite::Connection;

use crate::shared::Shared;
use crate::{OpenError, Options, StoreFailure};

mod admit;
mod disk;
mod file;
mod filing;
mod group;
mod merge;
mod pick;
mod place;
mod reader;
mod recover;
mod retention;
mod rows;
mod search;
mod sql;
mod tails;
mod trouble;
mod view;
mod warm;
mod writer;

use place::Place;
use sql::Sql;
use writer::Writer;

/// Opens the file, recovers what was interrupted and starts the threads.
pub(crate) fn open(path: &Path, options: Options) -> Result<Arc<Shared>, OpenError> {
    let (place, lock) = Place::find(path)?;
    let connection = file::open(&place, options.max_file_bytes)?;
    let recovered = recover::recover(&connection, &options).map_err(|error| place.error(&error))?;
    let reading = file::open_reader(&place)?;

    let room = options
        .waiting_bytes
        .max(options.max_event_bytes)
        .div_ceil(1024);
    let shared = Arc::new(Shared::new(options.clock.clone(), room));
    let io = |source| OpenError::Io {
        path: place.database.clone(),
        source,
    };

    let answering = Arc::clone(&shared);
    let reader = thread::Builder::new().name("queue-reader".into());
    let reader = reader
        .spawn(move || {
            let _quit = reader::Quit(Arc::clone(&answering));
            reader::run(&reading, &answering);
        })
        .map_err(io)?;

    let writing = Arc::clone(&shared);
    let folder = place.folder.clone();
    let writer = thread::Builder::new().name("queue-writer".into());
    let writer = writer.spawn(move || {
        // Dropped in the reverse order, even in a panic: the file is let go, and only then is anybody told.
        let _end = End(Arc::clone(&writing));
        let _lock = lock;
        let connection = connection;
        let outcome = write(&connection, &writing, options, folder.as_path(), recovered);
        writing.questions.close();
        let _ = reader.join();
        match outcome {
            Ok(()) => file::close(connection),
            Err(failure) => {
                tracing::error!(error = %failure, "the queue failed");
                writing.fail(&failure);
                file::abandon(connection);
            }
        }
    });
    if let Err(source) = writer {
        shared.stop();
        return Err(io(source));
    }
    Ok(shared)
}

fn write(
    connection: &Connection,
    shared: &Arc<Shared>,
    options: Options,
    folder: &Path,
    recovered: recover::Recovered,
) -> Result<(), StoreFailure> {
    let sql = connection.busy_timeout(file::BUSY);
    let sql = sql.and_then(|()| Sql::prepare(connection));
    let sql = sql.map_err(|error| StoreFailure::new(&error.to_string()))?;
    Writer::new(sql, Arc::clone(shared), options, folder.into(), recovered).run()
}

/// Tells everybody that the writer has ended, however it did.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail(&StoreFailure::new("the writer panicked"));
        }
        self.0.stop();
        self.0.set_done();
    }
}
