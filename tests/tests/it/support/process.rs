//! A child process whose lines can be waited for, and that does not outlive its test.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::{PATIENCE, wait_for};

pub(crate) struct Process {
    child: Child,
    lines: Arc<Lines>,
}

#[derive(Default)]
struct Lines {
    seen: Mutex<Seen>,
    more: Condvar,
}

#[derive(Default)]
struct Seen {
    lines: Vec<String>,
    open: usize,
}

impl Lines {
    /// What was seen, also while a test ends that panicked over it.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let lines = Arc::new(Lines::default());
        follow(&lines, child.stdout.take().expect("stdout is piped"));
        follow(&lines, child.stderr.take().expect("stderr is piped"));
        Self { child, lines }
    }

    /// The first line for which `pick` answers; panics with everything said when the process ends without it.
    pub(crate) fn line<T>(&self, what: &str, pick: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.lines.seen();
        let mut from = 0;
        loop {
            if let Some(found) = seen
                .lines
                .get(from..)
                .unwrap_or_default()
                .iter()
                .find_map(|line| pick(line))
            {
                return found;
            }
            from = seen.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && seen.open > 0,
                "no line says {what}; it said:\n{}",
                seen.lines.join("\n")
            );
            seen = self.lines.more.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Everything it has said so far.
    pub(crate) fn said(&self) -> String {
        self.lines.seen().lines.join("\n")
    }

    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("kill starts");
        assert!(status.success(), "kill -{name} failed");
    }

    /// The root of its own view of the file system.
    pub(crate) fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.child.id()).into()
    }

    /// Waits until it has ended by itself and all it said has been read.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let status = wait_for("the process to end", || {
            self.child.try_wait().expect("a child can be asked")
        });
        wait_for("its last line", || {
            (self.lines.seen().open == 0).then_some(())
        });
        status
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("--- the process said ---\n{}\n---", self.said());
        }
    }
}

fn follow(lines: &Arc<Lines>, source: impl Read + Send + 'static) {
    lines.seen().open += 1;
    let lines = Arc::clone(lines);
    thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        while source
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            lines
                .seen()
                .lines
                .push(String::from_utf8_lossy(&line).trim_end().to_owned());
            lines.more.notify_all();
            line.clear();
        }
        lines.seen().open -= 1;
        lines.more.notify_all();
    });
}
