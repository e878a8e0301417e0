//! Rings, sketches and bounds.

use std::time::Duration;

use countersign::Rejection;

use super::shown::*;
use super::*;

fn head(target: &str, headers: &[(&'static str, &str)]) -> Parts {
    let mut request = http::Request::builder().method("POST").uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn refusal(reason: Reason) -> Refusal {
    Refusal::Rejected(Rejection::from(reason))
}

fn sketch() -> Sketch {
    Sketch::new(refusal(Reason::BadSignature), &head("/", &[]), sender(None))
}

fn sender(client: Option<&str>) -> Sender {
    Sender {
        client: client.map(|client| client.parse().unwrap()),
        peer: "[::ffff:192.0.2.1]:1".parse().unwrap(),
    }
}

#[test]
fn a_sender_behind_a_proxy_is_told_by_its_own_address() {
    for (client, told) in [
        (Some("203.0.113.7"), "203.0.113.7"),
        (Some("192.0.2.1"), "[::ffff:192.0.2.1]:1"),
        (None, "[::ffff:192.0.2.1]:1"),
    ] {
        assert_eq!(sender(client).to_string(), told);
    }
}

pub(super) fn entry(flow: &str) -> Entry {
    Entry {
        number: 1,
        time: SystemTime::UNIX_EPOCH,
        flow: Some(flow.into()),
        organization: "default".into(),
        sketch: sketch(),
        suppressed: 0,
        look: Mutex::default(),
    }
}

fn rejections() -> Rejections {
    Rejections::new(SystemTime::UNIX_EPOCH, Waiting::default())
}

fn note(rejections: &Rejections, flow: &str) {
    let now = SystemTime::UNIX_EPOCH;
    rejections.note(Some(flow.into()), "default".into(), sketch(), 0, now);
}

fn count(rejections: &Rejections, flow: &str) -> usize {
    let asked = Asked {
        after: None,
        before: None,
        flow: Some(flow),
        limit: usize::MAX,
        organization: "default",
        reason: None,
    };
    rejections.list(asked).len()
}

#[test]
fn a_flood_on_one_flow_pushes_out_its_own_and_nobody_elses() {
    let rejections = rejections();
    note(&rejections, "quiet");

    for _ in 0..3 * IN_ALL {
        note(&rejections, "flooded");
    }

    assert_eq!(count(&rejections, "flooded"), OF_ONE_FLOW);
    assert_eq!(count(&rejections, "quiet"), 1);
}

#[test]
fn a_flood_for_one_reason_leaves_what_was_refused_for_others() {
    let rejections = rejections();
    let now = SystemTime::UNIX_EPOCH;
    let stale = Sketch::new(
        refusal(Reason::StaleTimestamp),
        &head("/", &[]),
        sender(None),
    );
    rejections.note(Some("orders".into()), "default".into(), stale, 0, now);

    for _ in 0..3 * OF_ONE_FLOW {
        note(&rejections, "orders");
    }

    assert_eq!(count(&rejections, "orders"), OF_ONE_FLOW);
    let rings = rejections.rings();
    let ring = &rings.by_flow[&Some(Arc::from("orders"))];
    let first = ring.front().unwrap();
    assert_eq!(first.sketch.cause.as_str(), "stale_timestamp");
    assert_eq!(ring[1].number, rings.last + 2 - OF_ONE_FLOW as u64);
}

#[test]
fn when_all_is_full_the_longest_ring_gives_way_and_the_number_stays_bounded() {
    let rejections = rejections();
    note(&rejections, "quiet");
    note(&rejections, "quiet");

    for number in 0..3 * IN_ALL {
        note(&rejections, &format!("flow-{}", number % 200));
        assert!(rejections.rings().all <= IN_ALL);
    }

    assert_eq!(count(&rejections, "quiet"), 2);
    let rings = rejections.rings();
    assert_eq!(rings.by_length.len(), rings.by_flow.len());
    assert_eq!(
        rings.by_flow.values().map(VecDeque::len).sum::<usize>(),
        rings.all
    );
}

#[test]
fn a_flood_over_more_flows_than_there_is_room_for_leaves_no_empty_ring_behind() {
    let rejections = rejections();

    for number in 0..3 * IN_ALL {
        note(&rejections, &format!("flow-{number}"));
    }

    let rings = rejections.rings();
    assert_eq!(rings.all, IN_ALL);
    assert_eq!(rings.by_flow.len(), IN_ALL);
    assert!(
        rings
            .by_flow
            .contains_key(&Some(Arc::from(format!("flow-{}", 3 * IN_ALL - 1))))
    );
}

#[test]
fn a_query_is_told_by_its_names_only() {
    for (target, told) in [
        ("/hooks/a", "/hooks/a"),
        ("/hooks/a?", "/hooks/a?…"),
        ("/a?key=canary&canary&c[d]=x=y", "/a?key=…&…&c[d]=…"),
        ("/a?canary", "/a?…"),
        ("/a?Y2FuYXJ5MQ==", "/a?…"),
        ("/a?Y2FuYXJ5MQ=&b=", "/a?…&…"),
        ("/a?user:canary=1&canary;b=2", "/a?…&…"),
    ] {
        assert_eq!(shown(target), told, "{target}");
    }
}

#[test]
fn what_is_told_of_one_request_is_bounded() {
    let long = format!("/{}?{}", "a".repeat(9_000), "name=value&".repeat(4_000));
    let names: Vec<String> = (0..200)
        .map(|number| format!("x-{number}-{}", "y".repeat(60)))
        .collect();
    let mut head = head(&long, &[]);
    for name in &names {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        head.headers
            .insert(name, http::HeaderValue::from_static("canary"));
    }
    head.method = "M".repeat(500).parse().unwrap();

    let sketch = Sketch::new(refusal(Reason::BadSignature), &head, sender(None));

    let of_headers: usize = sketch.headers.iter().map(|name| name.len()).sum();
    assert!(sketch.target.len() <= 2 * LONGEST_TARGET);
    assert!(of_headers <= ROOM_FOR_NAMES && !sketch.headers.is_empty());
    assert_eq!(sketch.method.len(), LONGEST_METHOD);
    assert!(!format!("{sketch:?}").contains("canary"));
}

#[test]
fn keys_are_named_where_they_were_tried_and_only_those_that_count() {
    use countersign::{Key, Keyring, Scheme, Secret, Verifier};

    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let key = |id: &str| {
        Key::new(
            KeyId::parse(id).unwrap(),
            Secret::new("a secret of some length"),
        )
    };
    let ring = Keyring::new([key("old").not_after(now), key("new")]).unwrap();
    let auth = Auth::Signature(Verifier::new(&Scheme::preset("github").unwrap(), &ring).unwrap());
    let tried = |reason| {
        let sketch = Sketch::new(refusal(reason), &head("/", &[]), sender(None));
        let keys = sketch.judged(4, &auth, now).keys;
        keys.iter().map(ToString::to_string).collect::<Vec<_>>()
    };

    assert_eq!(tried(Reason::BadSignature), ["new"]);
    assert_eq!(tried(Reason::MissingHeader), [] as [&str; 0]);
}

proptest::proptest! {
    #[test]
    fn no_value_of_a_query_is_ever_told(path in "/[a-z]{0,5}", pairs in proptest::collection::vec("[a-z%]{0,4}=SECRET[a-z=%]{0,9}", 0..5)) {
        let told = shown(&format!("{path}?{}", pairs.join("&")));
        proptest::prop_assert!(!told.contains("SECRET"));
    }

    #[test]
    fn any_target_is_told_within_bounds(target in ".{0,2000}") {
        proptest::prop_assert!(shown(&target).len() <= 2 * LONGEST_TARGET);
    }
}

#[test]
fn what_the_store_does_not_take_is_listed_by_its_own_reason_with_its_size() {
    let rejections = rejections();
    let not_stored = NotStored {
        bytes: 5,
        message: "the store cannot hold it",
        reason: "unprocessable",
    };
    let sketch = Sketch::new(not_stored, &head("/hooks/a", &[]), sender(None));
    let now = SystemTime::UNIX_EPOCH;
    rejections.note(Some("a".into()), "default".into(), sketch, 0, now);
    note(&rejections, "a");

    let found = rejections.list(Asked {
        after: None,
        before: None,
        flow: Some("a"),
        limit: 9,
        organization: "default",
        reason: Some("unprocessable"),
    });

    assert_eq!(found.len(), 1);
    let sketch = &found[0].sketch;
    assert_eq!(sketch.cause.to_string(), "the store cannot hold it");
    assert_eq!((sketch.read, &*sketch.target), (Some(5), "/hooks/a"));
}
