//! Certificates as keys: they count while they are valid, and no longer than their owner says.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::{FetchedKey, Key, KeyId, Keyring, Reason, Secret, Validity, Verifier};
use http::Method;
use serde_json::Value;

use crate::support::{Sent, preset};
use crate::vectors::vector;

/// The first and the last second of the vectors' certificates.
const FIRST: u64 = 1_577_836_800;
const LAST: u64 = 2_208_988_800;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn key(vector: &Value) -> Key {
    let text = vector["secret"].as_str().unwrap();
    Key::new(KeyId::parse("aws").unwrap(), Secret::new(text))
}

/// Judges a genuine request of SNS at different times, whatever its own is.
fn reasons(verifier: &Verifier, sent: &Value, times: [u64; 4]) -> [Option<Reason>; 4] {
    let mut request = Sent::bare(Method::POST, "/", sent["body"].as_str().unwrap().as_bytes());
    times.map(|seconds| {
        request.now = at(seconds);
        request.reason(verifier)
    })
}

#[test]
fn a_certificate_counts_from_its_first_second_to_its_last() {
    let sent = vector("sns", "v1-notification");
    let ring = Keyring::new([key(&sent)]).unwrap();
    let verifier = Verifier::new(&preset("sns"), &ring).unwrap();
    let verifier = verifier.with_window(None).unwrap();

    let none = Some(Reason::NoActiveKey);
    assert_eq!(
        reasons(&verifier, &sent, [FIRST - 1, FIRST, LAST, LAST + 1]),
        [none, None, None, none]
    );
    let (_, validity) = verifier.keys().next().unwrap();
    assert_eq!(validity.not_before(), Some(at(FIRST)));
    assert_eq!(validity.not_after(), Some(at(LAST + 1)));
}

#[test]
fn the_owner_of_a_certificate_may_say_less_and_never_more() {
    let sent = vector("sns", "v1-notification");
    let none = Some(Reason::NoActiveKey);
    for (from, to, times, expected) in [
        (
            FIRST + 10,
            LAST - 10,
            [FIRST + 9, FIRST + 10, LAST - 11, LAST - 10],
            [none, None, None, none],
        ),
        (
            FIRST - 10,
            LAST + 10,
            [FIRST - 1, FIRST, LAST, LAST + 1],
            [none, None, None, none],
        ),
    ] {
        let key = key(&sent).not_before(at(from)).not_after(at(to));
        let ring = Keyring::new([key]).unwrap();
        let verifier = Verifier::new(&preset("sns"), &ring).unwrap();
        let verifier = verifier.with_window(None).unwrap();
        assert_eq!(reasons(&verifier, &sent, times), expected);
    }
}

#[test]
fn a_certificate_that_was_fetched_counts_no_longer_than_it_says_or_than_what_it_hangs_on() {
    let sent = vector("sns", "v1-notification");
    let ring = Keyring::new([Key::fetched(KeyId::parse("aws").unwrap())]).unwrap();
    let verifier = Verifier::new(&preset("sns"), &ring).unwrap();
    let verifier = verifier.with_window(None).unwrap();
    let body = sent["body"].as_str().unwrap().as_bytes();
    let mut request = Sent::bare(Method::POST, "/", body);
    let url = verifier.key_url(&request.as_signed()).unwrap().unwrap();
    let lines = sent["secret"].as_str().unwrap().lines();
    let digits: String = lines.filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(digits).unwrap();
    let fetched = || FetchedKey::of_certificate(url.clone(), &der).unwrap();

    let gone = Some(Reason::UntrustedKey);
    for (key, end) in [
        (fetched(), LAST + 1),
        (fetched().not_after(at(LAST - 5)), LAST - 5),
        (fetched().not_after(at(LAST + 5)), LAST + 1),
    ] {
        for (seconds, reason) in [
            (FIRST - 1, gone),
            (FIRST, None),
            (end - 1, None),
            (end, gone),
        ] {
            request.now = at(seconds);
            let verdict = verifier.verify_with(&request.as_signed(), &key);
            assert_eq!(
                verdict.err().map(|rejection| rejection.reason()),
                reason,
                "{seconds}"
            );
            assert_eq!(key.covers(at(seconds)), reason.is_none());
        }
    }
    assert_eq!(
        Validity::of_certificate(&der).unwrap().not_after(),
        Some(at(LAST + 1))
    );
}

#[test]
fn what_is_fetched_is_read_for_the_signatures_of_its_scheme() {
    let ring = Keyring::new([Key::fetched(KeyId::parse("set").unwrap())]).unwrap();
    let verifier = Verifier::new(&preset("fireblocks"), &ring).unwrap();
    let mut request = Sent::bare(Method::POST, "/", b"{}");
    request.set("fireblocks-signature", STANDARD.encode([7; 32]));
    let url = verifier.key_url(&request.as_signed()).unwrap().unwrap();
    let curve = vector("plaid", "valid")["secret"].clone();
    let rsa = vector("fireblocks", "legacy-valid")["secret"].clone();

    let read = |text: &str| FetchedKey::read(url.clone(), text.as_bytes());
    assert!(read(curve.as_str().unwrap()).is_err());
    let key = read(rsa.as_str().unwrap()).unwrap();
    let verdict = verifier.verify_with(&request.as_signed(), &key);
    assert_eq!(verdict.unwrap_err().reason(), Reason::BadSignature);
}
