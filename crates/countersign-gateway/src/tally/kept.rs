//! What is counted for keys, in a file beside the store: a key that is out of use is known as that after a restart too.
//!
//! Names and numbers, nothing secret. The file is worth a warning, never a start: without it, counting begins anew. What
//! of it cannot be read is left out, and kept beside it before it is written again.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, mem};

use countersign::KeyId;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{KeyTally, Tally, millis};
use crate::beside;
use crate::live::{Current, Live};

/// A line of the file; moments are milliseconds since 1970.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    organization: String,
    flow: String,
    key: String,
    since: u64,
    last_seen: Option<u64>,
    uses: u64,
    /// Whether no configuration names the key.
    met: bool,
}

/// Where the counts are that belong to the store at `store`.
pub(crate) fn place(store: &Path) -> PathBuf {
    beside::place(store, ".uses")
}

/// Has the keys of every flow counted on from what the file says.
pub(crate) fn recall(path: &Path, live: &Live, now: SystemTime) {
    let mut by_flow = HashMap::<String, Vec<_>>::new();
    let whole = read(path, |line| {
        let endpoint = live.endpoint(&line.flow);
        let endpoint = endpoint.filter(|own| own.flow.organization.as_str() == line.organization);
        let (Some(endpoint), Some(key)) = (endpoint, line.tally(now)) else {
            return;
        };
        let keys = by_flow.entry(line.flow).or_default();
        if keys.len() < endpoint.ledger.tally().room() {
            keys.push(key);
        }
    });
    for (flow, keys) in by_flow {
        if let Some(endpoint) = live.endpoint(&flow) {
            endpoint.ledger.tally().recall(keys);
        }
    }
    if let Err(error) = whole {
        let aside = beside::place(path, ".damaged");
        // Whatever else stands there stays: nothing is written over that.
        let is_file = fs::metadata(path).is_ok_and(|what| what.is_file());
        let kept = is_file && fs::rename(path, &aside).is_ok();
        tracing::warn!(
            file = %path.display(),
            error = &error as &dyn std::error::Error,
            kept = kept.then(|| tracing::field::display(aside.display())),
            "it cannot be read for all keys when they were last seen: of the others, that is counted anew"
        );
    }
}

/// Writes what is counted at once, hourly where something changed, and at `stop`.
pub(crate) async fn keep(path: PathBuf, current: Current, stop: CancellationToken) {
    let mut hour = interval(HOUR);
    hour.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut written = Vec::new();
    let mut last = false;
    while !last {
        tokio::select! {
            biased;
            () = stop.cancelled() => last = true,
            _ = hour.tick() => {}
        }
        let lines = lines(&current.load());
        if lines == written {
            continue;
        }
        let to = path.clone();
        let writing = tokio::task::spawn_blocking(move || write(&to, &lines).map(|()| lines));
        match writing.await.map_err(io::Error::other).flatten() {
            Ok(lines) => written = lines,
            Err(error) => tracing::warn!(
                file = %path.display(),
                error = &error as &dyn std::error::Error,
                "it cannot be kept when keys were last seen"
            ),
        }
    }
}

/// What is counted for the keys of every flow.
fn lines(live: &Live) -> Vec<Line> {
    let flows = live.config.flows.iter();
    let endpoints = flows.filter_map(|flow| live.endpoint(flow.id.as_str()));
    let lines = endpoints.flat_map(|endpoint| {
        let flow = &endpoint.flow;
        let tally: &Tally = endpoint.ledger.tally();
        let keys = Vec::clone(&tally.keys.load());
        keys.into_iter().map(|(id, key)| Line {
            organization: flow.organization.to_string(),
            flow: flow.id.to_string(),
            key: id.to_string(),
            since: millis(key.since()),
            last_seen: key.last_seen().map(millis),
            uses: key.uses(),
            met: key.met,
        })
    });
    lines.collect()
}

/// Reads the lines of the file; there are none where there is no file, as at the first start.
///
/// What is no line is passed over, and in the end the first of that is told.
fn read(path: &Path, mut take: impl FnMut(Line)) -> io::Result<()> {
    let Some(file) = beside::open(path)? else {
        return Ok(());
    };
    let mut file = BufReader::new(file.take(LARGEST));
    let mut outcome = Ok(());
    let mut bytes = Vec::new();
    let mut within = false;
    loop {
        bytes.clear();
        let mut line = (&mut file).take(LONGEST_LINE);
        if line.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        // A longer one is none, nor is any piece of it.
        let is_piece = line.limit() == 0 && !bytes.ends_with(b"\n");
        let is_whole = !mem::replace(&mut within, is_piece) && !is_piece;
        let known = match is_whole {
            true => serde_json::from_slice(&bytes).map_err(io::Error::from),
            false => Err(io::Error::other("a line is too long")),
        };
        match known {
            Ok(line) => take(line),
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    match file.into_inner().limit() {
        0 => outcome.and(Err(io::Error::other("it is too large"))),
        _ => outcome,
    }
}

fn write(path: &Path, lines: &[Line]) -> io::Result<()> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    beside::replace(path, &text)
}

impl Line {
    /// What was counted, by a clock that is not ahead of `now`; `None` where it is of no use any more.
    fn tally(&self, now: SystemTime) -> Option<(KeyId, KeyTally)> {
        let now = millis(now);
        let last_seen = self.last_seen.unwrap_or(0).min(now);
        let quiet = now - last_seen;
        if self.met && u128::from(quiet) >= FORGOTTEN_AFTER.as_millis() {
            return None;
        }
        let tally = KeyTally {
            last_seen: AtomicU64::new(last_seen),
            met: self.met,
            since: UNIX_EPOCH + Duration::from_millis(self.since.min(now)),
            uses: AtomicU64::new(self.uses),
        };
        Some((KeyId::parse(&self.key).ok()?, tally))
    }
}

const HOUR: Duration = Duration::from_secs(3_600);
/// After how long unseen a key is forgotten that no configuration names.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(90 * 86_400);
/// No more of the file is read.
const LARGEST: u64 = 256 << 20;
/// No line of ours is longer, in bytes.
const LONGEST_LINE: u64 = 1_024;

#[cfg(test)]
mod tests;
