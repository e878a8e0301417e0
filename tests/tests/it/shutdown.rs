//! SIGTERM: nothing that was being answered is cut, and the process is gone within its grace period.

use std::io::{ErrorKind, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Answer, Receiver, Setup, connect, id, read_reply, signed, wait_for};

#[test]
fn a_request_being_answered_is_answered_to_its_end() {
    let upstream = Receiver::answering(|_, _| Answer::Stepwise(vec!["first part", "second part"]));
    let mut gateway = Setup::new()
        .flow("side", &format!("forward = \"{}\"", upstream.url("")))
        .start();
    let mut stream = connect(gateway.ingress);
    stream
        .write_all(&signed("side", b"stream").bytes())
        .unwrap();
    upstream.wait_for(1);

    gateway.process().signal("TERM");
    gateway.process().line("that it is stopping", |line| {
        line.contains("stopping").then_some(())
    });
    upstream.go_on();
    upstream.go_on();

    let reply = read_reply(&mut stream).unwrap();
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (200, "first partsecond part")
    );
    assert!(gateway.process().ended().success());
}

#[test]
fn under_load_no_answer_is_cut_and_nothing_acknowledged_is_lost() {
    let receiver = Receiver::start();
    let setup = Setup::new().flow(
        "orders",
        &format!(
            "steps = [{{ name = \"only\", url = \"{}\" }}]",
            receiver.url("/in")
        ),
    );
    let mut gateway = setup.start();
    let ingress = gateway.ingress;
    let acknowledged = Mutex::new(Vec::new());
    let count = AtomicUsize::new(0);

    let (status, took) = std::thread::scope(|scope| {
        for sender in 0..8 {
            let (acknowledged, count) = (&acknowledged, &count);
            scope.spawn(move || {
                for number in 0.. {
                    match signed("orders", format!("{sender}/{number}").as_bytes())
                        .try_send(ingress)
                    {
                        Ok(reply) if reply.status == 202 => {
                            acknowledged.lock().unwrap().push(id(&reply));
                            count.fetch_add(1, Ordering::SeqCst);
                        }
                        Ok(reply) => panic!("answered {} while stopping", reply.status),
                        // Not accepted, or closed before a byte of it was read: the sender may send it again.
                        Err(error) => {
                            assert!(
                                matches!(
                                    error.kind(),
                                    ErrorKind::ConnectionRefused
                                        | ErrorKind::ConnectionReset
                                        | ErrorKind::UnexpectedEof
                                        | ErrorKind::BrokenPipe
                                ),
                                "{error}"
                            );
                            break;
                        }
                    }
                }
            });
        }
        wait_for("some load", || {
            (count.load(Ordering::SeqCst) >= 100).then_some(())
        });
        let asked = Instant::now();
        (gateway.stop(), asked.elapsed())
    });

    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(10), "took {took:?}");
    let acknowledged = acknowledged.into_inner().unwrap();
    let gateway = setup.start();
    for id in &acknowledged {
        assert_eq!(
            gateway.admin(&format!("/events/{id}")).status,
            200,
            "{id} was acknowledged"
        );
    }
    wait_for("every acknowledged event to be delivered", || {
        (receiver.received().len() >= acknowledged.len()).then_some(())
    });
}

#[test]
fn an_upstream_that_never_answers_does_not_hold_it_past_the_grace_period() {
    let upstream = Receiver::answering(|_, _| Answer::Stall);
    let mut gateway = Setup::new()
        .ingress("grace = \"500ms\"")
        .flow("side", &format!("forward = \"{}\"", upstream.url("")))
        .start();
    let mut stream = connect(gateway.ingress);
    stream.write_all(&signed("side", b"held").bytes()).unwrap();
    upstream.wait_for(1);

    let asked = Instant::now();
    gateway.stop();

    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "took {:?}",
        asked.elapsed()
    );
}

#[test]
fn an_idle_connection_does_not_hold_it() {
    let mut gateway = Setup::new().flow("orders", "").start();
    let _silent = connect(gateway.ingress);
    let mut idle = connect(gateway.ingress);
    idle.write_all(&signed("orders", b"one").bytes()).unwrap();
    assert_eq!(read_reply(&mut idle).unwrap().status, 202);

    let asked = Instant::now();
    let status = gateway.stop();

    assert!(status.success());
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "took {:?}",
        asked.elapsed()
    );
}

#[test]
fn a_second_gateway_can_take_the_same_store_right_after() {
    let setup = Setup::new().flow("orders", "");
    let mut first = setup.start();
    let id = first.accepted("orders", b"handed over");

    assert!(first.stop().success());
    let second = setup.start();

    assert_eq!(second.admin(&format!("/events/{id}")).status, 200);
}
