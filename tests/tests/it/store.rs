//! Stores that cannot be used: a clear message, and nothing is lost or changed.

use std::env;
use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::{
    Answer, Process, Receiver, Setup, ask, binary, id, signed, step, tool, wait_for,
};

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
fn a_full_disk_refuses_with_503_delivers_on_and_resumes_when_there_is_room() {
    if !namespaces() {
        return;
    }
    let healthy = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&healthy);
    let receiver = Receiver::answering(move |_, _| {
        Answer::status(if seen.load(Ordering::SeqCst) {
            200
        } else {
            500
        })
    });
    let setup = Setup::new().flow("orders", &step("only", &receiver.url("/in")));
    // The gateway keeps 64 MiB free for itself.
    let process = in_file_system(&setup, "size=80m");
    let (ingress, admin) = process.ready();
    let filler = process.root().join(
        setup
            .folder()
            .join("disk/filler")
            .strip_prefix("/")
            .unwrap(),
    );
    let mut file = fs::File::create(&filler).unwrap();

    let mut acknowledged = Vec::new();
    let full = (0..1000).find_map(|number: u32| {
        file.write_all(&vec![0; 128 * 1024]).unwrap();
        let reply =
            signed("orders", &[&number.to_be_bytes()[..], &[0; 8192]].concat()).send(ingress);
        if reply.status == 202 {
            acknowledged.push(id(&reply));
            return None;
        }
        Some(reply)
    });

    let full = full.expect("a disk that fills up is full at some time");
    assert_eq!(full.status, 503, "{}", full.text());
    let listed = ask(admin, "/rejections?reason=unavailable").json();
    assert_eq!(listed["rejections"][0]["flow"], "orders", "{listed}");
    let retry_after = full
        .header("retry-after")
        .and_then(|seconds| seconds.parse::<u32>().ok());
    assert!(
        retry_after.is_some_and(|seconds| seconds > 0),
        "{retry_after:?}"
    );
    assert!(!acknowledged.is_empty());
    healthy.store(true, Ordering::SeqCst);
    wait_for("every delivery to be made, full or not", || {
        let page = ask(admin, "/events?state=pending&limit=1").json();
        page["events"]
            .as_array()
            .is_some_and(Vec::is_empty)
            .then_some(())
    });
    for id in &acknowledged {
        assert_eq!(
            ask(admin, &format!("/events/{id}")).status,
            200,
            "{id} was acknowledged"
        );
    }
    drop(file);
    fs::remove_file(filler).unwrap();
    wait_for("room to be noticed", || {
        (signed("orders", b"room again").send(ingress).status == 202).then_some(())
    });
}

#[test]
fn a_disk_that_others_fill_to_the_last_byte_stops_nothing_for_good() {
    if !namespaces() {
        return;
    }
    let receiver = Receiver::failing(30, 500);
    let setup = Setup::new().flow("orders", &step("only", &receiver.url("/in")));
    let process = in_file_system(&setup, "size=80m");
    let (ingress, admin) = process.ready();
    let acknowledged: Vec<String> = (0..10)
        .map(|number| id(&signed("orders", format!("{number}").as_bytes()).send(ingress)))
        .collect();
    let filler = process.root().join(
        setup
            .folder()
            .join("disk/filler")
            .strip_prefix("/")
            .unwrap(),
    );
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}

    assert_eq!(signed("orders", b"no room").send(ingress).status, 503);
    receiver.wait_for(10);
    drop(file);
    fs::remove_file(filler).unwrap();

    wait_for("room to be noticed", || {
        (signed("orders", b"room again").send(ingress).status == 202).then_some(())
    });
    for id in &acknowledged {
        wait_for("the delivery", || {
            let reply = ask(admin, &format!("/events/{id}"));
            assert_eq!(reply.status, 200, "{id} was acknowledged");
            (reply.json()["state"] == "done").then_some(())
        });
    }
}

#[test]
fn a_full_disk_does_not_keep_it_from_stopping() {
    if !namespaces() {
        return;
    }
    let receiver = Receiver::answering(|_, _| Answer::Stepwise(vec!["done"]));
    let setup = Setup::new()
        .ingress("grace = \"1s\"")
        .flow("orders", &step("only", &receiver.url("/in")));
    let mut process = in_file_system(&setup, "size=80m");
    let (ingress, _) = process.ready();
    for number in 0..8 {
        id(&signed("orders", format!("{number}").as_bytes()).send(ingress));
    }
    receiver.wait_for(8);
    let disk = setup.folder().join("disk/filler");
    let filler = process.root().join(disk.strip_prefix("/").unwrap());
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    receiver.go_on();

    let asked = Instant::now();
    process.signal("TERM");
    process.ended();

    assert!(
        asked.elapsed() < Duration::from_secs(15),
        "took {:?}",
        asked.elapsed()
    );
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
        assert!(
            env::var_os("CI").is_none(),
            "CI must let `unshare -Urm` mount a file system of its own"
        );
        eprintln!("SKIPPED: no mount namespaces here, so this test shows nothing");
    }
    possible
}
