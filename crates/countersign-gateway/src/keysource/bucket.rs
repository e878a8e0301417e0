//! How often a flow may have something fetched.

use std::time::Duration;

use tokio::time::Instant;

/// A measure that fills up with time: requests with made-up URLs do not make us a nuisance to others.
#[derive(Debug)]
pub(super) struct Bucket {
    left: u32,
    /// Up to when what came in has been counted.
    counted: Instant,
}

impl Bucket {
    pub(super) fn full(now: Instant) -> Self {
        Self {
            left: ROOM,
            counted: now,
        }
    }

    /// Takes one out, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.counted);
        let drops = u32::try_from(since.as_millis() / DROP.as_millis()).unwrap_or(u32::MAX);
        if self.left.saturating_add(drops) >= ROOM {
            (self.left, self.counted) = (ROOM, now);
        } else {
            self.left += drops;
            self.counted += DROP * drops;
        }
        let any = self.left > 0;
        self.left -= u32::from(any);
        any
    }
}

/// How many may be fetched in a row. A sender has a handful of keys.
const ROOM: u32 = 10;

/// How long it takes until one more may be.
const DROP: Duration = Duration::from_secs(6);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_at_once_and_ten_a_minute() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let taken = |bucket: &mut Bucket, now| (0..100).filter(|_| bucket.take(now)).count();

        assert_eq!(taken(&mut bucket, start), 10);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(5_999)), 0);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(6)), 1);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(29)), 3);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(30)), 1);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(86_400)), 10);
        assert_eq!(
            taken(&mut bucket, start),
            0,
            "a clock that goes back gives nothing"
        );
    }
}
