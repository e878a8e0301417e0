//! The target for documents that keys are fetched as.

use std::sync::LazyLock;
use std::time::SystemTime;

use countersign::{FetchedKey, Key, KeyId, KeyUrl, Keyring, PublicUrl, Scheme, Signed, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// What a server says is a public key, or a set of them.
///
/// Whatever it says, nothing that was signed with another key is genuine.
pub fn key_documents(bytes: &[u8]) {
    let (verifier, url, headers) = &*SENDER;
    let _ = FetchedKey::of_certificate(url.clone(), bytes);
    let Ok(key) = FetchedKey::read(url.clone(), bytes) else {
        return;
    };
    assert!(
        verifier.verify_with(&request(headers), &key).is_err(),
        "accepted what no key has signed"
    );
}

/// Whether there is a key in the input of [`key_documents`].
pub fn has_key(bytes: &[u8]) -> bool {
    FetchedKey::read(SENDER.1.clone(), bytes).is_ok()
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

static SENDER: LazyLock<(Verifier, KeyUrl, HeaderMap)> = LazyLock::new(|| {
    let scheme = Scheme::preset("fireblocks").expect("a preset");
    let key = Key::fetched(KeyId::parse("set").expect("an id"));
    let keys = Keyring::new([key]).expect("one key");
    let verifier = Verifier::new(&scheme, &keys).expect("a key that is fetched");
    let signature = HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let name = HeaderName::from_static("fireblocks-signature");
    let headers = HeaderMap::from_iter([(name, signature)]);
    let url = verifier.key_url(&request(&headers)).expect("a request");
    (verifier, url.expect("a key to fetch"), headers)
});
