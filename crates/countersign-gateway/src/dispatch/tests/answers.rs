//! What an attempt may meet, and what is recorded of it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use tokio::time::timeout;

use super::support::{PATIENCE, Running, ends, outcomes};
use crate::deliver::receiver::{Receiver, answer};

#[tokio::test]
async fn an_attempt_ends_when_its_time_is_over() {
    let receiver = Receiver::answering(|_| std::future::pending::<Response<Bytes>>()).await;
    let running = Running::with_steps(&[(
        "billing",
        receiver.url("/"),
        "timeout = \"50ms\"\nmax_retries = 0",
    )]);

    let event = running.event(&["billing"]).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["exhausted"]);
    assert_eq!(outcomes(&attempts), ["timed_out"]);
}

#[tokio::test]
async fn a_body_without_end_neither_hangs_nor_fails_a_delivery() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nso far";
    let receiver = Receiver::saying(Bytes::from_static(head.as_bytes())).await;
    let running =
        Running::with_steps(&[("billing", format!("http://{receiver}/"), "timeout = \"2s\"")]);

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(outcomes(&attempts), ["delivered"]);
    assert_eq!(attempts[0].answer, "so far");
}

#[tokio::test]
async fn of_a_megabyte_twenty_kibibytes_are_kept() {
    let receiver =
        Receiver::answering(|_| async { Response::new(Bytes::from(vec![b'x'; 1 << 20])) }).await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(outcomes(&attempts), ["delivered"]);
    assert_eq!(attempts[0].answer.len(), 20 * 1024);
}

#[tokio::test]
async fn a_redirect_is_recorded_and_not_followed() {
    let elsewhere = Receiver::with_status(StatusCode::OK).await;
    let location = elsewhere.url("/\u{7f}");
    let receiver = Receiver::answering(move |_| {
        let mut redirect = answer(StatusCode::FOUND);
        let location =
            http::HeaderValue::from_bytes(location.replace('\u{7f}', "\u{e9}").as_bytes()).unwrap();
        redirect.headers_mut().insert(LOCATION, location);
        async { redirect }
    })
    .await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "max_retries = 0")]);

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(outcomes(&attempts), ["redirected"]);
    let told = attempts[0].error.as_deref().unwrap();
    assert!(
        told.ends_with(&format!("{}\\xc3\\xa9", elsewhere.url("/"))),
        "{told}"
    );
    assert_eq!(elsewhere.unseen(), 0);
}

#[tokio::test]
async fn gone_is_the_end_at_once() {
    let receiver = Receiver::with_status(StatusCode::GONE).await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing"]).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["gone"]);
    assert_eq!(outcomes(&attempts), ["gone"]);
}

#[tokio::test]
async fn retry_after_puts_the_next_attempt_off() {
    let receiver = Receiver::answering(|_| async {
        let mut busy = answer(StatusCode::SERVICE_UNAVAILABLE);
        busy.headers_mut()
            .insert(RETRY_AFTER, "3600".parse().unwrap());
        busy
    })
    .await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing"]).await;
    let waiting = async {
        while running.queue.next_due().is_none() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();

    let wait = running.queue.next_due().unwrap();
    assert!(wait > Duration::from_secs(3500), "{wait:?}");
    assert_eq!(running.queue.attempts(event).await.unwrap().len(), 1);
    assert_eq!(receiver.unseen(), 1);
}

#[tokio::test]
async fn an_address_that_is_denied_is_told_apart() {
    let steps = [(
        "billing",
        "http://169.254.169.254/latest".to_owned(),
        "max_retries = 0",
    )];
    let running = Running::with_steps(&steps);

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(outcomes(&attempts), ["address_denied"]);
    assert!(
        attempts[0]
            .error
            .as_deref()
            .unwrap()
            .contains("169.254.169.254")
    );
}

#[tokio::test]
async fn an_event_that_goes_in_circles_ends() {
    let receiver = Receiver::with_status(StatusCode::OK).await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let mut headers = HeaderMap::new();
    headers.insert("countersign-hops", "8".parse().unwrap());
    let event = running.append(&["billing"], headers).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["too_many_hops"]);
    assert_eq!(outcomes(&attempts), ["too_many_hops"]);
    assert_eq!(receiver.unseen(), 0);
}
