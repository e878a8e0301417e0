//! How often one thing is said: anybody can make us refuse, and nobody shall drown the log by it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind: [`BURST`] at once, one more after each [`PAUSE`]; the rest is counted.
#[derive(Debug, Default)]
pub(crate) struct Chatter(Mutex<Bucket>);

impl Chatter {
    /// Whether to speak now; if so, how many lines were kept back since the last one.
    pub(crate) fn may_speak(&self) -> Option<u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit(Instant::now())
    }
}

/// What was said lately.
#[derive(Debug, Default)]
struct Bucket {
    /// When everything said will have been forgotten.
    empty_at: Option<Instant>,
    suppressed: u64,
}

impl Bucket {
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let empty_at = self.empty_at.unwrap_or(now).max(now);
        if empty_at.duration_since(now) > PAUSE * (BURST - 1) {
            self.suppressed += 1;
            return None;
        }
        self.empty_at = Some(empty_at + PAUSE);
        Some(std::mem::take(&mut self.suppressed))
    }
}

const BURST: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_the_next_line_says_so() {
        let start = Instant::now();
        let mut bucket = Bucket::default();

        let said = (0..1_000)
            .filter(|_| bucket.admit(start) == Some(0))
            .count();

        assert_eq!(said, BURST as usize);
        let just_before = start + PAUSE - Duration::from_nanos(1);
        assert_eq!(bucket.admit(just_before), None);
        assert_eq!(bucket.admit(start + PAUSE), Some(981));
        assert_eq!(bucket.admit(start + PAUSE), None);
        assert_eq!(bucket.admit(start + 2 * PAUSE), Some(1));
    }

    #[test]
    fn what_comes_now_and_then_is_all_said() {
        let start = Instant::now();
        let mut bucket = Bucket::default();

        for second in 0..100 {
            assert_eq!(bucket.admit(start + PAUSE * second), Some(0));
        }
    }

    #[test]
    fn after_a_while_of_silence_there_is_room_for_all_again() {
        let start = Instant::now();
        let mut bucket = Bucket::default();
        for _ in 0..100 {
            bucket.admit(start);
        }

        let later = start + PAUSE * BURST;
        let said = (0..100).filter(|_| bucket.admit(later).is_some()).count();

        assert_eq!(said, BURST as usize);
    }

    #[test]
    fn time_that_goes_back_silences_nothing_for_good() {
        let later = Instant::now() + Duration::from_secs(60);
        let mut bucket = Bucket::default();
        bucket.admit(later);

        bucket.admit(later - Duration::from_secs(60));
        assert!(bucket.admit(later + PAUSE).is_some());
    }
}
