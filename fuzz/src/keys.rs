//! The target for documents that keys are fetched as.

use std::sync::LazyLock;
use std::time::SystemTime;

use countersign::{
    FetchedKey, Key, KeyId, KeyUrl, Keyring, PublicUrl, Scheme, Signed, Validity, Verifier,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// What a server says is a public key, or a set of them, or a certificate.
///
/// Whatever it says, nothing that was signed with another key is genuine, and a certificate says when it counts.
pub fn key_documents(bytes: &[u8]) {
    if let Ok(validity) = Validity::of_certificate(bytes) {
        assert!(validity.not_before().is_some() && validity.not_after().is_some());
    }
    for (verifier, url, headers) in &*SENDERS {
        let _ = FetchedKey::of_certificate(url.clone(), bytes);
        let Ok(key) = FetchedKey::read(url.clone(), bytes) else {
            continue;
        };
        assert!(
            verifier.verify_with(&request(headers), &key).is_err(),
            "accepted what no key has signed"
        );
    }
}

/// Whether there is a key in the input of [`key_documents`].
pub fn has_key(bytes: &[u8]) -> bool {
    let mut senders = SENDERS.iter();
    senders.any(|(_, url, _)| FetchedKey::read(url.clone(), bytes).is_ok())
}

fn request(headers: &HeaderMap) -> Signed<'_> {
    Signed {
        method: &Method::POST,
        url: PublicUrl::default(),
        headers,
        body: b"{}",
        now: SystemTime::UNIX_EPOCH,
    }
}

/// One for each kind of public key.
static SENDERS: LazyLock<[(Verifier, KeyUrl, HeaderMap); 2]> =
    LazyLock::new(|| ["ecdsa-p256-fixed", "rsa-sha512"].map(sender));

fn sender(digest: &str) -> (Verifier, KeyUrl, HeaderMap) {
    let scheme: Scheme = serde_json::from_value(serde_json::json!({
        "name": "acme",
        "sign": "{body}",
        "key-url": { "at": "https://keys.example.com/set", "https": { "hosts": ["keys.example.com"] } },
        "signature": { "from": "header:x-acme", "encoding": "base64" },
        "rules": [{ "digest": digest, "key": { "encoding": "public" } }],
    }))
    .expect("a scheme");
    let key = Key::fetched(KeyId::parse("set").expect("an id"));
    let keys = Keyring::new([key]).expect("one key");
    let verifier = Verifier::new(&scheme, &keys).expect("a key that is fetched");
    let signature = HeaderValue::from_static(
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
    );
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-acme"), signature)]);
    let url = verifier.key_url(&request(&headers)).expect("a request");
    (verifier, url.expect("a key to fetch"), headers)
}
