//! How often one thing is said: anybody can make us refuse, and nobody shall drown the log by it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind, at most [`LINES`] in a [`SPAN`]; the rest is counted.
#[derive(Debug, Default)]
pub(crate) struct Chatter(Mutex<Tally>);

impl Chatter {
    /// Whether to speak now; if so, how many lines were kept back since the last one.
    pub(crate) fn may_speak(&self) -> Option<u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit(Instant::now())
    }
}

/// What was said in the span of time that began with a line.
#[derive(Debug, Default)]
struct Tally {
    began: Option<Instant>,
    said: u32,
    suppressed: u64,
}

impl Tally {
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let over = self
            .began
            .is_none_or(|began| now.saturating_duration_since(began) >= SPAN);
        if over {
            self.began = Some(now);
            self.said = 0;
        }
        if self.said == LINES {
            self.suppressed += 1;
            return None;
        }
        self.said += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

const LINES: u32 = 10;
const SPAN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_the_next_line_says_so() {
        let start = Instant::now();
        let mut tally = Tally::default();

        let said = (0..1_000).filter(|_| tally.admit(start) == Some(0)).count();

        assert_eq!(said, LINES as usize);
        assert_eq!(tally.admit(start + SPAN - Duration::from_nanos(1)), None);
        assert_eq!(tally.admit(start + SPAN), Some(991));
        assert_eq!(tally.admit(start + SPAN), Some(0));
    }

    #[test]
    fn what_comes_now_and_then_is_all_said() {
        let start = Instant::now();
        let mut tally = Tally::default();

        for second in 0..100 {
            assert_eq!(tally.admit(start + SPAN * second), Some(0));
        }
    }

    #[test]
    fn time_that_goes_back_silences_nothing_for_good() {
        let later = Instant::now() + Duration::from_secs(60);
        let mut tally = Tally::default();
        tally.admit(later);

        assert_eq!(tally.admit(later - SPAN), Some(0));
        assert_eq!(tally.admit(later + SPAN), Some(0));
    }
}
