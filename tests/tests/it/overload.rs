//! More than the gateway takes: bodies it refuses, logs nobody reads, connections the system has no files for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{
    PATIENCE, Process, Request, Setup, binary, connect, listening, read_reply, signed, wait_for,
    wait_until_ready,
};

/// Writes everything before it reads anything, as many clients do.
fn write_then_read(mut stream: TcpStream, bytes: &[u8]) -> u16 {
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(bytes)
        .expect("all is taken, wanted or not");
    read_reply(&mut stream).expect("an answer").status
}

#[test]
fn a_sender_that_writes_it_all_before_it_reads_learns_that_it_was_refused() {
    let gateway = Setup::new()
        .flow("orders", "")
        .flow("large", "body_limit = \"8MiB\"")
        .start();
    let body = vec![b'x'; 5 << 20];
    let unsigned = |flow: &str| Request::post(&format!("/hooks/{flow}")).body(body.as_slice());

    for (what, status, request) in [
        ("over the limit", 413, signed("orders", &body)),
        (
            "over the limit in chunks",
            413,
            signed("orders", &body).chunked(10_000),
        ),
        ("to no flow", 404, unsigned("nobody")),
        ("unsigned", 401, unsigned("large")),
        ("unsigned in chunks", 401, unsigned("large").chunked(10_000)),
        (
            "a method of no flow",
            405,
            Request::new("PUT", "/hooks/large")
                .body(body.as_slice())
                .header("Content-Length", body.len().to_string())
                .undeclared(),
        ),
    ] {
        for _ in 0..3 {
            let answered = write_then_read(connect(gateway.ingress), &request.bytes());
            assert_eq!(answered, status, "{what}");
        }
    }
}

#[test]
fn a_sender_that_was_refused_early_is_told_that_the_connection_ends() {
    let gateway = Setup::new().flow("orders", "").start();
    let mut stream = connect(gateway.ingress);
    let started = Instant::now();

    stream
        .write_all(b"POST /hooks/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\npart")
        .unwrap();

    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert!(all.starts_with("HTTP/1.1 401"), "{all}");
    assert!(started.elapsed() < Duration::from_secs(3), "at once");
}

#[test]
fn a_log_that_nobody_reads_holds_up_neither_requests_nor_the_end() {
    let setup = Setup::new().flow("orders", "");
    let mut child = setup
        .command()
        .env("COUNTERSIGN_LOG", "trace")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let (mut ingress, mut admin) = (None, None);
    while ingress.is_none() || admin.is_none() {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended");
        ingress = ingress.or_else(|| listening(&line, "ingress"));
        admin = admin.or_else(|| listening(&line, "admin"));
    }
    let (ingress, admin) = (ingress.unwrap(), admin.unwrap());

    // Nothing is read from here on; each request says several hundred bytes at this level.
    wait_until_ready(admin);
    let mut stream = connect(ingress);
    for number in 0..3_000 {
        stream
            .write_all(&signed("orders", format!("{number}").as_bytes()).bytes())
            .unwrap();
        assert_eq!(read_reply(&mut stream).unwrap().status, 202);
    }

    let live = Request::get("/livez").host("localhost").send(admin);
    assert_eq!(live.status, 200);
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    let status = wait_for("the end", || child.try_wait().unwrap());
    assert!(status.success(), "{status}");
    let mut left = Vec::new();
    log.read_to_end(&mut left).unwrap();
    assert!(left.len() > 60_000, "the pipe was full: {}", left.len());
}

#[test]
fn refusals_do_not_drown_the_log() {
    let mut gateway = Setup::new().flow("orders", "").start();
    let forged = |path: &str| Request::post(path).header("X-Webhook-Signature", "t=1,sha256=00");
    let started = Instant::now();

    for _ in 0..300 {
        assert_eq!(forged("/hooks/orders").send(gateway.ingress).status, 401);
        assert_eq!(forged("/hooks/nobody").send(gateway.ingress).status, 404);
    }

    let seconds = started.elapsed().as_secs() as usize + 1;
    gateway.stop();
    let said = gateway.process().said();
    let refused = |line: &&str| line.contains("\"refused");
    let lines = said.lines().filter(refused).count();
    assert!(lines > 0);
    // Twenty at once and one a second, of each of the two kinds.
    assert!(lines <= 2 * (20 + seconds), "{lines} lines in {seconds} s");
}

#[test]
fn a_low_limit_of_open_files_lowers_the_cap_and_is_told() {
    let setup = Setup::new().flow("orders", "");
    let config = setup.write();
    let process = Process::start(
        Command::new("sh")
            .arg("-c")
            .arg("ulimit -Sn 400; ulimit -Hn 800; exec \"$0\" serve --config \"$1\"")
            .arg(binary())
            .arg(config),
    );

    let line = process.line("that the limit is too low", |line| {
        line.contains("limit of open files")
            .then(|| line.to_owned())
    });
    let ingress = process.line("ingress", |line| listening(line, "ingress"));

    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["open_files"], 800, "the soft limit was raised: {line}");
    let cap = line["max_connections"].as_u64().unwrap();
    assert!((1..800).contains(&cap), "{line}");
    let silent: Vec<_> = (1..cap).map(|_| connect(ingress)).collect();
    assert_eq!(signed("orders", b"fits").send(ingress).status, 202);
    assert!(!process.said().contains("cannot accept"));
    drop(silent);
}
