use super::*;

fn moment(attempt: u32) -> Moment {
    Moment {
        attempt,
        now: now(),
        roll: 0.5,
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn schedule() -> Schedule {
    Schedule::stepped([seconds(5)], 2)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn again(wait: u64) -> Next {
    Next::Again {
        after: seconds(wait),
    }
}

fn answered(status: u16, retry_after: Option<&str>) -> Outcome {
    let mut headers = HeaderMap::new();
    if let Some(value) = retry_after {
        headers.insert(header::RETRY_AFTER, value.parse().unwrap());
    }
    Outcome::answered(StatusCode::from_u16(status).unwrap(), &headers)
}

#[test]
fn every_status_has_one_label_and_one_consequence() {
    for (status, label, next) in [
        (200, "delivered", Next::Done),
        (204, "delivered", Next::Done),
        (299, "delivered", Next::Done),
        (301, "redirected", again(5)),
        (304, "redirected", again(5)),
        (400, "client_error", again(5)),
        (401, "client_error", again(5)),
        (404, "client_error", again(5)),
        (410, "gone", dead("gone")),
        (429, "too_many_requests", again(60)),
        (500, "server_error", again(5)),
        (503, "unavailable", again(5)),
        (199, "unexpected_status", again(5)),
        (600, "unexpected_status", again(5)),
    ] {
        let outcome = answered(status, None);
        assert_eq!(outcome.as_str(), label, "{status}");
        assert_eq!(outcome.next(&schedule(), moment(1)), next, "{status}");
    }
}

#[test]
fn retry_after_is_honoured_within_the_floor_and_a_day() {
    let in_ninety_seconds = httpdate::fmt_http_date(now() + seconds(90));
    let in_a_year = httpdate::fmt_http_date(now() + seconds(365 * 86_400));
    for (status, value, wait) in [
        (503, "120", 120),
        (503, "1", 5),
        (503, in_ninety_seconds.as_str(), 90),
        (503, in_a_year.as_str(), 86_400),
        (503, "Sun, 06 Nov 1994 08:49:37 GMT", 5),
        (503, "99999999999999999999999999", 86_400),
        (503, "soon", 5),
        (503, "-5", 5),
        (503, "1.5", 5),
        (429, "1", 60),
        (429, "300", 300),
        (500, "300", 5),
        (302, "300", 5),
    ] {
        let next = answered(status, Some(value)).next(&schedule(), moment(1));
        assert_eq!(next, again(wait), "{status} {value}");
    }
}

#[test]
fn a_receiver_cannot_prolong_a_delivery_past_its_last_attempt() {
    assert_eq!(
        answered(503, Some("60")).next(&schedule(), moment(3)),
        dead("exhausted")
    );
    assert_eq!(
        answered(503, Some("60")).next(&schedule(), moment(u32::MAX)),
        dead("exhausted")
    );
}

#[test]
fn every_failure_is_tried_again_and_a_time_out_after_a_minute_at_least() {
    for (failure, wait) in [
        (Failure::AddressDenied, 5),
        (Failure::BadAnswer, 5),
        (Failure::ConnectFailed, 5),
        (Failure::ConnectionLost, 5),
        (Failure::ConnectionRefused, 5),
        (Failure::DnsFailed, 5),
        (Failure::Panicked, 5),
        (Failure::SignFailed, 5),
        (Failure::TimedOut, 60),
        (Failure::TlsFailed, 5),
    ] {
        let outcome = Outcome::Failed(failure);
        assert_eq!(
            outcome.next(&schedule(), moment(1)),
            again(wait),
            "{failure}"
        );
        assert_eq!(
            outcome.next(&schedule(), moment(3)),
            dead("exhausted"),
            "{failure}"
        );
    }
}

#[test]
fn what_cannot_be_sent_is_dead_at_once() {
    for impossible in [
        Impossible::Exhausted,
        Impossible::StepRemoved,
        Impossible::TooManyHops,
        Impossible::Unsendable,
    ] {
        let next = Outcome::Impossible(impossible).next(&schedule(), moment(1));
        assert_eq!(next, dead(impossible.as_str()));
    }
}

#[test]
fn a_fixed_delay_has_no_floor() {
    let schedule = Schedule::fixed(seconds(1), 1);

    assert_eq!(answered(429, None).next(&schedule, moment(1)), again(1));
    assert_eq!(
        Outcome::Failed(Failure::TimedOut).next(&schedule, moment(1)),
        again(1)
    );
}
