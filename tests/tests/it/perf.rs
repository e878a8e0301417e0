//! A small process: soon there, and modest while nothing happens.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::{Receiver, Setup, step, wait_for};

#[test]
fn it_is_ready_after_little_work() {
    let setup = Setup::new().flow("orders", "");
    // The first start makes the store.
    setup.start().stop();

    let mut gateway = setup.start();
    let worked = processor_time(&gateway.process().root());

    // A release build is there within 100 ms; this one is not optimised.
    assert!(worked < Duration::from_secs(1), "ready after {worked:?}");
}

#[test]
fn an_idle_gateway_takes_little_memory() {
    let receiver = Receiver::start();
    let setup = Setup::new().flow("orders", &step("only", &receiver.url("/in")));
    let mut gateway = setup.start();
    for number in 0..100 {
        gateway.accepted("orders", format!("{number}").as_bytes());
    }
    receiver.wait_for(100);
    wait_for("the deliveries to be settled", || {
        let page = gateway.admin("/events?state=pending&limit=1").json();
        page["events"]
            .as_array()
            .is_some_and(Vec::is_empty)
            .then_some(())
    });

    let root = gateway.process().root();
    let status = fs::read_to_string(root.with_file_name("status")).unwrap();
    let (own, all) = (resident(&status, "RssAnon"), resident(&status, "VmRSS"));

    // The rest is pages of the program, of which a release build has half as many.
    assert!(own < 8 << 20 && all < 32 << 20, "{status}");
}

/// The bytes of memory of one kind in the `status` of a process.
fn resident(status: &str, kind: &str) -> u64 {
    let field = |line: &str| {
        line.strip_prefix(kind)?
            .strip_prefix(':')
            .map(str::to_owned)
    };
    let field = status.lines().find_map(field).unwrap();
    let kib: u64 = field.trim().trim_end_matches(" kB").parse().unwrap();
    kib << 10
}

/// What a process took of the processors so far; unlike the clock, it does not count what others take.
fn processor_time(root: &Path) -> Duration {
    let stat = fs::read_to_string(root.with_file_name("stat")).unwrap();
    // The second field is the program's name in parentheses; the fourteenth and fifteenth are counted from there.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| -> u32 { fields[at].parse().unwrap() };
    (ticks(11) + ticks(12)) * TICK
}

const TICK: Duration = Duration::from_millis(10);
