//! Lines on their way to whoever reads them: nobody who speaks waits for a reader.
//!
//! A thread of its own writes. While its reader is slow, lines gather up to a bound; beyond it they are
//! lost and counted, and the count is told when the reader goes on.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Takes whole lines, each in one `write`, and never blocks on their reader.
#[derive(Clone, Debug)]
pub(super) struct Lossy(Arc<Shared>);

/// Waits, when dropped, until all lines so far are written, but not for long.
#[derive(Debug)]
pub(crate) struct Flush(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<Pending>,
    /// There are lines.
    more: Condvar,
    /// There are none any more.
    none: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    lines: Vec<u8>,
    lost: u64,
    writing: bool,
}

/// Starts the thread that writes to `to`; it hands the number of lines lost to `report`.
pub(super) fn lossy(
    to: impl Write + Send + 'static,
    report: impl Fn(u64) + Send + 'static,
) -> io::Result<(Lossy, Flush)> {
    let shared = Arc::new(Shared::default());
    let theirs = Arc::clone(&shared);
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || theirs.write_out(to, report))?;
    Ok((Lossy(Arc::clone(&shared)), Flush(shared)))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs as long as the process.
    fn write_out(&self, mut to: impl Write, report: impl Fn(u64)) {
        let mut batch = Vec::new();
        loop {
            let lost = self.next(&mut batch);
            // A reader that is gone is no reason to stop; there is nobody to tell, either.
            let _ = to.write_all(&batch).and_then(|()| to.flush());
            if lost > 0 {
                report(lost);
            }
        }
    }

    /// Waits for lines, and swaps them into `batch`; how many were lost behind them.
    fn next(&self, batch: &mut Vec<u8>) -> u64 {
        batch.clear();
        let mut pending = self.lock();
        pending.writing = false;
        if pending.lines.is_empty() {
            self.none.notify_all();
        }
        pending = self
            .more
            .wait_while(pending, |pending| pending.lines.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        pending.writing = true;
        mem::swap(&mut pending.lines, batch);
        mem::take(&mut pending.lost)
    }
}

impl Write for Lossy {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut pending = self.0.lock();
        if pending.lines.len() + line.len() > CAPACITY {
            pending.lost += 1;
        } else {
            pending.lines.extend_from_slice(line);
            self.0.more.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lossy {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let busy = |pending: &mut Pending| pending.writing || !pending.lines.is_empty();
        drop(
            self.0
                .none
                .wait_timeout_while(self.0.lock(), PATIENCE, busy),
        );
    }
}

/// Bytes of lines that wait; as many again may be on their way to the reader.
const CAPACITY: usize = 1 << 20;
/// How long the end of the process waits for the reader.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Instant;

    use super::*;

    /// A reader that takes a batch only when it is asked for.
    struct Reader(SyncSender<Vec<u8>>);

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .send(bytes.to_vec())
                .map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn blocked() -> (Lossy, Flush, Receiver<Vec<u8>>, Receiver<u64>) {
        let (to, read) = sync_channel(0);
        let (report, lost) = sync_channel(8);
        let (lossy, flush) = lossy(Reader(to), move |lines| {
            let _ = report.send(lines);
        })
        .unwrap();
        (lossy, flush, read, lost)
    }

    #[test]
    fn a_reader_that_does_not_read_blocks_nobody_and_what_is_lost_is_counted() {
        let (mut lossy, _flush, read, lost) = blocked();
        let line = [b'x'; 1 << 10];
        let lines = 4 * CAPACITY / line.len();

        for _ in 0..lines {
            lossy.write_all(&line).unwrap();
        }

        let (mut seen, mut missing) = (0, 0);
        let started = Instant::now();
        while seen + missing < lines {
            assert!(started.elapsed() < PATIENCE * 60, "{seen} + {missing}");
            if let Ok(bytes) = read.recv_timeout(Duration::from_millis(10)) {
                seen += bytes.len() / line.len();
            }
            missing += lost.try_iter().sum::<u64>() as usize;
        }
        assert!(seen >= CAPACITY / line.len(), "{seen} seen");
        assert!(missing > 0);
        assert_eq!(seen + missing, lines);
    }

    #[test]
    fn the_end_waits_for_the_lines_but_not_for_a_reader_that_is_stuck() {
        let (mut lossy, flush, _read, _) = blocked();
        lossy.write_all(b"stuck\n").unwrap();
        let started = Instant::now();

        drop(flush);

        let took = started.elapsed();
        assert!((PATIENCE..PATIENCE * 10).contains(&took), "{took:?}");
    }

    #[test]
    fn lines_arrive_in_order_before_the_end() {
        let (mut lossy, flush, read, _) = blocked();
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            while !all.ends_with(b"999\n") {
                all.append(&mut read.recv().unwrap());
            }
            all
        });
        let mut expected = Vec::new();
        for number in 0..1_000 {
            let line = format!("{number}\n").into_bytes();
            lossy.write_all(&line).unwrap();
            expected.extend(line);
        }

        drop(flush);

        assert_eq!(reader.join().unwrap(), expected);
    }

    #[test]
    fn a_reader_that_is_gone_is_survived() {
        let (mut lossy, flush, read, _) = blocked();
        drop(read);

        lossy.write_all(b"one\n").unwrap();
        drop(flush);
        lossy.write_all(b"two\n").unwrap();
    }
}
