use std::path::Path;

use countersign::Auth;
use tempfile::TempDir;

use super::*;
use crate::config::Config;

const FIRST: &str = "b537207f20cbfa02357cf448134da559";
const SECOND: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

fn flow(text: &str) -> Arc<Flow> {
    let config = Config::parse(text, Path::new("test.toml")).unwrap();
    Arc::clone(&config.flows[0])
}

fn asana() -> Arc<Flow> {
    flow("[[flows]]\nid = \"tasks\"\nauth = { scheme = \"asana\" }\n")
}

fn registrations(folder: &TempDir) -> Registrations {
    Registrations::load(&folder.path().join("countersign.db")).unwrap()
}

fn ids(standing: &Standing) -> Vec<String> {
    let policy = standing.policy();
    let Auth::Signature(_) = policy.auth() else {
        panic!("a signature");
    };
    let keys = policy.auth().keys().into_iter();
    keys.map(|(id, _)| id.to_string()).collect()
}

fn at(instant: Instant, seconds: u64) -> (Instant, SystemTime) {
    (instant, UNIX_EPOCH + Duration::from_secs(seconds))
}

#[test]
fn a_secret_is_taken_once_while_the_flow_is_open_and_not_before_or_after() {
    let folder = tempfile::tempdir().unwrap();
    let (registrations, flow) = (registrations(&folder), asana());
    let standing = registrations.stand(&flow);
    let start = Instant::now();
    let minute = Duration::from_secs(60);
    let take = |secret: &str, now| registrations.take(&flow.id, Secret::new(secret), now);

    assert!(matches!(take(FIRST, at(start, 0)), Err(Closed::NotOpen)));
    registrations.open(&flow, minute, start).unwrap();
    assert!(registrations.is_open(&flow.id, start));
    let key = take(FIRST, at(start, 1_700_000_000)).unwrap();
    assert_eq!(ids(&standing), [key.as_str()]);
    assert!(!registrations.is_open(&flow.id, start));
    assert!(matches!(take(SECOND, at(start, 0)), Err(Closed::NotOpen)));

    registrations.open(&flow, minute, start).unwrap();
    assert!(!registrations.is_open(&flow.id, start + minute));
    assert!(matches!(
        take(SECOND, at(start + minute, 0)),
        Err(Closed::NotOpen)
    ));

    registrations.open(&flow, minute, start).unwrap();
    assert!(registrations.close(&flow.id, start));
    assert!(matches!(take(SECOND, at(start, 0)), Err(Closed::NotOpen)));
    assert_eq!(ids(&standing), [key.as_str()]);
}

#[test]
fn of_many_secrets_that_come_at_once_one_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (registrations, flow) = (registrations(&folder), asana());
    let standing = registrations.stand(&flow);
    let start = Instant::now();
    registrations
        .open(&flow, Duration::from_secs(60), start)
        .unwrap();

    let taken = std::thread::scope(|scope| {
        let threads = [0; 16].map(|_| {
            scope.spawn(|| registrations.take(&flow.id, Secret::new(FIRST), at(start, 7)))
        });
        threads.map(|thread| thread.join().unwrap())
    });

    assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1);
    let mut late = taken.into_iter().filter_map(Result::err);
    assert!(late.all(|why| matches!(why, Closed::NotOpen)));
    assert_eq!(ids(&standing), ["handshake-7"]);
    assert!(!registrations.is_open(&flow.id, start));
}

#[test]
fn what_was_taken_is_there_after_a_restart_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let flow = asana();
    let before = registrations(&folder);
    before.stand(&flow);
    let start = Instant::now();
    for secret in [FIRST, SECOND] {
        before.open(&flow, Duration::from_secs(9), start).unwrap();
        before
            .take(&flow.id, Secret::new(secret), at(start, 1_700_000_000))
            .unwrap();
    }

    let after = registrations(&folder);
    let standing = after.stand(&flow);

    assert_eq!(
        ids(&standing),
        ["handshake-1700000000", "handshake-1700000001"]
    );
    assert!(after.overview(&flow.id, start).open_for.is_none());
    assert!(after.forget(&flow.id, "handshake-1700000000").unwrap());
    assert!(!after.forget(&flow.id, "handshake-1700000000").unwrap());
    assert_eq!(ids(&standing), ["handshake-1700000001"]);
    assert_eq!(
        ids(&registrations(&folder).stand(&flow)),
        ["handshake-1700000001"]
    );
}

