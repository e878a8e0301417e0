//! Stores that cannot be used: a clear message, and nothing is lost or changed.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::{Process, Setup, ask, binary, id, listening, signed, tool, wait_until_ready};

#[test]
fn a_second_process_on_the_same_store_is_refused_and_the_first_goes_on() {
    let setup = Setup::new().flow("orders", "");
    let first = setup.start();

    let said = refused(&setup);

    assert!(said.contains(setup.store().to_str().unwrap()), "{said}");
    assert_says_one_of(&said, &["in use", "another"]);
    assert_eq!(first.post("orders", b"still here").status, 202);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let setup = Setup::new().flow("orders", "");
    fs::write(
        setup.store(),
        "these are somebody's notes, not a database\n".repeat(500),
    )
    .unwrap();
    let before = fs::read(setup.store()).unwrap();

    let said = refused(&setup);

    assert!(said.contains(setup.store().to_str().unwrap()), "{said}");
    assert_says_one_of(&said, &["not a database", "not a Countersign"]);
    assert_eq!(fs::read(setup.store()).unwrap(), before);
}

#[test]
fn a_database_of_something_else_is_refused_and_left_as_it_is() {
    let setup = Setup::new().flow("orders", "");
    let other = Connection::open(setup.store()).unwrap();
    other.execute_batch("CREATE TABLE invoices (id INTEGER PRIMARY KEY, total INTEGER); INSERT INTO invoices VALUES (1, 2);").unwrap();
    drop(other);

    let said = refused(&setup);

    assert!(said.contains(setup.store().to_str().unwrap()), "{said}");
    let other = Connection::open(setup.store()).unwrap();
    let tables: i64 = other
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(tables, 1, "nothing was added to it");
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let setup = Setup::new().flow("orders", "");
    let mut gateway = setup.start();
    let id = gateway.accepted("orders", b"kept");
    gateway.stop();
    let version = |path| -> i64 {
        Connection::open(path)
            .unwrap()
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap()
    };
    let ours = version(setup.store());
    let set = |version: i64| {
        Connection::open(setup.store())
            .unwrap()
            .pragma_update(None, "user_version", version)
            .unwrap();
    };
    set(ours + 1);

    let said = refused(&setup);

    assert_says_one_of(&said, &["newer"]);
    assert_eq!(version(setup.store()), ours + 1);
    set(ours);
    assert_eq!(
        setup.start().admin(&format!("/events/{id}")).status,
        200,
        "and what was in it still is"
    );
}

#[test]
fn a_damaged_database_is_refused() {
    let setup = Setup::new().flow("orders", "");
    let mut gateway = setup.start();
    for number in 0..50 {
        gateway.accepted("orders", format!("{number}").repeat(500).as_bytes());
    }
    gateway.stop();
    let mut bytes = fs::read(setup.store()).unwrap();
    let after_the_first_page = 4096;
    for byte in bytes.iter_mut().skip(after_the_first_page).take(16 * 4096) {
        *byte = 0xa5;
    }
    fs::write(setup.store(), &bytes).unwrap();

    let said = refused(&setup);

    assert!(said.contains(setup.store().to_str().unwrap()), "{said}");
    assert_says_one_of(&said, &["corrupt", "damaged", "malformed"]);
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let setup = Setup::new().flow("orders", "");
    let file = setup.folder().join("a-file");
    fs::write(&file, "").unwrap();
    let text = fs::read_to_string(setup.write()).unwrap();
    let elsewhere = text.replace(
        setup.store().to_str().unwrap(),
        file.join("countersign.db").to_str().unwrap(),
    );
    let path = setup.folder().join("elsewhere.toml");
    fs::write(&path, elsewhere).unwrap();

    let mut process = Process::start(
        Command::new(binary())
            .arg("serve")
            .arg("--config")
            .arg(path),
    );

    assert!(!process.ended().success());
    assert!(process.said().contains("a-file"), "{}", process.said());
}

#[test]
fn a_read_only_folder_is_refused() {
    if !namespaces() {
        return;
    }
    let setup = Setup::new().flow("orders", "");
    let mut process = in_file_system(&setup, "ro,size=1m");

    assert!(!process.ended().success());
    let said = process.said();
    assert!(said.contains("disk/countersign.db"), "{said}");
    assert_says_one_of(
        &said.to_lowercase(),
        &["read-only", "readonly", "cannot be written"],
    );
}

#[test]
fn a_full_disk_refuses_with_503_and_loses_nothing() {
    if !namespaces() {
        return;
    }
    let setup = Setup::new().flow("orders", "");
    let process = in_file_system(&setup, "size=4m");
    let address = |listener| process.line(listener, |line| listening(line, listener));
    let (ingress, admin) = (address("ingress"), address("admin"));
    wait_until_ready(admin);

    let mut acknowledged = Vec::new();
    let full = (0..500).find_map(|number: usize| {
        let reply = signed("orders", &vec![b'a' + (number % 26) as u8; 32 * 1024]).send(ingress);
        if reply.status == 202 {
            acknowledged.push(id(&reply));
            return None;
        }
        Some(reply)
    });

    let full = full.expect("a disk of 4 MiB does not take 16 MiB");
    assert_eq!(full.status, 503, "{}", full.text());
    assert!(
        full.header("retry-after")
            .is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0))
    );
    for id in acknowledged {
        let reply = ask(admin, &format!("/events/{id}"));
        assert_eq!(reply.status, 200, "{id} was acknowledged");
    }
}

/// Starts a gateway that must refuse its store, soon and on purpose, and returns what it said.
fn refused(setup: &Setup) -> String {
    let started = Instant::now();
    let mut process = setup.spawn();
    let status = process.ended();
    assert!(!status.success());
    assert!(status.code().is_some(), "it ended by itself: {status}");
    assert!(started.elapsed() < Duration::from_secs(10));
    let said = process.said();
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn assert_says_one_of(said: &str, words: &[&str]) {
    assert!(
        words.iter().any(|word| said.contains(word)),
        "none of {words:?} in:\n{said}"
    );
}

/// Starts the gateway with its folder on a small file system that only it sees.
fn in_file_system(setup: &Setup, options: &str) -> Process {
    let folder = setup.folder().join("disk");
    fs::create_dir(&folder).unwrap();
    let text = fs::read_to_string(setup.write()).unwrap();
    let store = setup.store();
    let text = text.replace(
        store.to_str().unwrap(),
        folder.join("countersign.db").to_str().unwrap(),
    );
    let path = setup.folder().join("on-disk.toml");
    fs::write(&path, text).unwrap();
    let script = "mount -t tmpfs -o \"$1\" none \"$2\" && exec \"$3\" serve --config \"$4\"";
    Process::start(
        Command::new("unshare")
            .args(["-Urm", "sh", "-c", script, "sh", options])
            .arg(&folder)
            .arg(binary())
            .arg(&path),
    )
}

/// Whether a mount of one's own is possible here.
fn namespaces() -> bool {
    if !tool("unshare") {
        return false;
    }
    let possible = Command::new("unshare")
        .args(["-Urm", "sh", "-c", "mount -t tmpfs none /mnt"])
        .status()
        .is_ok_and(|status| status.success());
    if !possible {
        eprintln!("SKIPPED: no mount namespaces here, so this test shows nothing");
    }
    possible
}
