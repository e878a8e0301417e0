//! What a large body costs a scheme that looks into it.

use std::time::{Duration, Instant, SystemTime};

use countersign::{Key, KeyId, Keyring, PublicUrl, Scheme, Secret, Signed, Verifier};
use http::{HeaderMap, Method};

/// A notification that Adyen's documentation shows, with two megabytes beside what is signed.
#[test]
#[ignore = "measures"]
fn a_large_notification_is_measured() {
    let vectors: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../vectors.json")).unwrap();
    let adyen = |vector: &&serde_json::Value| vector["name"] == "payment-item";
    let vector = vectors.iter().find(adyen).unwrap();
    let mut body: serde_json::Value =
        serde_json::from_str(vector["body"].as_str().unwrap()).unwrap();
    let filler: Vec<_> = (0..150_000).map(|n| format!("value {n}")).collect();
    body["notificationItems"][0]["NotificationRequestItem"]["more"] = filler.into();
    let body = body.to_string();
    let secret = Secret::new(vector["secret"].as_str().unwrap());
    let key = Key::new(KeyId::parse("key").unwrap(), secret);
    let scheme = Scheme::preset("adyen").unwrap();
    let verifier = Verifier::new(&scheme, &Keyring::new([key]).unwrap()).unwrap();
    let request = Signed {
        method: &Method::POST,
        url: PublicUrl::default(),
        headers: &HeaderMap::new(),
        body: body.as_bytes(),
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    };

    let mut best = Duration::MAX;
    for _ in 0..20 {
        let begun = Instant::now();
        verifier.verify(&request).unwrap();
        best = best.min(begun.elapsed());
    }
    eprintln!("{} bytes: {best:?}", body.len());
}
