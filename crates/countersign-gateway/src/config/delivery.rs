//! Checks of how steps are reached, and when again.

use std::time::Duration;

use toml::{Spanned, Value};

use super::check::Checker;
use super::file::DeliveryFile;
use super::{AddressRules, Delivery, Schedule};

/// The keys that say when to try again, in `[delivery]` or in a step.
pub(super) struct RetryFile<'f> {
    pub(super) max_retries: Option<&'f Spanned<i64>>,
    pub(super) retry_delay: Option<&'f Spanned<Value>>,
    pub(super) retry_delays: Option<&'f Spanned<Vec<Spanned<Value>>>>,
}

/// The same, checked; a step takes what it does not say from `[delivery]`.
#[derive(Clone, Debug)]
pub(super) struct Retry {
    delays: Vec<Duration>,
    fixed: bool,
    max_retries: u32,
}

impl Retry {
    pub(super) fn schedule(&self) -> Schedule {
        match self.delays.as_slice() {
            [delay] if self.fixed => Schedule::fixed(*delay, self.max_retries),
            delays => Schedule::stepped(delays, self.max_retries),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            delays: DEFAULT_DELAYS.map(Duration::from_secs).to_vec(),
            fixed: false,
            max_retries: 7,
        }
    }
}

impl Checker<'_> {
    pub(super) fn delivery(&mut self, file: &DeliveryFile) -> (Delivery, Retry) {
        let retry = RetryFile {
            max_retries: file.max_retries.as_ref(),
            retry_delay: file.retry_delay.as_ref(),
            retry_delays: file.retry_delays.as_ref(),
        };
        let retry = self.retry(&retry, Retry::default());
        let concurrency = self
            .number("concurrency", file.concurrency.as_ref(), 1..=100_000)
            .unwrap_or(256);
        let per_step = self.number(
            "concurrency_per_step",
            file.concurrency_per_step.as_ref(),
            1..=100_000,
        );
        let delivery = Delivery {
            addresses: AddressRules {
                allowed: self.networks("allowed_addresses", &file.allowed_addresses),
                denied: self.networks("denied_addresses", &file.denied_addresses),
            },
            concurrency: concurrency as usize,
            concurrency_per_step: per_step.unwrap_or(16).min(concurrency) as usize,
            enabled: file.enabled.unwrap_or(true),
            timeout: self
                .duration("timeout", file.timeout.as_ref())
                .unwrap_or(DEFAULT_TIMEOUT),
        };
        (delivery, retry)
    }

    pub(super) fn retry(&mut self, file: &RetryFile<'_>, mut retry: Retry) -> Retry {
        if let Some(number) = self.number("max_retries", file.max_retries, 0..=1000) {
            retry.max_retries = number;
        }
        match (file.retry_delay, file.retry_delays) {
            (Some(one), Some(_)) => self.refuse(
                one.span(),
                "`retry_delay` and `retry_delays` are both there",
                "keep `retry_delay` for a fixed delay, or `retry_delays` for a list whose last one repeats",
            ),
            (Some(_), None) => {
                if let Some(delay) = self.duration("retry_delay", file.retry_delay) {
                    (retry.delays, retry.fixed) = (vec![delay], true);
                }
            }
            (None, Some(list)) if list.get_ref().is_empty() => self.refuse(
                list.span(),
                "`retry_delays` is empty",
                "list at least one delay; `max_retries = 0` is how to never try again",
            ),
            (None, Some(list)) => {
                let delays = list.get_ref().iter().filter_map(|delay| self.duration("retry_delays", Some(delay)));
                (retry.delays, retry.fixed) = (delays.collect(), false);
            }
            (None, None) => {}
        }
        retry
    }
}

/// How long one attempt, or an upstream's answer, may take.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// In seconds: about 28 hours in all.
const DEFAULT_DELAYS: [u64; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
