use http::Method;

use super::*;
use crate::config::AddressRules;
use crate::deliver::receiver::{Receiver, answer};

fn visits(open: bool) -> (Visits, Tasks) {
    let allowed = ["127.0.0.0/8".parse().unwrap()];
    let rules = AddressRules {
        allowed: if open { allowed.to_vec() } else { Vec::new() },
        denied: Vec::new(),
    };
    let tasks = Tasks::new();
    let client = Client::for_strangers(&rules, &[]).unwrap();
    (Visits::new(client, tasks.clone()), tasks)
}

fn flow() -> FlowId {
    FlowId::parse("orders").unwrap()
}

#[tokio::test]
async fn a_url_is_visited_once_however_often_it_is_asked_for() {
    let mut receiver = Receiver::with_status(StatusCode::OK).await;
    let (visits, tasks) = visits(true);
    let url = receiver.url("/?Action=ConfirmSubscription&Token=a%2Fb");

    // Copies come while the first is under way, and when it is done.
    for _ in 0..2 * AT_ONCE {
        assert!(visits.begin(&flow(), &url));
    }
    let seen = receiver.request().await;
    tasks.drain(Duration::from_secs(30)).await.unwrap();
    assert!(visits.begin(&flow(), &url));

    assert_eq!(seen.method(), Method::GET);
    assert_eq!(
        seen.uri().query(),
        Some("Action=ConfirmSubscription&Token=a%2Fb")
    );
    assert_eq!(receiver.unseen(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_room_to_visit_may_be_asked_for_again() {
    let (visits, tasks) = visits(false);
    let begin = |number: usize| visits.begin(&flow(), &format!("http://127.0.0.1:9/{number}"));

    assert!((0..AT_ONCE).all(begin));
    assert!(!begin(AT_ONCE));
    tasks.drain(Duration::from_secs(600)).await.unwrap();

    // Neither what there was no room for nor what was visited in vain counts as made.
    assert!(visits.made().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_visit_in_vain_is_tried_again_and_then_given_up() {
    let (visits, _tasks) = visits(false);
    let started = tokio::time::Instant::now();

    // Nothing is sent: the address is one that senders may not name.
    let visited = visits
        .visit(&flow(), "http://127.0.0.1:9/", &CancellationToken::new())
        .await;

    assert!(!visited);
    let waits: Duration = WAITS.iter().sum();
    assert!(started.elapsed() >= waits);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut receiver = Receiver::answering(|_| async {
        let mut away = answer(StatusCode::FOUND);
        let target = http::HeaderValue::from_static("/elsewhere");
        away.headers_mut().insert(http::header::LOCATION, target);
        away
    })
    .await;
    let (visits, _tasks) = visits(true);

    let outcome = visits.attempt(&receiver.url("/")).await;

    assert!(matches!(outcome, Outcome::Answered(StatusCode::FOUND)));
    assert_eq!(receiver.request().await.uri().path(), "/");
    assert_eq!(receiver.unseen(), 0);
}

#[tokio::test]
async fn a_stop_ends_the_waiting() {
    let (visits, _tasks) = visits(false);
    let stop = CancellationToken::new();
    stop.cancel();

    assert!(!visits.visit(&flow(), "http://127.0.0.1:9/", &stop).await);
}
