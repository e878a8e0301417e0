//! Files that a queue must not be opened on, or not destroy.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "shared/support.rs"]
mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign_queue::{OpenError, Options, Queue};
use support::{Bench, event};
use tempfile::TempDir;

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(&folder.path().join("missing/queue.db"));
    assert!(matches!(error, OpenError::MissingFolder { .. }), "{error}");
    assert!(error.to_string().contains("create it"), "{error}");
    assert!(!folder.path().join("missing").exists());
}

#[test]
fn a_folder_is_no_queue() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(refused(folder.path()), OpenError::Foreign { .. }));
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let (_folder, path) = file(
        b"precious notes, longer than the header of a database would be. "
            .repeat(40)
            .as_slice(),
    );
    let before = fs::read(&path).unwrap();

    assert!(matches!(refused(&path), OpenError::Foreign { .. }));

    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let (_folder, path) = file(b"");
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('Ada')")
        .unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();

    assert!(matches!(refused(&path), OpenError::Foreign { .. }));

    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn an_empty_file_becomes_a_queue() {
    let (_folder, path) = file(b"");
    Queue::open(&path, Options::default()).unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let (_folder, path) = used().await;
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 2).unwrap();
    drop(newer);
    let before = fs::read(&path).unwrap();

    let error = refused(&path);

    assert!(
        matches!(
            error,
            OpenError::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_truncated_file_is_refused_and_left_alone() {
    let (_folder, path) = used().await;
    let whole = fs::read(&path).unwrap();
    for length in [50, 100, 4096, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();

        let error = refused(&path);

        assert!(
            matches!(error, OpenError::Corrupt { .. }),
            "{length}: {error}"
        );
        assert_eq!(fs::read(&path).unwrap(), &whole[..length]);
    }
}

#[tokio::test]
async fn a_file_with_a_damaged_page_is_refused_and_left_alone() {
    let (_folder, path) = used().await;
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / PAGE;
    for page in 0..pages {
        let mut damaged = whole.clone();
        // Past the file's own header, which tells whose it is.
        let start = page * PAGE + if page == 0 { 100 } else { 0 };
        damaged[start..start + 64].fill(0xff);
        fs::write(&path, &damaged).unwrap();

        let error = refused(&path);

        assert!(
            matches!(error, OpenError::Corrupt { .. }),
            "page {page}: {error}"
        );
        assert_eq!(fs::read(&path).unwrap(), damaged);
    }
}

#[test]
fn a_second_process_is_told_who_has_the_file() {
    let bench = Bench::new();
    let path = bench.folder.path().join("queue.db");

    let error = refused(&path);

    assert!(
        matches!(error, OpenError::Locked { holder: Some(id), .. } if id == std::process::id()),
        "{error}"
    );
    // A link to the file is the same file.
    let link = bench.folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(refused(&link), OpenError::Locked { .. }));
}

#[tokio::test]
async fn a_queue_that_was_closed_can_be_opened_at_once() {
    let mut bench = Bench::new();
    for round in 1..=20 {
        bench.store(event("hello", &["billing"])).await;
        bench = bench.reopen(Options::default()).await;
        assert_eq!(bench.queue.stats().await.unwrap().pending(), round);
    }
}

#[tokio::test]
async fn a_closed_queue_leaves_one_file_that_only_its_owner_reads() {
    let bench = Bench::new();
    bench.store(event("hello", &["billing"])).await;
    for name in ["queue.db", "queue.db-wal", "queue.db.lock"] {
        let mode = fs::metadata(bench.folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }

    bench.queue.clone().close().await;

    let mut names: Vec<_> = fs::read_dir(bench.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["queue.db", "queue.db.lock"]);
}

#[tokio::test]
async fn a_closed_queue_says_so() {
    let bench = Bench::new();
    bench.queue.clone().close().await;

    assert_eq!(
        bench
            .queue
            .append(event("late", &[]))
            .await
            .unwrap_err()
            .to_string(),
        "the queue is closed"
    );
    assert!(bench.queue.events(Default::default()).await.is_err());
    assert!(bench.queue.stats().await.is_err());
    assert!(!bench.queue.is_ready());
}

/// Permissions mean nothing to root, so the test goes on as nobody where need be.
#[test]
fn a_folder_without_write_access_is_named() {
    if let Some(path) = std::env::var_os(CHILD) {
        let error = refused(path.as_ref());
        assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let path = folder.path().join("queue.db");
    if fs::write(folder.path().join("probe"), "").is_err() {
        assert!(matches!(refused(&path), OpenError::ReadOnly { .. }));
        return;
    }
    // Nobody may not be able to run the test where it lies.
    let test = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    let copy = test.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let name = "a_folder_without_write_access_is_named";
    let mut child = Command::new(copy);
    child
        .args(["--exact", name])
        .env(CHILD, &path)
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY);
    assert!(child.status().unwrap().success());
}

fn refused(path: &Path) -> OpenError {
    Queue::open(path, Options::default()).map(drop).unwrap_err()
}

fn file(content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    fs::write(&path, content).unwrap();
    (folder, path)
}

/// A queue that was used and closed.
async fn used() -> (TempDir, PathBuf) {
    let bench = Bench::new();
    for n in 0..60 {
        bench
            .store(event(&format!("{n}").repeat(400), &["billing"]))
            .await;
    }
    bench.queue.close().await;
    let path = bench.folder.path().join("queue.db");
    (bench.folder, path)
}

const PAGE: usize = 8192;
const NOBODY: u32 = 65534;
const CHILD: &str = "COUNTERSIGN_QUEUE_CHILD";
