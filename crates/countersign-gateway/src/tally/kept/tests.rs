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

fn all(path: &Path) -> (Vec<Line>, io::Result<()>) {
    let mut lines = Vec::new();
    let outcome = read(path, |line| lines.push(line));
    (lines, outcome)
}

#[test]
fn what_is_written_is_read_again_and_no_file_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder.path().join("countersign.db"));
    assert!(matches!(all(&path), (none, Ok(())) if none.is_empty()));

    let lines = [line(None, false), line(Some(200_000), true)];
    write(&path, &lines).unwrap();

    assert!(matches!(all(&path), (read, Ok(())) if read == lines));
}

#[test]
fn what_is_no_line_is_passed_over_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("uses");
    let good = serde_json::to_string(&line(Some(200_000), true)).unwrap();
    let cut = good.get(..good.len() / 2).unwrap();
    let long = format!("{}{good}", " ".repeat(5_000));
    let newer = good.replace("\"met\"", "\"since_when\":1,\"met\"");
    for bad in ["{", "[]", "\u{0}", "{\"flow\":\"a\"}", cut, &long, &newer] {
        for (text, count) in [
            (bad.to_owned(), 0),
            (format!("{good}\n{bad}"), 1),
            (format!("{bad}\n{good}\n{bad}\n{good}\n"), 2),
        ] {
            fs::write(&path, text).unwrap();
            let (lines, outcome) = all(&path);
            assert!(outcome.is_err(), "{bad}");
            assert_eq!(lines, vec![line(Some(200_000), true); count], "{bad}");
        }
    }
    fs::write(&path, b"\xff\xfe\n").unwrap();
    assert!(all(&path).1.is_err());
    assert!(all(folder.path()).1.is_err());
}

#[test]
fn a_line_of_the_longest_names_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("uses");
    let longest = Line {
        organization: "o".repeat(64),
        flow: "f".repeat(64),
        key: "k".repeat(64),
        since: u64::MAX,
        last_seen: Some(u64::MAX),
        uses: u64::MAX,
        met: false,
    };

    write(&path, std::slice::from_ref(&longest)).unwrap();

    assert!(matches!(all(&path), (read, Ok(())) if read == [longest]));
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
