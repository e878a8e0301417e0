//! `kill -9` under load, again and again: nothing acknowledged is lost, nothing refused is delivered.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Answer, Receiver, Request, Setup, id, native, signed, step, wait_for};

const ROUNDS: usize = 20;
const SENDERS: usize = 4;

#[test]
fn nothing_acknowledged_is_lost_and_nothing_refused_is_delivered() {
    let receiver = Receiver::start();
    let setup = Setup::new().flow("orders", &step("only", &receiver.url("/in")));
    let mut acknowledged: Vec<(String, String)> = Vec::new();

    for round in 0..ROUNDS {
        let mut gateway = setup.start();
        acknowledged.append(&mut load_until_killed(&mut gateway, round));
    }

    let gateway = setup.start();
    for (id, body) in &acknowledged {
        assert_eq!(
            gateway.admin(&format!("/events/{id}")).status,
            200,
            "{id} ({body}) was acknowledged and is lost"
        );
    }
    let owed: BTreeSet<&str> = acknowledged.iter().map(|(_, body)| body.as_str()).collect();
    wait_for("every acknowledged event to be delivered", || {
        let delivered: BTreeSet<String> = bodies(&receiver);
        owed.iter()
            .all(|body| delivered.contains(*body))
            .then_some(())
    });
    let forged: Vec<_> = bodies(&receiver)
        .into_iter()
        .filter(|body| body.starts_with("forged"))
        .collect();
    assert!(forged.is_empty(), "refused and delivered: {forged:?}");
    eprintln!(
        "{ROUNDS} rounds, {} acknowledged, {} requests delivered",
        acknowledged.len(),
        receiver.received().len()
    );
}

#[test]
fn the_log_says_that_a_delivery_is_dead_because_of_a_crash() {
    let receiver = Receiver::answering(|_, _| Answer::Stall);
    let setup = Setup::new()
        .delivery("max_retries = 0")
        .flow("orders", &step("only", &receiver.url("/in")));
    let mut gateway = setup.start();
    let id = gateway.accepted("orders", b"the only attempt");
    receiver.wait_for(1);
    gateway.process().kill();

    let mut gateway = setup.start();

    let line = gateway.process().line("that it is dead", |line| {
        (line.contains("exhausted") && line.contains(&id)).then(|| line.to_owned())
    });
    assert!(line.contains("cut short by a crash"), "{line}");
    assert!(line.contains("\"attempt\":1"), "{line}");
    assert_eq!(receiver.received().len(), 1);
}

/// Sends genuine and forged webhooks until the gateway, killed in the middle, no longer answers.
fn load_until_killed(gateway: &mut crate::support::Gateway, round: usize) -> Vec<(String, String)> {
    let ingress = gateway.ingress;
    let acknowledged = Mutex::new(Vec::new());
    let count = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (acknowledged, count) = (&acknowledged, &count);
            scope.spawn(move || {
                for number in 0.. {
                    let body = format!("genuine {round}/{sender}/{number}");
                    let Ok(reply) = signed("orders", body.as_bytes()).try_send(ingress) else {
                        break;
                    };
                    acknowledged.lock().unwrap().push((id(&reply), body));
                    count.fetch_add(1, Ordering::SeqCst);

                    let body = format!("forged {round}/{sender}/{number}");
                    let forged = Request::post("/hooks/orders")
                        .header(
                            "X-Webhook-Signature",
                            native("not-the-secret-of-this-flow", body.as_bytes()),
                        )
                        .body(body);
                    let Ok(reply) = forged.try_send(ingress) else {
                        break;
                    };
                    assert_eq!(reply.status, 401);
                }
            });
        }
        // A different moment each round: between the first commit and some hundred.
        let enough = 1 + round * 7;
        wait_for("load", || {
            (count.load(Ordering::SeqCst) >= enough).then_some(())
        });
        gateway.process().kill();
    });
    acknowledged.into_inner().unwrap()
}

fn bodies(receiver: &Receiver) -> BTreeSet<String> {
    receiver
        .received()
        .into_iter()
        .map(|one| String::from_utf8(one.body).expect("our own text"))
        .collect()
}
