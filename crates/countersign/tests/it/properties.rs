//! What holds for any request: signing and verifying are inverse, no bit may change, nothing panics.

use std::time::Duration;

use countersign::{Reason, Signer, Verifier, Window, fuzzing};
use http::{HeaderMap, HeaderValue, Method};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::{BASE, OTHER, PRESETS, SECRET, Sent, at_millis, preset, ring, verifier};

fn names() -> impl Strategy<Value = String> {
    select(PRESETS.map(str::to_owned).to_vec())
}

/// A request that is genuine under any preset: with any body, or with a method whose URL is signed.
fn genuine() -> impl Strategy<Value = (String, Sent)> {
    let times = 1_000_000_000_000_u64..4_000_000_000_000;
    (
        names(),
        any::<bool>(),
        vec(any::<u8>(), 0..200),
        "/[!-~]{0,40}",
        times,
    )
        .prop_map(|(name, by_url, body, target, now)| {
            let by_url = by_url && name == "designer-cloud";
            let mut sent = Sent {
                method: if by_url { Method::DELETE } else { Method::POST },
                base: BASE.into(),
                target,
                headers: HeaderMap::new(),
                body: if by_url { Vec::new() } else { body },
                now: at_millis(now),
            };
            sent.sign(&Signer::new(&preset(&name), &ring(&[SECRET])).unwrap());
            (name, sent)
        })
}

proptest! {
    #[test]
    fn what_is_signed_verifies((name, sent) in genuine()) {
        let keys = ring(&[OTHER, SECRET]);
        let verified = sent.check(&Verifier::new(&preset(&name), &keys).unwrap()).unwrap();
        prop_assert_eq!(verified.key().unwrap().as_str(), "1");

        let stranger = Verifier::new(&preset(&name), &ring(&[OTHER])).unwrap();
        prop_assert_eq!(sent.reason(&stranger), Some(Reason::BadSignature));
    }

    #[test]
    fn no_bit_of_a_header_may_change(
        (name, sent) in genuine(),
        header in any::<Index>(),
        bit in any::<Index>(),
    ) {
        let names: Vec<_> = sent.headers.keys().collect();
        let header = names[header.index(names.len())];
        let genuine = sent.headers[header].as_bytes();
        let mut bytes = genuine.to_vec();
        flip(&mut bytes, bit);
        let mut changed = sent.clone();
        // A hex digit in its other case is one bit away and means the same.
        let hex = !["standard-webhooks", "svix"].contains(&name.as_str());
        let spells_the_same = hex && bytes.eq_ignore_ascii_case(genuine);
        let Some(value) = HeaderValue::from_bytes(&bytes).ok().filter(|_| !spells_the_same) else {
            return Ok(());
        };
        changed.headers.insert(header, value);

        prop_assert!(changed.check(&verifier(&name)).is_err(), "{name} {changed:?}");
    }

    #[test]
    fn no_bit_of_the_body_or_the_url_may_change((name, sent) in genuine(), bit in any::<Index>()) {
        let mut changed = sent.clone();
        if sent.method == Method::DELETE {
            let mut target = changed.target.into_bytes();
            flip(&mut target, bit);
            changed.target = String::from_utf8_lossy(&target).into_owned();
        } else if sent.body.is_empty() {
            changed.body.push(0);
        } else {
            flip(&mut changed.body, bit);
        }

        prop_assert_eq!(changed.reason(&verifier(&name)), Some(Reason::BadSignature));
    }

    #[test]
    fn nothing_that_is_sent_makes_a_parser_panic(
        preset in any::<u8>(),
        bytes in vec(any::<u8>(), 0..300),
        text in "\\PC{0,60}",
    ) {
        fuzzing::signature_header(preset, &bytes);
        fuzzing::timestamp(&bytes);
        fuzzing::basic(&bytes);
        fuzzing::signature_header(preset, text.as_bytes());
        fuzzing::timestamp(text.as_bytes());
        fuzzing::basic(format!("Basic {text}").as_bytes());
        fuzzing::template(&text);
    }

    #[test]
    fn almost_genuine_headers_make_no_parser_panic(
        preset in any::<u8>(),
        line in "(t|ts|v1|v1a|sha256|v0)?[=, ;]{0,2}[0-9a-fA-F+/=_-]{0,70}([, ;](t|v1|sha256)[=,][0-9a-f]{0,66}){0,10}",
        stamp in "[0-9]{0,4}-?[0-9]{0,2}-?[0-9]{0,2}T?[0-9:.]{0,14}(Z|[+-][0-9:]{0,6})?",
        template in "([{}]{0,3}(body|url|header:[a-zA-Z -]{0,5})[{}]{0,3}){0,5}",
    ) {
        fuzzing::signature_header(preset, line.as_bytes());
        fuzzing::timestamp(stamp.as_bytes());
        fuzzing::template(&template);
    }

    #[test]
    fn the_window_is_as_wide_as_it_says(
        past in 0..1_000_000_u64,
        future in 0..1_000_000_u64,
        age in -1_000_001..1_000_001_i64,
    ) {
        let window = Window::new(Duration::from_millis(past), Duration::from_millis(future));
        let verifier = verifier("designer-cloud").with_window(Some(window)).unwrap();
        let mut sent = Sent::post("designer-cloud");
        sent.now = at_millis(1_700_000_000_000_u64.saturating_add_signed(age));

        let expected = match age {
            age if age > 0 && age.unsigned_abs() > past => Some(Reason::StaleTimestamp),
            age if age < 0 && age.unsigned_abs() > future => Some(Reason::FutureTimestamp),
            _ => None,
        };
        prop_assert_eq!(sent.reason(&verifier), expected);
    }
}

fn flip(bytes: &mut [u8], bit: Index) {
    let bit = bit.index(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}
