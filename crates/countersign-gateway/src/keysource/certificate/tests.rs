use std::time::Duration;

use super::*;
use crate::keysource::authority::{Authority, key_url};

mod real;

const HOUR: Duration = Duration::from_secs(3600);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn judged(chain: &str, names: &[&str], issuers: &[&str], trusted: &Authority) -> Verdict {
    let url = key_url("keys.example.com", "/a.pem", Some((names, issuers)));
    let chain = Chain::read(chain.as_bytes()).unwrap();
    chain.judge(&url, url.certificate().unwrap(), &trusted.trust(), now())
}

fn is_untrusted(verdict: &Verdict, because: &str) -> bool {
    matches!(verdict, Verdict::Untrusted(why) if why.contains(because))
}

#[test]
fn a_certificate_counts_with_a_name_a_time_and_a_trusted_root() {
    let root = Authority::root();
    let between = root.below();
    let soon = now() + Duration::from_secs(60);
    let names = ["other.test", "sender.test"];
    let good = between.sign("sender.test", soon, None);
    let whole = good.clone() + &between.pem;

    let verdict = |chain: &str| judged(chain, &names, &[], &root);
    assert!(matches!(verdict(&whole), Verdict::Trusted(_)));
    assert!(matches!(
        verdict(&root.sign("sender.test", soon, None)),
        Verdict::Trusted(_)
    ));

    for (chain, because) in [
        (good.clone(), "nobody who is trusted"),
        (
            // Somebody of the same name as the root.
            Authority::root().sign("sender.test", soon, None),
            "it is not valid",
        ),
        (good + &Authority::root().below().pem, "it is not valid"),
        (root.sign("evil.test", soon, None), "none of the names"),
        (
            root.sign("sender.test.evil.test", soon, None),
            "none of the names",
        ),
        (root.sign("sender.test", now() - HOUR, None), "expired"),
        (
            root.sign("sender.test", now() + HOUR, None),
            "not valid yet",
        ),
    ] {
        let verdict = verdict(&chain);
        assert!(
            is_untrusted(&verdict, because),
            "{verdict:?} is not: {because}"
        );
    }
}

#[test]
fn a_missing_issuer_is_asked_for_on_the_hosts_of_the_scheme_only() {
    let root = Authority::root();
    let between = root.below();
    let soon = now() + Duration::from_secs(60);
    let url = "http://crt.r2m01.example.com/r2m01.cer";
    let leaf = between.sign("sender.test", soon, Some(url));
    let verdict = |leaf: &str, issuers: &[&str]| judged(leaf, &["sender.test"], issuers, &root);

    let Verdict::Incomplete(asked) = verdict(&leaf, &["crt.*.example.com"]) else {
        panic!("it is complete without its issuer");
    };
    assert_eq!(asked, url);
    for issuers in [&[][..], &["crt.example.com"], &["crt.*.example.org"]] {
        assert!(
            is_untrusted(&verdict(&leaf, issuers), "nobody"),
            "{issuers:?}"
        );
    }
    for url in [
        "https://crt.a.example.com/a.cer",
        "ftp://crt.a.example.com/a.cer",
        "http://crt.a.example.com:81/a.cer",
        "http://user@crt.a.example.com/a.cer",
        "http://crt.a.example.com/a.cer?x=1",
        "http://crt.a.example.com/a b",
        "http://169.254.169.254/a.cer",
        "http://crt.a.example.com",
    ] {
        let leaf = between.sign("sender.test", soon, Some(url));
        let issuers = ["crt.*.example.com", "*.*.*.*"];
        assert!(is_untrusted(&verdict(&leaf, &issuers), "nobody"), "{url}");
    }

    let url = key_url("keys.example.com", "/a.pem", Some((&["sender.test"], &[])));
    let rule = url.certificate().unwrap();
    for issuer in [
        between.certificate.to_vec(),
        between.pem.clone().into_bytes(),
    ] {
        let mut chain = Chain::read(leaf.as_bytes()).unwrap();
        assert!(chain.add(&issuer));
        let verdict = chain.judge(&url, rule, &root.trust(), now());
        assert!(matches!(verdict, Verdict::Trusted(_)), "{verdict:?}");
    }
}

#[test]
fn a_chain_has_an_end() {
    let root = Authority::root();
    let leaf = root.sign("sender.test", now() + HOUR, None);
    let mut chain = Chain::read(leaf.as_bytes()).unwrap();

    for _ in 0..LONGEST {
        assert!(chain.add(&root.certificate));
    }
    assert!(!chain.add(&root.certificate));
    assert!(!chain.add(b""));
    assert!(Chain::read(root.pem.repeat(LONGEST + 1).as_bytes()).is_some());
    assert!(Chain::read(root.pem.repeat(LONGEST + 2).as_bytes()).is_none());
    for nothing in ["", "hello", "-----BEGIN CERTIFICATE-----\n"] {
        assert!(Chain::read(nothing.as_bytes()).is_none(), "{nothing}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_comes_is_no_certificate_and_no_panic(bytes: Vec<u8>, at in 0_usize..64) {
        let mut bytes = bytes;
        let at = at.min(bytes.len());
        bytes.splice(at..at, b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86".iter().copied());
        let _ = issuer_url(&bytes);
        proptest::prop_assert!(Chain::read(&bytes).is_none());
    }
}

#[test]
fn a_key_counts_to_the_first_end_of_a_certificate_that_it_hangs_on() {
    let root = Authority::root();
    let after = |seconds| now() + Duration::from_secs(seconds);
    let (brief, lasting) = (root.below_until(Some(after(100))), root.below());
    let foreign = Authority::root().below_until(Some(after(10)));
    let gone = Authority::root().below_until(Some(now() - HOUR));
    let by = |issuer: &Authority, end| issuer.sign("sender.test", after(end), None);

    for (chain, end) in [
        (by(&root, 200), 200),
        (by(&lasting, 200) + &lasting.pem, 200),
        (by(&brief, 200) + &brief.pem, 100),
        (by(&brief, 50) + &brief.pem, 50),
        // What is sent along and not needed ends nothing.
        (by(&lasting, 200) + &lasting.pem + &foreign.pem, 200),
        (by(&brief, 200) + &gone.pem + &brief.pem + &foreign.pem, 100),
    ] {
        let Verdict::Trusted(key) = judged(&chain, &["sender.test"], &[], &root) else {
            panic!("{chain}");
        };
        assert!(key.covers(now()) && key.covers(after(end)), "{end}");
        assert!(!key.covers(after(end + 1)), "{end}");
    }
}
