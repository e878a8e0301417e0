//! Lines of the file: what they mean by now, and what is none.

use super::*;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn line(last_seen: Option<u64>, met: bool) -> Line {
    Line {
        organization: "acme".to_owned(),
        flow: "orders".to_owned(),
        key: "2026".to_owned(),
        since: 100_000,
        last_seen,
        uses: 7,
        met,
    }
}

#[test]
fn what_is_written_is_read_again_and_no_file_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder.path().join("countersign.db"));
    assert!(read(&path).unwrap().is_empty());

    let lines = [line(None, false), line(Some(200_000), true)];
    write(&path, &lines).unwrap();

    assert_eq!(read(&path).unwrap(), lines);
}

#[test]
fn what_is_no_list_of_keys_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("uses");
    for text in ["{", "[]", "\n", "\u{0}", "{\"flow\":\"a\"}\n"] {
        std::fs::write(&path, text).unwrap();
        assert!(read(&path).is_err(), "{text}");
    }
    assert!(read(folder.path()).is_err());
}

#[test]
fn a_clock_that_was_ahead_leaves_no_key_seen_in_the_future() {
    let (_, key) = line(Some(300_000), false).tally(at(50)).unwrap();

    assert_eq!((key.since(), key.last_seen()), (at(50), Some(at(50))));
    assert_eq!(key.uses(), 7);
}

#[test]
fn a_key_that_nobody_names_is_forgotten_in_the_end_and_a_configured_one_is_not() {
    let later = at(200) + FORGOTTEN_AFTER;

    assert!(line(Some(200_001), true).tally(later).is_some());
    assert!(line(Some(200_000), true).tally(later).is_none());
    assert!(line(Some(200_000), false).tally(later).is_some());
}

#[test]
fn a_key_that_left_the_configuration_is_not_counted_on() {
    let tally = Tally::new([], None, at(1));
    let of = |met| line(Some(200_000), met).tally(at(300));

    tally.recall(of(false));
    assert!(tally.keys().is_empty());
    tally.recall(of(true));
    assert_eq!(tally.keys().len(), 1);
}
