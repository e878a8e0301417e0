//! How far a signed time may lie from now.

use std::time::{Duration, SystemTime};

/// How far a signed time may lie before and after now, both edges included.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Window {
    past: Duration,
    future: Duration,
}

impl Window {
    /// A window with a side of its own for the past and for the future.
    pub const fn new(past: Duration, future: Duration) -> Self {
        Self { past, future }
    }

    /// The same distance on both sides.
    pub const fn symmetric(side: Duration) -> Self {
        Self::new(side, side)
    }

    /// How old a signed time may be.
    pub const fn past(&self) -> Duration {
        self.past
    }

    /// How far ahead a signed time may be.
    pub const fn future(&self) -> Duration {
        self.future
    }

    pub(crate) fn place(&self, time: SystemTime, now: SystemTime) -> Place {
        match now.duration_since(time) {
            Ok(age) if age > self.past => Place::Before,
            Ok(_) => Place::Inside,
            Err(ahead) if ahead.duration() > self.future => Place::After,
            Err(_) => Place::Inside,
        }
    }
}

impl Window {
    /// The same, where the edges themselves are outside.
    pub(crate) fn place_within(&self, time: SystemTime, now: SystemTime) -> Place {
        match now.duration_since(time) {
            Ok(age) if age == self.past => Place::Before,
            Err(ahead) if ahead.duration() == self.future => Place::After,
            _ => self.place(time, now),
        }
    }
}

impl Default for Window {
    /// Five minutes on both sides.
    fn default() -> Self {
        Self::symmetric(Duration::from_secs(300))
    }
}

/// Where a time lies relative to a [`Window`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Before,
    Inside,
    After,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn both_edges_are_inside_and_a_nanosecond_more_is_not() {
        let now = NOW + Duration::from_secs(1000);
        let window = Window::new(Duration::from_secs(300), Duration::from_secs(60));
        let nano = Duration::from_nanos(1);

        assert_eq!(window.place(now - window.past(), now), Place::Inside);
        assert_eq!(window.place(now - window.past() - nano, now), Place::Before);
        assert_eq!(window.place(now + window.future(), now), Place::Inside);
        assert_eq!(
            window.place(now + window.future() + nano, now),
            Place::After
        );
    }

    #[test]
    fn an_empty_window_takes_the_present_instant_only() {
        let window = Window::symmetric(Duration::ZERO);

        assert_eq!(window.place(NOW, NOW), Place::Inside);
        assert_eq!(
            window.place(NOW + Duration::from_nanos(1), NOW),
            Place::After
        );
    }
}
