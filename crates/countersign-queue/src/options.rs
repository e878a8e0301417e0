//! What can be chosen when a queue is opened.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What can be chosen when a queue is opened; the default suits a gateway.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How long an event is kept after its last delivery was settled, and its replay key needed (30 days).
    pub retention: Duration,
    /// How many replay keys are remembered at most; the oldest goes first (1,000,000).
    pub replay_cap: usize,
    /// How much of the disk events leave free, so that deliveries can still be recorded (64 MiB).
    pub reserve_bytes: u64,
    /// How large the file may grow; when it has, the disk counts as full (no limit).
    pub max_file_bytes: Option<u64>,
    /// How many due rows of one step are kept in memory (256).
    pub window: usize,
    /// How many deliveries are filed together, in the place where their step's other deliveries lie (4,096).
    pub filing: usize,
    /// How large all events that wait for a commit may be together, before `append` makes callers wait (64 MiB).
    pub waiting_bytes: usize,
    /// How large one event may be, with its headers (64 MiB).
    pub max_event_bytes: usize,
    /// How long a delivery rests when its claim was dropped unsettled (10 seconds).
    pub abandoned_delay: Duration,
    /// The time that due times, retention and repeats follow.
    pub clock: Clock,
    /// How much room the disk has; a test's own, to fill a disk without filling one.
    pub free_space: fn(&Path) -> io::Result<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(30 * 24 * 60 * 60),
            replay_cap: 1_000_000,
            reserve_bytes: 64 << 20,
            max_file_bytes: None,
            window: 256,
            filing: 4096,
            waiting_bytes: 64 << 20,
            max_event_bytes: 64 << 20,
            abandoned_delay: Duration::from_secs(10),
            clock: Clock::steady(),
            free_space,
        }
    }
}

/// The time that due times, retention and repeats follow.
#[derive(Clone)]
pub struct Clock {
    now: Arc<Source>,
    wall: Arc<Source>,
}

type Source = dyn Fn() -> SystemTime + Send + Sync;

impl Clock {
    /// The wall clock as it is now, and from then on the monotonic one: setting the wall clock moves nothing.
    pub fn steady() -> Self {
        let (wall, instant) = (SystemTime::now(), Instant::now());
        Self::new(move || wall + instant.elapsed()).with_wall(SystemTime::now)
    }

    /// A clock of the caller's own, for tests.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        let now: Arc<Source> = Arc::new(now);
        let wall = Arc::clone(&now);
        Self { now, wall }
    }

    /// The same clock beside another wall clock. The two differ where the wall clock was set while the queue was open;
    /// an event is removed only when it is old enough by both.
    #[must_use]
    pub fn with_wall(self, wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        let wall = Arc::new(wall);
        Self { wall, ..self }
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now(&self) -> u64 {
        millis((self.now)())
    }

    /// The earlier of the two times that it may be.
    pub(crate) fn earliest(&self) -> u64 {
        self.now().min(millis((self.wall)()))
    }

    /// The later of the two times that it may be.
    pub(crate) fn latest(&self) -> u64 {
        self.now().max(millis((self.wall)()))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&(self.now)()).finish()
    }
}

/// A time as stored: milliseconds since the Unix epoch, and nothing before it.
pub(crate) fn millis(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, duration_millis)
}

/// A duration in whole milliseconds, cut off where no stored time reaches.
pub(crate) fn duration_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX)
        .min(LAST_MILLIS)
}

/// A stored time, as a time.
pub(crate) fn from_millis(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis.min(LAST_MILLIS))
}

fn free_space(folder: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Far past any time that matters, far below where arithmetic on times could overflow (the year 10889).
const LAST_MILLIS: u64 = 1 << 48;
