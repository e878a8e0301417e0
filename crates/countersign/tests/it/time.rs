//! Signed times: their spelling, their unit, both edges of the window.

use std::time::{Duration, SystemTime};

use countersign::{Hint, Reason, SchemeError, Unit, Verifier, Window};

use crate::support::{PRESETS, SECRET, Sent, at_millis, preset, ring, verifier};

const TIMED: [&str; 5] = [
    "designer-cloud",
    "slack",
    "standard-webhooks",
    "stripe",
    "svix",
];

#[test]
fn only_one_spelling_of_a_timestamp_is_read() {
    let genuine = Sent::post("slack");
    for spelling in [
        "+1700000000",
        "-1700000000",
        "01700000000",
        "1700000000.0",
        "17e8",
        "0x6553F100",
        "1_700_000_000",
        "1700000000 1",
        "",
        "0",
        "NaN",
        "99999999999999999",
        "1700000000,",
    ] {
        let mut sent = genuine.clone();
        sent.set("x-slack-request-timestamp", spelling);
        assert_eq!(
            sent.reason(&verifier("slack")),
            Some(Reason::MalformedTimestamp),
            "{spelling:?}"
        );
    }
}

#[test]
fn digits_cannot_move_between_timestamp_and_body() {
    // "1700000000.0" + "." + body reads the same as "1700000000" + "." + "0." + body.
    let genuine = Sent::signed("slack", http::Method::POST, b"0:rest");
    let mut sent = genuine.clone();
    sent.set("x-slack-request-timestamp", "1700000000:0");
    sent.body = b"rest".to_vec();

    assert_eq!(
        sent.reason(&verifier("slack")),
        Some(Reason::MalformedTimestamp)
    );
}

#[test]
fn bytes_cannot_move_between_id_and_timestamp() {
    let genuine = Sent::post("standard-webhooks");
    for id in ["msg.1", "", "msg 1", "msg/1", "ms\u{e9}g", &"x".repeat(129)] {
        let mut sent = genuine.clone();
        sent.set("webhook-id", id);
        assert_eq!(
            sent.reason(&verifier("standard-webhooks")),
            Some(Reason::MalformedId),
            "{id:?}"
        );
    }
}

#[test]
fn the_window_includes_both_edges_and_not_a_nanosecond_more() {
    let side = Duration::from_secs(300);
    let nano = Duration::from_nanos(1);
    for scheme in TIMED {
        let sent = Sent::post(scheme);
        let signed: SystemTime = sent.check(&verifier(scheme)).unwrap().time().unwrap();
        let reason = |now| {
            let mut sent = sent.clone();
            sent.now = now;
            sent.reason(&verifier(scheme))
        };

        assert_eq!(reason(signed + side), None, "{scheme}");
        assert_eq!(
            reason(signed + side + nano),
            Some(Reason::StaleTimestamp),
            "{scheme}"
        );
        assert_eq!(reason(signed - side), None, "{scheme}");
        assert_eq!(
            reason(signed - side - nano),
            Some(Reason::FutureTimestamp),
            "{scheme}"
        );
    }
}

#[test]
fn each_side_of_the_window_is_its_own() {
    let window = Window::new(Duration::from_secs(60), Duration::ZERO);
    let verifier = verifier("stripe").with_window(Some(window)).unwrap();
    let mut sent = Sent::post("stripe");
    let signed = sent.now;

    for (now, reason) in [
        (signed, None),
        (signed + Duration::from_secs(60), None),
        (
            signed + Duration::from_secs(61),
            Some(Reason::StaleTimestamp),
        ),
        (
            signed - Duration::from_millis(1),
            Some(Reason::FutureTimestamp),
        ),
    ] {
        sent.now = now;
        assert_eq!(sent.reason(&verifier), reason);
    }
}

#[test]
fn any_time_is_fine_without_a_window_and_no_clock_is_too_far_off() {
    let open = verifier("stripe").with_window(None).unwrap();
    let mut sent = Sent::post("stripe");
    for now in [SystemTime::UNIX_EPOCH, at_millis(u64::MAX / 4096)] {
        sent.now = now;
        assert!(sent.check(&open).is_ok());
        assert!(sent.check(&verifier("stripe")).is_err());
    }
}

