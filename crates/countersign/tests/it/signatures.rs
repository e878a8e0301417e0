//! Signatures: lengths, alphabets, lists of them, doubled headers, other kinds beside ours.

use countersign::{MAX_SIGNATURES, Reason};
use http::HeaderMap;

use crate::support::{OTHER, SECRET, Sent, preset, ring, verifier};

const NAME: &str = "x-webhook-signature";

/// The time and the hex of a genuine header.
fn parts(sent: &Sent) -> (String, String) {
    let text = sent.text(NAME);
    let (time, hex) = text.split_once(",sha256=").unwrap();
    (time.to_owned(), hex.to_owned())
}

#[test]
fn a_signature_has_exactly_the_length_of_its_digest() {
    let genuine = Sent::post("designer-cloud");
    let (time, hex) = parts(&genuine);
    for (text, reason) in [
        (String::new(), Reason::MalformedSignature),
        (hex[..62].into(), Reason::MalformedSignature),
        (hex[..63].into(), Reason::MalformedSignature),
        (format!("{hex}00"), Reason::MalformedSignature),
        (format!("{hex}{hex}"), Reason::MalformedSignature),
        (format!("0x{hex}"), Reason::MalformedSignature),
        (format!("{}0x", &hex[..62]), Reason::MalformedSignature),
        (
            format!("{} {}", &hex[..32], &hex[32..]),
            Reason::MalformedSignature,
        ),
        ("0".repeat(64), Reason::BadSignature),
    ] {
        let mut sent = genuine.clone();
        sent.set(NAME, format!("{time},sha256={text}"));
        assert_eq!(
            sent.reason(&verifier("designer-cloud")),
            Some(reason),
            "{text:?}"
        );
    }
}

#[test]
fn hex_may_be_in_either_case() {
    let mut sent = Sent::post("designer-cloud");
    let (time, hex) = parts(&sent);

    sent.set(NAME, format!("{time},sha256={}", hex.to_uppercase()));

    assert!(sent.check(&verifier("designer-cloud")).is_ok());
}

#[test]
fn another_spelling_of_the_same_base64_is_refused() {
    let genuine = Sent::post("standard-webhooks");
    let text = genuine.text("webhook-signature");
    let bare = text.trim_end_matches('=');
    // The last digit holds two unused bits: the neighbour decodes to the same bytes if they are ignored.
    let last = bare.chars().next_back().unwrap();
    let neighbour = format!("{}{}=", &bare[..bare.len() - 1], char::from(last as u8 + 1));
    for other in [
        bare.to_owned(),
        format!("{text}="),
        neighbour,
        text.replace("v1,", "v1, "),
    ] {
        let mut sent = genuine.clone();
        sent.set("webhook-signature", &other);
        assert!(
            sent.check(&verifier("standard-webhooks")).is_err(),
            "{other:?}"
        );
    }
}

#[test]
fn nothing_in_a_request_selects_another_algorithm() {
    let genuine = Sent::post("designer-cloud");
    let (time, hex) = parts(&genuine);
    for label in ["sha1", "sha512", "none", "v1", "SHA256", "md5"] {
        let mut sent = genuine.clone();
        sent.set(NAME, format!("{time},{label}={hex}"));
        assert_eq!(
            sent.reason(&verifier("designer-cloud")),
            Some(Reason::MissingSignature),
            "{label}"
        );
    }
}

#[test]
fn a_weaker_header_beside_a_bad_one_rescues_nothing() {
    let mut sent = Sent::post("github");
    let good = sent.text("x-hub-signature-256");
    sent.body.push(b' ');
    sent.add("x-hub-signature", good.replace("sha256=", "sha1="));
    sent.add("x-webhook-signature", &good);

    assert_eq!(sent.reason(&verifier("github")), Some(Reason::BadSignature));
}

#[test]
fn any_of_several_signatures_may_match_wherever_it_stands() {
    let genuine = Sent::post("designer-cloud");
    let (time, hex) = parts(&genuine);
    for place in 0..MAX_SIGNATURES {
        let mut list = vec!["ab".repeat(32); MAX_SIGNATURES];
        list[place].clone_from(&hex);
        let mut sent = genuine.clone();
        sent.set(NAME, format!("{time},sha256={}", list.join(",sha256=")));
        assert!(sent.check(&verifier("designer-cloud")).is_ok(), "{place}");
    }
}

#[test]
fn a_flood_of_signatures_is_refused_even_with_a_good_one() {
    let mut sent = Sent::post("designer-cloud");
    let (time, hex) = parts(&sent);
    let flood = vec![hex; MAX_SIGNATURES + 1].join(",sha256=");

    sent.set(NAME, format!("{time},sha256={flood}"));

    assert_eq!(
        sent.reason(&verifier("designer-cloud")),
        Some(Reason::TooManySignatures)
    );
}

#[test]
fn every_header_that_is_read_is_there_exactly_once() {
    for (scheme, names) in [
        ("designer-cloud", [NAME].as_slice()),
        ("github", &["x-hub-signature-256"]),
        ("slack", &["x-slack-signature", "x-slack-request-timestamp"]),
        (
            "standard-webhooks",
            &["webhook-id", "webhook-timestamp", "webhook-signature"],
        ),
        ("svix", &["svix-id", "svix-timestamp", "svix-signature"]),
    ] {
        for name in names {
            let mut sent = Sent::post(scheme);
            let text = sent.text(name);
            sent.add(name, text);
            assert_eq!(
                sent.reason(&verifier(scheme)),
                Some(Reason::DuplicateHeader),
                "{scheme} {name}"
            );

            sent.headers.remove(*name);
            assert_eq!(
                sent.reason(&verifier(scheme)),
                Some(Reason::MissingHeader),
                "{scheme} {name}"
            );
        }
    }
}

