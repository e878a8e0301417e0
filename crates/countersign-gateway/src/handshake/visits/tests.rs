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

    visits.begin(&flow(), &url);
    let seen = receiver.request().await;
    tasks.drain(Duration::from_secs(30)).await.unwrap();
    visits.begin(&flow(), &url);

    assert_eq!(seen.method(), Method::GET);
    assert_eq!(
        seen.uri().query(),
        Some("Action=ConfirmSubscription&Token=a%2Fb")
    );
    assert!(visits.is_made(&Sha256::digest(&url).into()));
    assert_eq!(receiver.unseen(), 0);
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