#[test]
fn the_signature_is_judged_before_the_time() {
    let mut sent = Sent::post("stripe");
    sent.now += Duration::from_secs(3600);
    assert_eq!(
        sent.reason(&verifier("stripe")),
        Some(Reason::StaleTimestamp)
    );

    sent.body.push(b' ');
    assert_eq!(sent.reason(&verifier("stripe")), Some(Reason::BadSignature));
}

#[test]
fn units_are_never_guessed_but_a_mistaken_one_is_hinted_at() {
    let millis = preset("designer-cloud");
    let seconds = millis.clone().with_timestamp_unit(Unit::Seconds).unwrap();
    for (signs, expects, reason, hint) in [
        (
            &seconds,
            &millis,
            Reason::StaleTimestamp,
            Hint::LooksLikeSeconds,
        ),
        (
            &millis,
            &seconds,
            Reason::FutureTimestamp,
            Hint::LooksLikeMilliseconds,
        ),
    ] {
        let mut sent = Sent::post("github");
        sent.sign(&countersign::Signer::new(signs, &ring(&[SECRET])).unwrap());
        let verifier = Verifier::new(expects, &ring(&[SECRET])).unwrap();

        let rejection = sent.check(&verifier).unwrap_err();

        assert_eq!((rejection.reason(), rejection.hint()), (reason, Some(hint)));
        assert!(rejection.to_string().contains("looks like"), "{rejection}");
        let genuine = Verifier::new(signs, &ring(&[SECRET])).unwrap();
        assert!(sent.check(&genuine).is_ok());
    }
}

#[test]
fn an_old_time_has_no_hint() {
    let mut sent = Sent::post("stripe");
    sent.now += Duration::from_secs(3600);

    assert_eq!(sent.check(&verifier("stripe")).unwrap_err().hint(), None);
}

#[test]
fn a_scheme_that_signs_no_time_cannot_claim_a_window() {
    for name in ["github", "workflow"] {
        assert_eq!(preset(name).default_window(), None);
        assert_eq!(
            verifier(name)
                .with_window(Some(Window::default()))
                .unwrap_err(),
            SchemeError::WindowWithoutTime
        );
        assert!(verifier(name).with_window(None).is_ok());
        assert_eq!(
            preset(name).with_timestamp_unit(Unit::Seconds).unwrap_err(),
            SchemeError::UnitWithoutTime
        );
    }
    for name in TIMED {
        assert_eq!(preset(name).default_window(), Some(Window::default()));
    }
}

#[test]
fn the_time_of_the_verdict_is_the_signed_one() {
    for scheme in PRESETS.map(preset) {
        let sent = Sent::post(scheme.name());
        let verified = sent.check(&verifier(scheme.name())).unwrap();
        assert_eq!(
            verified.time(),
            scheme.signs_time().then_some(sent.now),
            "{}",
            scheme.name()
        );
    }
}

#[test]
fn a_refusal_says_how_far_the_senders_clock_is_off() {
    let mut sent = Sent::post("slack");
    let signed = sent.now;
    for (now, reason, difference) in [
        (
            signed + Duration::from_secs(400),
            Reason::StaleTimestamp,
            -400_000,
        ),
        (
            signed - Duration::from_secs(400),
            Reason::FutureTimestamp,
            400_000,
        ),
    ] {
        sent.now = now;
        let rejection = sent.check(&verifier("slack")).unwrap_err();
        assert_eq!(rejection.reason(), reason);
        assert_eq!(rejection.clock_difference(), Some(difference));
    }

    sent.now = signed;
    sent.body.push(b'!');
    let forged = sent.check(&verifier("slack")).unwrap_err();
    let timeless = Sent::post("github").check(&verifier("slack")).unwrap_err();
    assert_eq!(forged.clock_difference(), Some(0));
    assert_eq!(timeless.clock_difference(), None);
}
