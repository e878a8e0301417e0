//! What is counted for keys, in a file beside the store: a key that is out of use is known as that after a restart too.
//!
//! Names and numbers, nothing secret. The file is worth a warning, never a start: without it, counting begins anew.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    let lines = match read(path) {
        Ok(lines) => lines,
        Err(error) => {
            return tracing::warn!(
                file = %path.display(),
                error = &error as &dyn std::error::Error,
                "it cannot be read when keys were last seen: that is counted anew"
            );
        }
    };
    let mut by_flow = HashMap::<_, Vec<_>>::new();
    for line in &lines {
        let flow = (line.organization.as_str(), line.flow.as_str());
        by_flow.entry(flow).or_default().push(line);
    }
    for flow in &live.config.flows {
        let lines = by_flow.remove(&(flow.organization.as_str(), flow.id.as_str()));
        if let Some((lines, endpoint)) = lines.zip(live.endpoint(flow.id.as_str())) {
            let keys = lines.into_iter().filter_map(|line| line.tally(now));
            endpoint.ledger.tally().recall(keys);
        }
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

/// The lines of the file; none where there is no file, as at the first start.
fn read(path: &Path) -> io::Result<Vec<Line>> {
    let mut text = String::new();
    let Some(file) = beside::open(path)? else {
        return Ok(Vec::new());
    };
    file.take(LARGEST).read_to_string(&mut text)?;
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().map_err(io::Error::from)
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

#[cfg(test)]
mod tests;
