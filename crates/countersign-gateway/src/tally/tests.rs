use super::*;

fn id(text: &str) -> KeyId {
    KeyId::parse(text).unwrap()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn each_key_has_its_uses_and_the_last_moment_it_was_seen() {
    let tally = Tally::new([id("old"), id("new")], None, at(100));

    tally.used(&id("new"), at(300));
    tally.used(&id("new"), at(200));

    let (new, old) = (
        tally.key(&id("new")).unwrap(),
        tally.key(&id("old")).unwrap(),
    );
    assert_eq!((new.uses(), new.last_seen()), (2, Some(at(300))));
    assert_eq!(
        (old.uses(), old.last_seen(), old.since()),
        (0, None, at(100))
    );
    assert!(tally.key(&id("nobody")).is_none());
}

#[test]
fn a_key_that_a_sender_brought_is_counted_from_its_first_use_on() {
    let tally = Tally::new([id("configured")], None, at(100));

    tally.used(&id("brought"), at(200));
    tally.used(&id("brought"), at(300));

    let brought = tally.key(&id("brought")).unwrap();
    assert_eq!((brought.uses(), brought.since()), (2, at(200)));
    for number in 0..2 * MOST_KEYS {
        tally.used(&id(&number.to_string()), at(400));
    }
    assert_eq!(tally.keys.load().len(), MOST_KEYS);
}

#[test]
fn another_configuration_goes_on_counting_and_a_new_key_begins_at_its_own_time() {
    let before = Tally::new([id("old"), id("gone")], None, at(100));
    before.used(&id("old"), at(150));
    before.accepted();

    let after = Tally::new([id("old"), id("new")], Some(&before), at(200));
    after.used(&id("old"), at(250));
    before.accepted(); // A request that was under way at the change.

    assert_eq!(after.key(&id("old")).unwrap().uses(), 2);
    assert_eq!(after.key(&id("old")).unwrap().since(), at(100));
    assert_eq!(after.key(&id("new")).unwrap().since(), at(200));
    assert!(after.key(&id("gone")).is_none());
    assert_eq!(
        (after.totals().accepted, after.totals().since),
        (2, at(100))
    );
}

#[test]
fn a_key_that_no_configuration_names_is_counted_on_under_the_next_one() {
    let before = Tally::new([id("configured")], None, at(100));
    before.used(&id("brought"), at(150));

    let after = Tally::new([id("configured")], Some(&before), at(200));
    let after = Tally::new([id("configured")], Some(&after), at(300));
    after.used(&id("brought"), at(350));

    let brought = after.key(&id("brought")).unwrap();
    assert_eq!((brought.uses(), brought.since()), (2, at(150)));
}

#[test]
fn refusals_are_counted_by_reason_and_none_is_lost() {
    let tally = Tally::new([], None, at(0));

    for label in Refusal::labels().chain([UNPROCESSABLE, "a reason of tomorrow"]) {
        tally.refused(label);
    }
    tally.observed("stale_timestamp");

    let totals = tally.totals();
    assert!(totals.refused.values().all(|count| *count == 1));
    assert_eq!(totals.refused.len(), LABELS.len());
    assert_eq!(totals.refused["other"], 1);
    assert_eq!(totals.observed, BTreeMap::from([("stale_timestamp", 1)]));
}

#[test]
fn counts_from_many_threads_add_up() {
    let tally = Tally::new([id("one")], None, at(0));

    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    tally.used(&id("one"), at(1));
                    tally.refused("bad_signature");
                }
            });
        }
    });

    assert_eq!(tally.key(&id("one")).unwrap().uses(), 4_000);
    assert_eq!(tally.totals().refused["bad_signature"], 4_000);
}
