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
    let take = |secret: &str, now| registrations.take(&flow, Secret::new(secret), now);

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
        let threads = [0; 16]
            .map(|_| scope.spawn(|| registrations.take(&flow, Secret::new(FIRST), at(start, 7))));
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
            .take(&flow, Secret::new(secret), at(start, 1_700_000_000))
            .unwrap();
    }

    let after = registrations(&folder);
    let standing = after.stand(&flow);

    assert_eq!(
        ids(&standing),
        ["handshake-1700000000", "handshake-1700000001"]
    );
    assert!(
        after
            .overview(&flow.id, &flow.organization, start)
            .open_for
            .is_none()
    );
    let forget = |key: &str| after.forget(&flow.id, &flow.organization, key);
    assert!(forget("handshake-1700000000").unwrap());
    assert!(!forget("handshake-1700000000").unwrap());
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
    let came = registrations.take(&flow, brought, at(start, 7)).unwrap();
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
        registrations.take(&flow, secret, at(start, 7)).unwrap();
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

    let short = registrations.take(&flow, Secret::new("short"), at(start, 0));
    assert!(matches!(short, Err(Closed::Unfit(_))));
    drop(folder);
    let lost = registrations.take(&flow, Secret::new(FIRST), at(start, 0));
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
        .take(&older, Secret::new(FIRST), at(Instant::now(), 5))
        .unwrap();

    assert_eq!(ids(&standing), ["handshake-5"]);
}

/// The flow `tasks` with this many keys in the file.
fn with_keys(count: usize) -> Arc<Flow> {
    let mut text = "[[flows]]\nid = \"tasks\"\n[flows.auth]\nscheme = \"asana\"\n".to_owned();
    for number in 0..count {
        text.push_str(&format!(
            "[[flows.auth.keys]]\nid = \"file-{number}\"\nsecret = \"{SECOND}{number}\"\n"
        ));
    }
    flow(&text)
}

/// Has the flow's sender bring these secrets, one each second.
fn bring(registrations: &Registrations, flow: &Arc<Flow>, secrets: u64) {
    let start = Instant::now();
    for number in 1..=secrets {
        let time = Duration::from_secs(9);
        registrations.open(flow, time, start).unwrap();
        let secret = Secret::new(format!("{FIRST}{number}"));
        registrations.take(flow, secret, at(start, number)).unwrap();
    }
}

#[test]
fn of_more_keys_than_are_tried_those_of_the_file_and_the_newest_that_came_count() {
    let folder = tempfile::tempdir().unwrap();
    let (before, none) = (registrations(&folder), with_keys(0));
    before.stand(&none);
    bring(&before, &none, 3);

    let after = registrations(&folder);
    let flow = with_keys(2);
    let standing = after.stand(&flow);

    assert_eq!(
        ids(&standing),
        ["file-0", "file-1", "handshake-2", "handshake-3"]
    );
    let full = with_keys(MAX_KEYS);
    assert_eq!(ids(&after.stand(&full)).len(), MAX_KEYS);

    // What did not fit counts as soon as there is room.
    let standing = after.stand(&flow);
    let organization = &flow.organization;
    assert!(after.forget(&flow.id, organization, "handshake-3").unwrap());
    assert_eq!(
        ids(&standing),
        ["file-0", "file-1", "handshake-1", "handshake-2"]
    );
}

#[test]
fn a_flow_that_got_its_last_key_while_it_was_open_takes_no_secret_in_anothers_place() {
    let folder = tempfile::tempdir().unwrap();
    let (registrations, flow) = (registrations(&folder), with_keys(0));
    registrations.stand(&flow);
    bring(&registrations, &flow, 1);
    let start = Instant::now();
    registrations
        .open(&flow, Duration::from_secs(9), start)
        .unwrap();
    let standing = registrations.stand(&with_keys(MAX_KEYS - 1));

    let taken = registrations.take(&flow, Secret::new(FIRST), at(start, 7));

    assert!(matches!(taken, Err(Closed::Full)));
    assert!(ids(&standing).contains(&"handshake-1".to_owned()));
}

#[test]
fn a_key_counts_for_the_organization_only_that_its_flow_belonged_to() {
    let folder = tempfile::tempdir().unwrap();
    let (registrations, ours) = (registrations(&folder), asana());
    registrations.stand(&ours);
    bring(&registrations, &ours, 1);
    let start = Instant::now();
    registrations
        .open(&ours, Duration::from_secs(9), start)
        .unwrap();
    let theirs = flow(
        "[[flows]]\nid = \"tasks\"\norganization = \"another\"\nauth = { scheme = \"asana\" }\n",
    );

    let standing = registrations.stand(&theirs);

    assert!(ids(&standing).is_empty());
    assert!(!registrations.is_open(&theirs.id, start));
    let overview = registrations.overview(&theirs.id, &theirs.organization, start);
    assert!(overview.keys.is_empty());
    let forget = |flow: &Flow| registrations.forget(&flow.id, &flow.organization, "handshake-1");
    assert!(!forget(&theirs).unwrap());
    let taken = registrations.take(&ours, Secret::new(SECOND), at(start, 2));
    assert!(matches!(taken, Err(Closed::NotOpen)));

    // The first organization has it again, and may be rid of it while the id is another's.
    assert_eq!(ids(&registrations.stand(&ours)), ["handshake-1"]);
    let standing = registrations.stand(&theirs);
    assert!(forget(&ours).unwrap());
    assert!(ids(&standing).is_empty());
    assert!(ids(&registrations.stand(&ours)).is_empty());
}

#[test]
fn what_is_kept_for_no_flow_is_named_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (before, gone) = (registrations(&folder), asana());
    before.stand(&gone);
    bring(&before, &gone, 1);
    let off = flow(&format!(
        "[[flows]]\nid = \"tasks\"\nhandshake = false\nauth = {{ scheme = \"asana\", keys = [{{ secret = \"{FIRST}\" }}] }}\n"
    ));

    let after = registrations(&folder);

    assert!(after.left_over(&[Arc::clone(&gone)]).is_empty());
    for flows in [&[][..], &[off]] {
        let left = after.left_over(flows);
        let left: Vec<_> = left
            .iter()
            .map(|(flow, organization, id)| (flow.as_str(), organization.as_str(), id.as_str()))
            .collect();
        assert_eq!(left, [("tasks", "default", "handshake-1")]);
    }
    let organization = &gone.organization;
    assert!(after.forget(&gone.id, organization, "handshake-1").unwrap());
    assert!(after.left_over(&[]).is_empty());
    assert!(registrations(&folder).left_over(&[]).is_empty());
}
