//! SIGTERM: nothing that was being answered is cut, and the process is gone within its grace period.

use std::io::{ErrorKind, Write};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{
    Answer, Gateway, Process, Receiver, Setup, binary, connect, id, read_reply, signed, step, tool,
    wait_for,
};

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
    let setup = Setup::new().flow("orders", &step("only", &receiver.url("/in")));
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
                        // Not accepted, or closed before it was read: none of these may have been stored, as is seen below.
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
    assert_eq!(
        stored(&gateway),
        acknowledged.len(),
        "what was not acknowledged was not stored either: nobody was cut off while being answered"
    );
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
fn a_stuck_request_takes_nothing_from_deliveries_and_what_is_cut_counts_no_attempt() {
    let upstream = Receiver::answering(|_, _| Answer::Stall);
    let slow = Receiver::answering(|_, _| Answer::Stepwise(vec!["done"]));
    let hung = Receiver::answering(|number, _| match number {
        1..=8 => Answer::Stall,
        _ => Answer::status(200),
    });
    let setup = Setup::new()
        .ingress("grace = \"2s\"")
        .delivery("max_retries = 0")
        .flow("side", &format!("forward = \"{}\"", upstream.url("")))
        .flow("orders", &step("slow", &slow.url("")))
        .flow("lost", &step("hung", &hung.url("")));
    let mut gateway = setup.start();
    let mut stuck = connect(gateway.ingress);
    stuck.write_all(&signed("side", b"held").bytes()).unwrap();
    upstream.wait_for(1);
    // More than one step may have under way, so that some are claimed by nobody.
    let orders: Vec<_> = (0..24)
        .map(|number| gateway.accepted("orders", format!("{number}").as_bytes()))
        .collect();
    let lost: Vec<_> = (0..8)
        .map(|number| gateway.accepted("lost", format!("{number}").as_bytes()))
        .collect();
    slow.wait_for(16);
    hung.wait_for(8);

    gateway.process().signal("TERM");
    gateway.process().line("that it is stopping", |line| {
        line.contains("stopping").then_some(())
    });
    slow.go_on();
    let status = gateway.process().ended();

    assert!(status.success(), "{status}");
    assert_eq!(slow.received().len(), 16, "nothing was claimed after it");
    let said = gateway.process().said();
    assert!(said.contains("\"interrupted\":8"), "{said}");
    let gateway = setup.start();
    wait_for("every delivery to end well, at its first attempt", || {
        let done = |id: &String| {
            let event = gateway.event(id);
            let attempts = event["attempts"].as_array().expect("attempts");
            assert!(attempts.len() <= 1, "{event:#}");
            assert_ne!(event["deliveries"][0]["state"], "dead", "{event:#}");
            event["deliveries"][0]["state"] == "done"
        };
        (orders.iter().all(done) && lost.iter().all(done)).then_some(())
    });
}

#[test]
fn a_store_that_fails_while_it_stops_is_no_success() {
    if !tool("prlimit") {
        return;
    }
    let receiver = Receiver::answering(|_, _| Answer::Stepwise(vec!["done"]));
    let steps = step("only", &receiver.url(""));
    let setup = Setup::new().flow("orders", &steps);
    let script = "trap '' XFSZ; exec \"$0\" serve --config \"$1\"";
    let mut process = Process::start(
        Command::new("sh")
            .args(["-c", script])
            .arg(binary())
            .arg(setup.write()),
    );
    let (ingress, _) = process.ready();
    id(&signed("orders", b"one").send(ingress));
    receiver.wait_for(1);

    process.signal("TERM");
    process.line("that it is stopping", |line| {
        line.contains("stopping").then_some(())
    });
    let limited = Command::new("prlimit")
        .args(["--fsize=0", "--pid", &process.id()])
        .status()
        .unwrap();
    assert!(limited.success());
    receiver.go_on();

    assert_eq!(process.ended().code(), Some(1), "{}", process.said());
    assert!(
        process.said().contains("the store failed"),
        "{}",
        process.said()
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

/// How many events there are.
fn stored(gateway: &Gateway) -> usize {
    let (mut count, mut before) = (0, String::new());
    loop {
        let page = gateway.admin(&format!("/events?limit=500{before}")).json();
        count += page["events"].as_array().map_or(0, Vec::len);
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return count,
        }
    }
}
