//! Keys: rotation, validity, weak and malformed secrets, forms that select a rule.

use std::time::Duration;

use countersign::{
    Key, KeyError, KeyId, KeyProblem, Keyring, Reason, Scheme, SchemeError, Secret, Signer,
    Verifier,
};

use crate::support::{OTHER, SECRET, Sent, key, preset, ring};

fn problem(scheme: &str, key: Key) -> Option<KeyProblem> {
    let ring = Keyring::new([key]).unwrap();
    match Verifier::new(&preset(scheme), &ring) {
        Err(SchemeError::Key(error)) => Some(error.problem().clone()),
        Err(other) => panic!("{other}"),
        Ok(_) => None,
    }
}

#[test]
fn any_key_of_the_ring_may_match_and_the_verdict_names_it() {
    let verifier = Verifier::new(&preset("stripe"), &ring(&[OTHER, SECRET])).unwrap();

    let verified = Sent::post("stripe").check(&verifier).unwrap();

    assert_eq!(verified.key(), Some(&KeyId::parse("1").unwrap()));
}

#[test]
fn a_key_of_another_flow_does_not_match() {
    let verifier = Verifier::new(&preset("stripe"), &ring(&[OTHER])).unwrap();

    assert_eq!(
        Sent::post("stripe").reason(&verifier),
        Some(Reason::BadSignature)
    );
}

#[test]
fn a_key_counts_from_its_first_instant_up_to_its_last_and_not_at_it() {
    let mut sent = Sent::post("github");
    let (from, to) = (sent.now, sent.now + Duration::from_secs(60));
    let ring = Keyring::new([key("a", SECRET).not_before(from).not_after(to)]).unwrap();
    let verifier = Verifier::new(&preset("github"), &ring).unwrap();
    let nano = Duration::from_nanos(1);

    for (now, reason) in [
        (from - nano, Some(Reason::NoActiveKey)),
        (from, None),
        (to - nano, None),
        (to, Some(Reason::NoActiveKey)),
    ] {
        sent.now = now;
        assert_eq!(sent.reason(&verifier), reason);
    }
}

#[test]
fn a_key_past_its_time_is_not_tried_but_still_names_repeats() {
    let sent = Sent::post("github");
    let old = key("old", OTHER);
    let fresh = |old| {
        let ring = Keyring::new([old, key("new", SECRET)]).unwrap();
        Verifier::new(&preset("github"), &ring).unwrap()
    };
    let expired = fresh(old.clone().not_after(sent.now));
    let replay_key = |verifier| sent.check(verifier).unwrap().replay_key();

    assert_eq!(replay_key(&fresh(old)), replay_key(&expired));
    let mut by_old = sent.clone();
    by_old.sign(&Signer::new(&preset("github"), &ring(&[OTHER])).unwrap());
    assert_eq!(by_old.reason(&expired), Some(Reason::BadSignature));
}

#[test]
fn every_live_key_signs() {
    let now = Sent::post("github").now;
    let ring = Keyring::new([
        key("dead", "a secret that is past its time").not_after(now),
        key("old", OTHER),
        key("new", SECRET),
    ])
    .unwrap();
    for scheme in ["designer-cloud", "standard-webhooks", "stripe"] {
        let scheme = preset(scheme);
        let Ok(signer) = Signer::new(&scheme, &ring) else {
            // The dead key is not base64.
            assert_eq!(scheme.name(), "standard-webhooks");
            continue;
        };
        let mut sent = Sent::post(scheme.name());
        sent.sign(&signer);
        for secret in [OTHER, SECRET] {
            let verifier = Verifier::new(&scheme, &crate::support::ring(&[secret])).unwrap();
            assert!(sent.check(&verifier).is_ok(), "{} {secret}", scheme.name());
        }
    }
}

#[test]
fn an_empty_secret_is_refused_whatever_the_key_says() {
    for scheme in Scheme::presets().filter(|scheme| scheme.parameters().next().is_none()) {
        let empty = key("a", "").allow_weak();
        assert_eq!(
            problem(scheme.name(), empty),
            Some(KeyProblem::Empty),
            "{}",
            scheme.name()
        );
    }
    assert_eq!(
        problem("svix", key("a", "whsec_").allow_weak()),
        Some(KeyProblem::Empty)
    );
}

#[test]
fn a_short_secret_is_refused_unless_the_key_allows_it() {
    let short = key("a", "fifteen bytes..");
    assert_eq!(
        problem("stripe", short.clone()),
        Some(KeyProblem::Short(15))
    );
    assert_eq!(problem("stripe", short.allow_weak()), None);
    assert_eq!(problem("stripe", key("a", "sixteen bytes...")), None);
}

#[test]
fn the_length_that_counts_is_that_of_the_decoded_key() {
    // Sixteen characters of base64 are twelve bytes.
    assert_eq!(
        problem("svix", key("a", "whsec_AAAAAAAAAAAAAAAA")),
        Some(KeyProblem::Short(12))
    );
}

