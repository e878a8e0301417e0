//! When to try again.
//!
//! Pure: the caller supplies the attempt number and the dice.

use std::time::Duration;

/// The waits between the attempts of one delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Schedule {
    delays: Vec<Duration>,
    fixed: bool,
    max_retries: u32,
}

impl Schedule {
    /// Waits `delays` one after the other, each moved by up to a fifth either way; the last one repeats.
    ///
    /// Without any delay nothing is tried again.
    pub(crate) fn stepped(delays: impl Into<Vec<Duration>>, max_retries: u32) -> Self {
        Self {
            delays: delays.into(),
            fixed: false,
            max_retries,
        }
    }

    /// Waits exactly `delay` every time.
    pub(crate) fn fixed(delay: Duration, max_retries: u32) -> Self {
        Self {
            delays: vec![delay],
            fixed: true,
            max_retries,
        }
    }

    /// How often a delivery is tried after the first attempt.
    pub(crate) fn max_retries(&self) -> u32 {
        self.max_retries
    }

    /// The wait after `attempt` (counted from 1), or `None` to give up.
    ///
    /// `roll` is in `0.0..1.0`.
    pub(crate) fn delay(&self, attempt: u32, roll: f64) -> Option<Duration> {
        if attempt > self.max_retries {
            return None;
        }
        let turn = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let base = *self.delays.get(turn).or(self.delays.last())?;
        Some(if self.fixed {
            base
        } else {
            jittered(base, roll)
        })
    }

    /// The wait after an attempt that found the receiver overloaded: at least a minute, unless the delay is fixed.
    pub(crate) fn delay_after_overload(&self, attempt: u32, roll: f64) -> Option<Duration> {
        let delay = self.delay(attempt, roll)?;
        Some(if self.fixed {
            delay
        } else {
            delay.max(OVERLOAD_FLOOR)
        })
    }
}

/// The shortest wait after a time-out or "too many requests".
const OVERLOAD_FLOOR: Duration = Duration::from_secs(60);

fn jittered(base: Duration, roll: f64) -> Duration {
    let factor = 0.8 + 0.4 * roll.clamp(0.0, 1.0);
    Duration::try_from_secs_f64(base.as_secs_f64() * factor).unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIDDLE: f64 = 0.5;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn delays_come_in_order_and_the_last_repeats() {
        let schedule = Schedule::stepped([seconds(5), seconds(300)], 4);

        let delays: Vec<_> = (1..=5)
            .map(|attempt| schedule.delay(attempt, MIDDLE))
            .collect();

        let last = Some(seconds(300));
        assert_eq!(delays, [Some(seconds(5)), last, last, last, None]);
    }

    #[test]
    fn no_retries_means_one_attempt() {
        assert_eq!(Schedule::stepped([seconds(5)], 0).delay(1, MIDDLE), None);
        assert_eq!(Schedule::stepped([], 3).delay(1, MIDDLE), None);
    }

    #[test]
    fn a_fixed_delay_has_no_dice_and_no_floor() {
        let schedule = Schedule::fixed(seconds(1), 2);

        assert_eq!(schedule.delay(1, 0.0), Some(seconds(1)));
        assert_eq!(schedule.delay_after_overload(2, 0.99), Some(seconds(1)));
        assert_eq!(schedule.delay_after_overload(3, 0.99), None);
    }

    #[test]
    fn an_overloaded_receiver_gets_a_minute() {
        let schedule = Schedule::stepped([seconds(5), seconds(600)], 2);

        assert_eq!(schedule.delay_after_overload(1, MIDDLE), Some(seconds(60)));
        assert_eq!(schedule.delay_after_overload(2, MIDDLE), Some(seconds(600)));
    }

    proptest! {
        #[test]
        fn dice_move_a_delay_by_at_most_a_fifth(base in 1u64..1_000_000, roll in any::<f64>(), attempt in 0u32..9) {
            let delay = Schedule::stepped([seconds(base)], 9).delay(attempt, roll).unwrap();
            prop_assert!(roll.is_nan() || delay >= seconds(base).mul_f64(0.799_999));
            prop_assert!(delay <= seconds(base).mul_f64(1.200_001));
        }

        #[test]
        fn no_delay_is_too_long_to_compute(base in any::<u64>(), roll in 0.0..1.0, attempt in any::<u32>()) {
            let _ = Schedule::stepped([seconds(base)], u32::MAX).delay(attempt, roll);
        }
    }
}
