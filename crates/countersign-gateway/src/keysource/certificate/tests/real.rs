//! What Amazon and PayPal really sent, with the certificates that they signed it with, up to the authorities' own.

use countersign::{Key, KeyId, Keyring, PublicUrl, Scheme, Signed, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rustls::RootCertStore;
use serde_json::Value;

use super::*;

#[test]
fn what_amazon_and_paypal_sent_is_genuine_by_its_own_certificate() {
    let mut seen = [0; 2];
    for sent in captured() {
        let now = at(&sent, 0);
        let (url, chain) = asked(&sent);
        let rule = url.certificate().unwrap();

        let Verdict::Incomplete(missing) = chain.judge(&url, rule, &authorities(), now) else {
            panic!("{}: its issuer is not asked for", sent["name"]);
        };
        let Verdict::Trusted(key) = whole(chain, &missing).judge(&url, rule, &authorities(), now)
        else {
            panic!("{}: not trusted", sent["name"]);
        };

        let verdict = verifier(&sent).verify_with(&signed(&sent, &headers(&sent), now), &key);
        assert!(verdict.is_ok(), "{}: {verdict:?}", sent["name"]);
        seen[usize::from(sent["provider"] == "paypal")] += 1;
    }
    assert_eq!(seen, [7, 1]);
}

#[test]
fn a_real_certificate_counts_in_its_time_for_its_owner_and_by_its_authority_only() {
    let years = |count: u64| count * 365 * 24 * 3600;
    for sent in captured() {
        let now = at(&sent, 0);
        let judged = |url: &KeyUrl, trust: &Trust, now| {
            let chain = asked(&sent).1;
            let missing = issuer_url(chain.last()).unwrap();
            whole(chain, &missing).judge(url, url.certificate().unwrap(), trust, now)
        };
        let (own, trust) = (asked(&sent).0, authorities());

        let late = judged(&own, &trust, at(&sent, years(3)));
        assert!(is_untrusted(&late, "expired"), "{late:?}");
        let nobody = judged(&own, &Authority::root().trust(), now);
        assert!(!matches!(nobody, Verdict::Trusted(_)), "{nobody:?}");
        let names = ["sns.us-west-1.amazonaws.com", "paypal.com"];
        let other = key_url("keys.example.com", "/a.pem", Some((&names, &[])));
        let other = judged(&other, &trust, now);
        assert!(is_untrusted(&other, "none of the names"), "{other:?}");
    }
}

/// The requests whose certificates would be fetched.
fn captured() -> Vec<Value> {
    let text = include_str!("../../../../../countersign/tests/captured.json");
    let all: Vec<Value> = serde_json::from_str(text).unwrap();
    let all = all.into_iter();
    all.filter(|sent| sent["secret"].as_str().unwrap().starts_with("-----BEGIN"))
        .collect()
}

/// The instant at which the request came, and so many seconds.
fn at(sent: &Value, later: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(sent["now"].as_u64().unwrap() + later)
}

/// Where the request says that its certificate is, and what is there.
fn asked(sent: &Value) -> (KeyUrl, Chain) {
    let headers = headers(sent);
    let request = signed(sent, &headers, at(sent, 0));
    let url = verifier(sent).key_url(&request).unwrap().unwrap();
    let chain = Chain::read(sent["secret"].as_str().unwrap().as_bytes());
    (url, chain.unwrap())
}

/// The chain with the certificate of the issuer that is missing in it.
fn whole(mut chain: Chain, missing: &str) -> Chain {
    let mut issuers = ISSUERS.iter();
    let issuer = issuers.find(|(url, _)| *url == missing);
    let (_, issuer) = issuer.unwrap_or_else(|| panic!("{missing}"));
    assert!(chain.add(issuer.as_bytes()));
    chain
}

fn verifier(sent: &Value) -> Verifier {
    let mut scheme = Scheme::preset(sent["provider"].as_str().unwrap()).unwrap();
    if let Some(id) = sent["params"]["webhook_id"].as_str() {
        scheme = scheme.with_parameter("webhook_id", id).unwrap();
    }
    let key = Key::fetched(KeyId::parse("fetched").unwrap());
    Verifier::new(&scheme, &Keyring::new([key]).unwrap()).unwrap()
}

fn headers(sent: &Value) -> HeaderMap {
    let headers = sent["headers"].as_object().unwrap().iter();
    let headers = headers.map(|(name, value)| {
        let name = name.parse::<HeaderName>().unwrap();
        (
            name,
            HeaderValue::from_str(value.as_str().unwrap()).unwrap(),
        )
    });
    headers.collect()
}

fn signed<'a>(sent: &'a Value, headers: &'a HeaderMap, now: SystemTime) -> Signed<'a> {
    Signed {
        method: &Method::POST,
        url: PublicUrl::default(),
        headers,
        body: sent["body"].as_str().unwrap().as_bytes(),
        now,
    }
}

fn authorities() -> Trust {
    let mut roots = RootCertStore::empty();
    for text in [
        include_str!("amazon-root-ca-1.pem"),
        include_str!("digicert-ev-root-ca.pem"),
    ] {
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).unwrap();
        roots.add(certificate).unwrap();
    }
    Trust::in_roots(roots)
}

/// The issuers' certificates, by where the senders' own say that they are.
const ISSUERS: [(&str, &str); 3] = [
    (
        "http://cacerts.digicert.com/DigiCertSHA2ExtendedValidationServerCA.crt",
        include_str!("digicert-ev-server-ca.pem"),
    ),
    (
        "http://crt.r2m01.amazontrust.com/r2m01.cer",
        include_str!("amazon-rsa-2048-m01.pem"),
    ),
    (
        "http://crt.sca1b.amazontrust.com/sca1b.crt",
        include_str!("amazon-server-ca-1b.pem"),
    ),
];