#[test]
fn a_prefix_that_all_secrets_have_makes_none_longer() {
    for (secret, found) in [
        ("whsec_AAAAAAAAAA", Some(10)),
        ("whsec_not base64", Some(10)),
        ("whsec_fifteen bytes..", Some(15)),
        ("whsec_sixteen bytes...", None),
        ("fifteen bytes..", Some(15)),
        ("sixteen bytes...", None),
    ] {
        let problem = problem("polar", key("a", secret));
        assert_eq!(problem, found.map(KeyProblem::Short), "{secret}");
        let signer = Signer::new(&preset("polar"), &ring(&[secret]));
        assert_eq!(signer.is_ok(), found.is_none(), "{secret}");
    }
}

#[test]
fn a_secret_that_is_not_in_its_form_is_refused() {
    for secret in [
        "whsec_not base64 at all, sorry",
        "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ] {
        let problem = problem("standard-webhooks", key("a", secret));
        assert_eq!(problem, Some(KeyProblem::Encoding("base64")), "{secret}");
    }
}

#[test]
fn a_secret_with_its_prefix_and_without_is_the_same() {
    let sent = Sent::post("svix");
    for secret in [SECRET.to_owned(), format!("whsec_{SECRET}")] {
        let verifier = Verifier::new(&preset("svix"), &ring(&[&secret])).unwrap();
        assert!(sent.check(&verifier).is_ok());
    }
}

#[test]
fn errors_name_the_key_and_the_remedy_and_never_the_secret() {
    let ring = Keyring::new([key("2026", "mySecret")]).unwrap();

    let text = Verifier::new(&preset("designer-cloud"), &ring)
        .unwrap_err()
        .to_string();

    assert!(
        text.contains("`2026`") && text.contains("allow a weak secret"),
        "{text}"
    );
    assert!(!text.contains("mySecret"), "{text}");
}

#[test]
fn nothing_that_holds_a_secret_prints_it() {
    let verifier = Verifier::new(&preset("stripe"), &ring(&[SECRET])).unwrap();
    let signer = Signer::new(&preset("stripe"), &ring(&[SECRET])).unwrap();
    let text = format!("{:?} {verifier:?} {signer:?}", ring(&[SECRET]));

    assert!(
        !text.contains(SECRET) && !text.contains("77, 102"),
        "{text}"
    );
}

#[test]
fn a_ring_has_one_to_four_keys_with_names_of_their_own() {
    let some = |ids: &[&str]| Keyring::new(ids.iter().map(|id| key(id, SECRET)));
    let problem =
        |result: Result<Keyring, KeyError>| result.err().map(|error| error.problem().clone());

    assert_eq!(problem(some(&[])), Some(KeyProblem::None));
    assert_eq!(problem(some(&["a", "b", "c", "d"])), None);
    assert_eq!(
        problem(some(&["a", "b", "c", "d", "e"])),
        Some(KeyProblem::TooMany)
    );
    assert_eq!(
        problem(some(&["a", "b", "a"])),
        Some(KeyProblem::DuplicateId)
    );
}

#[test]
fn a_key_id_keeps_to_its_grammar() {
    for id in ["a", "2026-11", "prod.key_1", &"x".repeat(64)] {
        assert_eq!(KeyId::parse(id).unwrap().as_str(), id);
    }
    for id in ["", "a b", "é", "a/b", "a\n", &"x".repeat(65)] {
        assert!(KeyId::parse(id).is_err(), "{id:?}");
    }
}

#[test]
fn a_hash_neither_signs_nor_verifies() {
    let hashed = Key::hashed(KeyId::parse("a").unwrap(), &"ab".repeat(32)).unwrap();

    assert_eq!(problem("stripe", hashed), Some(KeyProblem::Hashed));
    assert!(Key::hashed(KeyId::parse("a").unwrap(), "abc").is_err());
}

#[test]
fn a_single_key_is_named_default() {
    let ring = Keyring::single(Secret::new(SECRET));
    let verifier = Verifier::new(&preset("stripe"), &ring).unwrap();

    let verified = Sent::post("stripe").check(&verifier).unwrap();

    assert_eq!(verified.key().unwrap().to_string(), "default");
}

#[cfg(feature = "ed25519")]
mod ed25519 {
    use super::*;

    const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    const SIGNATURE: &str = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXw\
                             VLPo3mNl8EM+m7TBAg==";

    /// The message whose Ed25519 signature Svix publishes.
    fn published() -> Sent {
        let mut sent = Sent::post("standard-webhooks");
        sent.now = crate::support::at_millis(1_614_265_330_000);
        sent.body = br#"{"test": 2432232314}"#.to_vec();
        sent.set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
        sent.set("webhook-timestamp", "1614265330");
        sent.set("webhook-signature", SIGNATURE);
        sent
    }

