//! How many deliveries are under way, held against a total that may change at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The deliveries that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Flight(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    out: AtomicUsize,
    landed: Notify,
}

impl Flight {
    /// How many more may start, at least one, when as many as `total` says may be under way. For one caller at a time.
    ///
    /// Dropping the wait loses nothing.
    pub(super) async fn room(&self, total: impl Fn() -> usize) -> usize {
        loop {
            // One that ends between this look and the wait leaves its wake-up behind.
            let room = total().saturating_sub(self.0.out.load(Ordering::Acquire));
            if room > 0 {
                return room;
            }
            self.landed().await;
        }
    }

    /// Resolves when a delivery has ended since the last look. For one caller at a time.
    pub(super) async fn landed(&self) {
        self.0.landed.notified().await;
    }

    /// Counts one more, until its permit is dropped.
    pub(super) fn permit(&self) -> Permit {
        self.0.out.fetch_add(1, Ordering::AcqRel);
        Permit(Arc::clone(&self.0))
    }
}

/// One delivery that is under way.
#[derive(Debug)]
pub(super) struct Permit(Arc<Count>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.out.fetch_sub(1, Ordering::AcqRel);
        self.0.landed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll_once<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_full_house_waits_for_one_to_end() {
        let flight = Flight::default();
        let (first, _second) = (flight.permit(), flight.permit());
        let mut room = pin!(flight.room(|| 2));
        assert_eq!(poll_once(room.as_mut()), None);

        drop(first);

        assert_eq!(poll_once(room), Some(1));
    }

    #[test]
    fn a_total_that_changes_counts_from_the_next_look() {
        let flight = Flight::default();
        let permits: Vec<_> = (0..3).map(|_| flight.permit()).collect();

        assert_eq!(poll_once(pin!(flight.room(|| 8))), Some(5));
        assert_eq!(poll_once(pin!(flight.room(|| 2))), None);
        drop(permits);
        assert_eq!(poll_once(pin!(flight.room(|| 2))), Some(2));
    }
}
