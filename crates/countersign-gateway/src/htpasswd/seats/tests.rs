use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::task::Poll;

use super::*;

fn from(address: &str) -> Option<IpAddr> {
    Some(address.parse().unwrap())
}

fn mark(number: usize) -> Mark {
    [u8::try_from(number).unwrap(); 32]
}

/// The seat, if it is there without waiting.
async fn at_once(seat: std::pin::Pin<&mut impl Future<Output = Option<Seat>>>) -> Option<Seat> {
    let mut seat = seat;
    poll_fn(|cx| {
        Poll::Ready(match seat.as_mut().poll(cx) {
            Poll::Ready(seat) => seat,
            Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn of_one_address_one_check_is_under_way_however_many_seats_are_free() {
    let seats = Seats::new(2);
    let mut first = pin!(seats.line_up(from("192.0.2.1"), mark(99)).unwrap().seat());
    let mut second = pin!(seats.line_up(from("192.0.2.1"), mark(99)).unwrap().seat());
    let mut other = pin!(seats.line_up(from("192.0.2.2"), mark(99)).unwrap().seat());

    let seat = at_once(first.as_mut()).await;
    assert!(seat.is_some());
    assert!(at_once(second.as_mut()).await.is_none());
    assert!(at_once(other.as_mut()).await.is_some());
    drop(seat);
    assert!(at_once(second.as_mut()).await.is_some());
}

#[tokio::test]
async fn who_comes_from_elsewhere_is_next_however_long_the_line_of_another_address() {
    let seats = Seats::new(1);
    let mut flood: Vec<_> = (0..IN_TIME)
        .map(|number| {
            Box::pin(
                seats
                    .line_up(from("192.0.2.1"), mark(number))
                    .unwrap()
                    .seat(),
            )
        })
        .collect();
    assert!(
        seats.line_up(from("192.0.2.1"), mark(99)).is_none(),
        "a full line"
    );
    let mut held = None;
    for (number, check) in flood.iter_mut().enumerate() {
        let seat = at_once(check.as_mut()).await;
        assert_eq!(seat.is_some(), number == 0);
        held = held.or(seat);
    }
    let mut other = pin!(seats.line_up(from("192.0.2.2"), mark(99)).unwrap().seat());
    assert!(at_once(other.as_mut()).await.is_none());

    drop(held);

    for check in flood.iter_mut().skip(1) {
        assert!(at_once(check.as_mut()).await.is_none());
    }
    assert!(at_once(other.as_mut()).await.is_some());
}

#[test]
fn there_is_room_for_as_many_addresses_as_have_their_turn_in_time() {
    let seats = Seats::new(2);
    let address = |number: usize| Some(Ipv4Addr::from(u32::try_from(number).unwrap()).into());
    let mut all: Vec<_> = (0..2 * IN_TIME)
        .map(|number| seats.line_up(address(number), mark(99)).unwrap())
        .collect();

    assert!(seats.line_up(address(2 * IN_TIME), mark(99)).is_none());
    assert!(seats.line_up(None, mark(99)).is_none());
    assert!(
        seats.line_up(address(0), mark(99)).is_some(),
        "behind its own"
    );
    all.pop();
    assert!(seats.line_up(address(2 * IN_TIME), mark(99)).is_some());
    drop(all);
    assert!(seats.0.lines().is_empty(), "nothing is left of them");
}

#[test]
fn the_addresses_of_one_network_of_ipv6_are_one_and_so_are_those_that_are_not_known() {
    for (one, other, equal) in [
        (from("2001:db8::1"), from("2001:db8::ffff:0:0:2"), true),
        (from("2001:db8::1"), from("2001:db8:0:1::1"), false),
        (from("::ffff:192.0.2.1"), from("192.0.2.1"), true),
        (from("::ffff:192.0.2.1"), from("::ffff:192.0.2.2"), false),
        (None, None, true),
        (None, from("192.0.2.1"), false),
    ] {
        let seats = Seats::new(1);
        let _places = [
            seats.line_up(one, mark(99)).unwrap(),
            seats.line_up(other, mark(99)).unwrap(),
        ];
        let lines = seats.0.lines().len();
        assert_eq!(lines == 1, equal, "{one:?} {other:?}");
    }
}

#[test]
fn another_configuration_has_no_seats_of_its_own() {
    let (one, other) = (Seats::of_the_process(), Seats::of_the_process());

    assert!(Arc::ptr_eq(&one.0, &other.0));
}