    #[test]
    fn a_public_key_verifies_and_does_not_sign() {
        let verifier = Verifier::new(&preset("standard-webhooks"), &ring(&[PUBLIC])).unwrap();
        assert!(published().check(&verifier).is_ok());

        let mut changed = published();
        changed.body.push(b' ');
        assert_eq!(changed.reason(&verifier), Some(Reason::BadSignature));
        let error = Signer::new(&preset("standard-webhooks"), &ring(&[PUBLIC])).unwrap_err();
        assert!(matches!(error, SchemeError::Key(error) if *error.problem() == KeyProblem::Public));
    }

    #[test]
    fn a_key_answers_to_its_own_kind_of_signature_only() {
        let public = Verifier::new(&preset("standard-webhooks"), &ring(&[PUBLIC])).unwrap();
        let secret = Verifier::new(&preset("standard-webhooks"), &ring(&[SECRET])).unwrap();
        let both = Verifier::new(&preset("standard-webhooks"), &ring(&[PUBLIC, SECRET])).unwrap();
        let (by_public, by_secret) = (published(), Sent::post("standard-webhooks"));

        assert_eq!(by_public.reason(&secret), Some(Reason::MissingSignature));
        assert_eq!(by_secret.reason(&public), Some(Reason::MissingSignature));
        assert_eq!(by_public.check(&both).unwrap().key().unwrap().as_str(), "0");
        assert_eq!(by_secret.check(&both).unwrap().key().unwrap().as_str(), "1");
    }

    #[test]
    fn the_same_signature_with_another_scalar_is_refused() {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;

        // S + L verifies under a lenient verifier.
        let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
        let order = hex::decode(order).unwrap();
        let mut bytes = STANDARD
            .decode(SIGNATURE.trim_start_matches("v1a,"))
            .unwrap();
        let mut carry = 0;
        for (byte, add) in bytes[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
        let mut sent = published();
        sent.set(
            "webhook-signature",
            format!("v1a,{}", STANDARD.encode(bytes)),
        );
        let verifier = Verifier::new(&preset("standard-webhooks"), &ring(&[PUBLIC])).unwrap();

        assert_eq!(sent.reason(&verifier), Some(Reason::BadSignature));
    }

    #[test]
    fn a_public_key_of_the_wrong_length_is_refused() {
        let form = KeyProblem::Encoding("an Ed25519 public key of 32 bytes");
        for secret in ["whpk_AAAA", "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAA"] {
            let key = key("a", secret).allow_weak();
            assert_eq!(
                problem("standard-webhooks", key),
                Some(form.clone()),
                "{secret}"
            );
        }
    }
}

#[test]
fn a_verifier_tells_its_keys_and_their_times_and_each_once() {
    let end = Sent::post("github").now;
    let ring = Keyring::new([key("old", SECRET).not_after(end), key("new", OTHER)]).unwrap();

    for scheme in crate::support::PRESETS {
        let verifier = Verifier::new(&preset(scheme), &ring).unwrap();
        let keys: Vec<_> = verifier
            .keys()
            .map(|(id, validity)| (id.as_str(), validity.not_after()))
            .collect();

        assert_eq!(keys, [("old", Some(end)), ("new", None)], "{scheme}");
    }
}

#[test]
fn a_key_is_what_its_scheme_decodes_however_it_is_spelled() {
    let bytes = b"0123456789abcdefghijklmn";
    let base64 = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";
    let read = |scheme: &str, text: &str| {
        let readings = key("a", text).readings(&preset(scheme));
        let readings = readings.iter().map(|secret| secret.expose().to_vec());
        readings.collect::<Vec<_>>()
    };

    for (scheme, text) in [
        ("standard-webhooks", format!("whsec_{base64}")),
        ("svix", base64.to_owned()),
        ("dixa", hex::encode(bytes)),
        ("github", String::from_utf8(bytes.to_vec()).unwrap()),
    ] {
        assert_eq!(read(scheme, &text), [bytes], "{scheme}");
    }
    assert!(read("dixa", "no digits").is_empty());
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let hashed = Key::hashed(KeyId::parse("a").unwrap(), hash).unwrap();
    assert!(hashed.readings(&preset("github")).is_empty());
}

#[test]
fn a_public_key_is_no_secret_to_make_macs_with() {
    for (digest, fits) in [
        ("ecdsa-p256", true),
        ("rsa-sha256", true),
        ("hmac-sha256", false),
        ("sha256", false),
        ("token", false),
        ("ed25519", false),
    ] {
        let scheme = serde_json::from_value::<Scheme>(serde_json::json!({
            "name": "acme",
            "sign": "{body}",
            "signature": { "from": "header:x-acme", "encoding": "base64" },
            "rules": [{ "digest": digest, "key": { "encoding": "public" } }],
        }));
        let told = scheme.map(drop).map_err(|error| error.to_string());
        assert_eq!(told.is_ok(), fits, "{digest} {told:?}");
        assert!(fits || told.unwrap_err().contains("could make a MAC with it"));
    }
}
