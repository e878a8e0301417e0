use std::collections::VecDeque;
use std::convert::Infallible;

use http::StatusCode;
use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http_body_util::BodyExt;
use tokio::time::sleep;

use super::*;
use crate::config::Config;

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_body_that_falls_silent_breaks_off_at_the_limit() {
    let started = Instant::now();
    let mut body = passing([Duration::ZERO, Duration::MAX]);

    let first = body.frame().await;
    let second = body.frame().await;

    assert!(matches!(first, Some(Ok(_))));
    let error = second.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "nothing came within 30s");
    assert_eq!(started.elapsed(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_body_may_take_for_ever_as_long_as_it_moves() {
    let started = Instant::now();
    let mut body = passing([LIMIT - Duration::from_secs(1); 100]);

    let mut frames = 0;
    while let Some(frame) = body.frame().await {
        frame.unwrap();
        frames += 1;
    }

    assert_eq!(frames, 100);
    assert!(started.elapsed() > 90 * LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_slow_to_ask_for_more_costs_the_upstream_nothing() {
    let mut body = passing([Duration::from_secs(20); 3]);

    for _ in 0..3 {
        assert!(matches!(body.frame().await, Some(Ok(_))));
        sleep(10 * LIMIT).await;
    }
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_body_that_is_there_needs_no_timer() {
    let mut body = passing([Duration::ZERO; 3]);

    while body.frame().await.is_some() {}

    assert!(body.timer.is_none());
}

#[test]
fn an_answer_measured_twice_comes_back_without_a_length() {
    let mut answer = Response::new(Steps::default());
    *answer.status_mut() = StatusCode::CREATED;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
    headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));

    let back = passed_back(answer, &flow(), LIMIT);

    assert_eq!(back.status(), StatusCode::CREATED);
    assert!(back.headers().is_empty());
}

fn passing<const N: usize>(waits: [Duration; N]) -> PassedBack<Steps> {
    let steps = Steps {
        waits: waits.into(),
        timer: None,
    };
    passed_back(Response::new(steps), &flow(), LIMIT).into_body()
}

fn flow() -> Arc<Flow> {
    let text = r#"
        [[flows]]
        id = "side"
        auth = { mode = "none" }
        forward = "http://up"
    "#;
    let config = Config::parse(text, "countersign.toml".as_ref()).unwrap();
    Arc::clone(&config.flows[0])
}

/// A frame after each of these waits.
#[derive(Default)]
struct Steps {
    waits: VecDeque<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Body for Steps {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let Some(wait) = this.waits.front() else {
            return Poll::Ready(None);
        };
        if !wait.is_zero() {
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(*wait)));
            ready!(timer.as_mut().poll(context));
        }
        this.timer = None;
        this.waits.pop_front();
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"part")))))
    }
}