#[test]
fn the_secret_goes_to_the_first_member_and_the_others_keep_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let flow = flow(&format!(
        "[[flows]]\nid = \"tasks\"\nauth = {{ any = [\
           {{ scheme = \"asana\", keys = [{{ id = \"one\", secret = \"{FIRST}\" }}] }},\
           {{ scheme = \"asana\", keys = [{{ id = \"two\", secret = \"{SECOND}\" }}] }},\
         ] }}\n"
    ));
    let registrations = registrations(&folder);
    let standing = registrations.stand(&flow);
    let keys = || {
        let policy = standing.policy();
        let ids = |auth: &Auth| auth.keys().into_iter().map(|(id, _)| id.to_string());
        let parts = policy.auth().parts();
        parts
            .map(|part| ids(part).collect())
            .collect::<Vec<Vec<_>>>()
    };
    assert_eq!(keys(), [["one"], ["two"]]);

    let start = Instant::now();
    let minute = Duration::from_secs(60);
    registrations.open(&flow, minute, start).unwrap();
    let brought = Secret::new("c0ffee7f20cbfa02357cf448134da559");
    let came = registrations.take(&flow.id, brought, at(start, 7)).unwrap();
    assert_eq!(keys(), [&["one", came.as_str()][..], &["two"]]);
}

#[test]
fn a_flow_takes_no_more_secrets_than_keys_are_tried() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[[flows]]\nid = \"tasks\"\nauth = {{ scheme = \"asana\", keys = [{{ id = \"old\", secret = \"{FIRST}\" }}] }}\n"
    );
    let (registrations, flow) = (registrations(&folder), flow(&text));
    let standing = registrations.stand(&flow);
    let start = Instant::now();
    for number in 1..MAX_KEYS {
        registrations
            .open(&flow, Duration::from_secs(9), start)
            .unwrap();
        let secret = Secret::new(format!("{SECOND}{number}"));
        registrations.take(&flow.id, secret, at(start, 7)).unwrap();
    }

    let full = registrations.open(&flow, Duration::from_secs(9), start);

    assert!(matches!(full, Err(Closed::Full)));
    assert_eq!(ids(&standing).len(), MAX_KEYS);
    assert_eq!(ids(&standing)[0], "old");
}

#[test]
fn a_secret_that_is_no_key_or_cannot_be_kept_leaves_the_flow_open() {
    let folder = tempfile::tempdir().unwrap();
    let (registrations, flow) = (registrations(&folder), asana());
    let standing = registrations.stand(&flow);
    let start = Instant::now();
    registrations
        .open(&flow, Duration::from_secs(9), start)
        .unwrap();

    let short = registrations.take(&flow.id, Secret::new("short"), at(start, 0));
    assert!(matches!(short, Err(Closed::Unfit(_))));
    drop(folder);
    let lost = registrations.take(&flow.id, Secret::new(FIRST), at(start, 0));
    assert!(matches!(lost, Err(Closed::Kept(_))));

    assert!(registrations.is_open(&flow.id, start));
    assert!(ids(&standing).is_empty());
}

#[test]
fn a_flow_whose_sender_brings_no_secret_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let registrations = registrations(&folder);
    for text in [
        "[[flows]]\nid = \"a\"\nauth = { mode = \"none\" }\n".to_owned(),
        format!(
            "[[flows]]\nid = \"a\"\nauth = {{ scheme = \"github\", keys = [{{ secret = \"{FIRST}\" }}] }}\n"
        ),
        format!(
            "[[flows]]\nid = \"a\"\nhandshake = false\nauth = {{ scheme = \"asana\", keys = [{{ secret = \"{FIRST}\" }}] }}\n"
        ),
    ] {
        let flow = flow(&text);
        registrations.stand(&flow);

        let opened = registrations.open(&flow, Duration::from_secs(9), Instant::now());

        assert!(matches!(opened, Err(Closed::NotThatKind)), "{text}");
    }
}

#[test]
fn a_newer_configuration_has_the_key_that_came_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let registrations = registrations(&folder);
    let (older, newer) = (asana(), asana());
    registrations.stand(&older);
    registrations
        .open(&older, Duration::from_secs(9), Instant::now())
        .unwrap();
    let standing = registrations.stand(&newer);

    registrations
        .take(&older.id, Secret::new(FIRST), at(Instant::now(), 5))
        .unwrap();

    assert_eq!(ids(&standing), ["handshake-5"]);
}