#[test]
fn svix_headers_are_all_of_one_brand() {
    let verifier = verifier("svix");
    let branded = Sent::post("svix");
    let mut unbranded = branded.clone();
    for (from, to) in [
        ("svix-id", "webhook-id"),
        ("svix-timestamp", "webhook-timestamp"),
        ("svix-signature", "webhook-signature"),
    ] {
        let value = unbranded.headers.remove(from).unwrap();
        unbranded.headers.insert(to, value);
    }
    assert!(unbranded.check(&verifier).is_ok());

    for name in ["svix-id", "svix-timestamp", "svix-signature"] {
        let mut mixed = unbranded.clone();
        mixed.headers.insert(name, branded.headers[name].clone());
        assert_eq!(
            mixed.reason(&verifier),
            Some(Reason::MissingHeader),
            "{name}"
        );
    }
}

#[test]
fn odd_bytes_after_a_valid_signature_do_no_harm() {
    let bodies: [&[u8]; 5] = [
        b"",
        b"\0",
        b"\xFF\xFE\x80",
        "ｔéşｔ\u{202E}".as_bytes(),
        &[b'{'; 70_000],
    ];
    for scheme in [
        "designer-cloud",
        "github",
        "slack",
        "standard-webhooks",
        "stripe",
        "workflow",
    ] {
        for body in bodies {
            let sent = Sent::signed(scheme, http::Method::POST, body);
            assert!(sent.check(&verifier(scheme)).is_ok(), "{scheme} {body:?}");
        }
    }
}

#[test]
fn odd_bytes_in_headers_are_refused_and_do_no_harm() {
    let genuine = Sent::post("standard-webhooks");
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        for odd in [
            b"\xFF\xFE".as_slice(),
            b"",
            b"\t",
            b",",
            b"=",
            b" , = ; ",
            &[b'v'; 9000],
        ] {
            let mut sent = genuine.clone();
            sent.set(name, odd);
            assert!(
                sent.check(&verifier("standard-webhooks")).is_err(),
                "{name} {odd:?}"
            );
        }
    }
}

#[test]
fn the_head_alone_shows_what_is_missing_or_malformed() {
    let genuine = Sent::post("designer-cloud");
    let verifier = verifier("designer-cloud");
    let head = |sent: &Sent| {
        let verdict = verifier.check_head(&sent.method, &sent.headers);
        verdict.err().map(|rejection| rejection.reason())
    };
    assert_eq!(head(&genuine), None);

    let mut sent = genuine.clone();
    sent.headers = HeaderMap::new();
    assert_eq!(head(&sent), Some(Reason::MissingHeader));
    sent.set(NAME, "t=01,sha256=00");
    assert_eq!(head(&sent), Some(Reason::MalformedTimestamp));
    sent.set(NAME, "t=17,sha256=00");
    assert_eq!(head(&sent), Some(Reason::MalformedSignature));
    let mut sent = genuine;
    sent.method = http::Method::OPTIONS;
    assert_eq!(head(&sent), Some(Reason::MethodNotSigned));
    assert_eq!(sent.reason(&verifier), Some(Reason::MethodNotSigned));
}

#[test]
fn repeats_share_a_replay_key_however_they_are_spelled() {
    let verifier = verifier("designer-cloud");
    let genuine = Sent::post("designer-cloud");
    let (time, hex) = parts(&genuine);
    let key = |sent: &Sent| sent.check(&verifier).unwrap().replay_key().unwrap();

    for spelling in [
        format!("sha256={hex},{time}"),
        format!("{time},sha256={}", hex.to_uppercase()),
        format!("{time},sha256={},sha256={hex},x=y", "00".repeat(32)),
    ] {
        let mut sent = genuine.clone();
        sent.set(NAME, spelling);
        assert_eq!(key(&sent), key(&genuine));
    }
    let other = Sent::signed("designer-cloud", http::Method::POST, b"other");
    assert_ne!(key(&other), key(&genuine));
}

#[test]
fn the_replay_key_does_not_change_with_the_signature_that_is_selected() {
    let both = ring(&[SECRET, OTHER]);
    let scheme = preset("designer-cloud");
    let verifier = countersign::Verifier::new(&scheme, &both).unwrap();
    let mut first = Sent::post("designer-cloud");
    let mut second = first.clone();
    second.sign(&countersign::Signer::new(&scheme, &ring(&[OTHER])).unwrap());
    let key = |sent: &Sent| sent.check(&verifier).unwrap().replay_key();

    assert_ne!(first.text(NAME), second.text(NAME));
    assert_eq!(key(&first), key(&second));

    first.sign(&countersign::Signer::new(&scheme, &both).unwrap());
    assert_eq!(key(&first), key(&second));
}

#[test]
fn a_signed_id_is_the_replay_key_of_every_retry() {
    let verifier = verifier("standard-webhooks");
    let first = Sent::post("standard-webhooks");
    let mut retry = first.clone();
    retry.now += std::time::Duration::from_secs(60);
    let scheme = preset("standard-webhooks");
    retry.sign(&countersign::Signer::new(&scheme, &ring(&[SECRET])).unwrap());

    assert_ne!(
        first.text("webhook-signature"),
        retry.text("webhook-signature")
    );
    let key = |sent: &Sent| sent.check(&verifier).unwrap().replay_key();
    assert_eq!(key(&first), key(&retry));
}
