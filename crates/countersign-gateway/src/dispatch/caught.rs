//! A panic in one delivery is that delivery's failure and nobody else's.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Polls `future`; a panic in it becomes its message.
pub(super) async fn caught<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        // Whatever the panic left half-done is dropped with the future, which is not polled again.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(message(&*panic))),
        }
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_and_tells_its_message() {
        let plain = caught(async { panic!("out of cheese") }).await;
        let formatted = caught(async { panic!("error {}", 7) }).await;

        assert_eq!(plain, Err::<(), _>("out of cheese".to_owned()));
        assert_eq!(formatted, Err::<(), _>("error 7".to_owned()));
    }

    #[tokio::test]
    async fn what_does_not_panic_is_left_alone() {
        let output = caught(async {
            tokio::task::yield_now().await;
            7
        });

        assert_eq!(output.await, Ok(7));
    }
}
