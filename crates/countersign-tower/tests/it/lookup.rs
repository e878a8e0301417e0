//! Keys that a request names by a URL: when they are fetched, and what comes of what is there.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use countersign::{Auth, FetchedKey, Key, KeyId, KeyUrl, Keyring, Reason, Scheme, Verifier};
use countersign_tower::{Fetching, KeySource, NoKey, Policy, PolicyBuilder, VerifyLayer};
use http::Request;
use http_body_util::Full;
use tower::Layer;

use crate::support::{Answer, Receiver, send};

/// Has one answer for every URL, and keeps what it was asked for.
#[derive(Debug)]
struct Shelf {
    asked: Mutex<Vec<String>>,
    has: Result<&'static str, NoKey>,
    /// Whether it says of another URL that it is from there.
    mislabels: bool,
}

impl KeySource for Shelf {
    fn fetch(&self, url: KeyUrl, _now: SystemTime) -> Fetching {
        self.asked.lock().unwrap().push(url.as_str().to_owned());
        let label = match self.mislabels {
            true => key_url("https://keys.example.com/other.json"),
            false => url,
        };
        let found = self
            .has
            .map(|text| FetchedKey::read(label, text.as_bytes()).unwrap());
        Box::pin(async move {
            tokio::task::yield_now().await;
            found.map(Arc::new)
        })
    }
}

fn shelf(has: Result<&'static str, NoKey>) -> Arc<Shelf> {
    Arc::new(Shelf {
        asked: Mutex::default(),
        has,
        mislabels: false,
    })
}

/// Plaid's way of signing, where the request says where the key is.
fn scheme() -> Scheme {
    serde_json::from_value(serde_json::json!({
        "name": "acme",
        "sign": "{token:head}.{token:claims}",
        "key-url": { "from": "header:x-key-url", "https": { "hosts": ["keys.example.com"], "path-ends": ".json" } },
        "require": [{ "from": "claim:/request_body_sha256", "body": "sha256-hex" }],
        "signature": { "from": "header:plaid-verification", "grammar": { "token": "ES256" }, "encoding": "base64-url" },
        "timestamp": { "from": "claim:/iat", "unit": "seconds" },
        "rules": [{ "digest": "ecdsa-p256-fixed", "key": { "encoding": "public" } }],
    }))
    .unwrap()
}

fn verifier() -> Verifier {
    let key = Key::fetched(KeyId::parse("acme").unwrap());
    Verifier::new(&scheme(), &Keyring::new([key]).unwrap()).unwrap()
}

fn key_url(url: &'static str) -> KeyUrl {
    let (parts, body) = request(url, TOKEN, BODY).into_parts();
    let signed = countersign::Signed {
        method: &parts.method,
        url: countersign::PublicUrl::default(),
        headers: &parts.headers,
        body: body.as_bytes(),
        now: now(),
    };
    verifier().key_url(&signed).unwrap().unwrap()
}

fn policy() -> PolicyBuilder {
    Policy::builder(Auth::Signature(verifier()))
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn request(url: &'static str, token: &str, body: &'static str) -> Request<&'static str> {
    let request = Request::post("/hooks/in");
    let request = request
        .header("plaid-verification", token)
        .header("x-key-url", url);
    request.body(body).unwrap()
}

async fn answer(
    policy: PolicyBuilder,
    shelf: &Arc<Shelf>,
    request: Request<&'static str>,
) -> Answer {
    let layer = VerifyLayer::new(policy.build().unwrap()).clock(now);
    let source: Arc<dyn KeySource> = Arc::clone(shelf) as _;
    let request = request.map(|body| Full::new(Bytes::from_static(body.as_bytes())));
    send(layer.key_source(source).layer(Receiver::new()), request).await
}

const URL: &str = "https://keys.example.com/acme.json";
const BODY: &str = "{\n  \"item_id\": \"abc\",\n  \"webhook_type\": \"ITEM\"\n}";
const KEY: &str = r#"{"alg": "ES256", "crv": "P-256", "kid": "6c5516e1-92dc-479e-a8ff-5a51992e0001", "kty": "EC", "use": "sig", "x": "Rxw-dYxJBChbun5TEY7Q9SSt6wdX0lvS-Oew1236cUw", "y": "3VIPesqKi5F6zDf1HejwybvjrYWDgucC3CWhLQn3qFg"}"#;
const TOKEN: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjZjNTUxNmUxLTkyZGMtNDc5ZS1hOGZmLTVhNTE5OTJlMDAwMSIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsInJlcXVlc3RfYm9keV9zaGEyNTYiOiI2ZTVlMmFkM2ViZDhkYjUxNzE1MmVmMTJhYmM3ZjNmYmJmY2FiMWNmYTQyN2UyMzRiNWY5ZDk2MDAxOWY1NTc4In0.tq3GcAp-2pecRCxjQboYzmeEDIb-LZlQ9KESD9FbR4gd9gYZClAnvKguIxxzygJwKHq-2nLgBO7vpLnxuOnOYQ";

#[tokio::test]
async fn the_key_is_fetched_from_where_the_request_says() {
    let shelf = shelf(Ok(KEY));

    let answer = answer(policy(), &shelf, request(URL, TOKEN, BODY)).await;

    assert_eq!(answer.status(), 202);
    assert_eq!(*shelf.asked.lock().unwrap(), [URL]);
}

#[tokio::test]
async fn nothing_is_fetched_for_what_is_refused_anyway() {
    let changed = "{}";
    for (request, reason) in [
        (
            request("https://evil.example/acme.json", TOKEN, BODY),
            Reason::UnmetDemand,
        ),
        (
            request("http://keys.example.com/acme.json", TOKEN, BODY),
            Reason::UnmetDemand,
        ),
        (
            request("https://keys.example.com/acme.pem", TOKEN, BODY),
            Reason::UnmetDemand,
        ),
        (request(URL, "nothing", BODY), Reason::MalformedHeader),
        (request(URL, TOKEN, changed), Reason::BodyChanged),
    ] {
        let shelf = shelf(Ok(KEY));
        let answer = answer(policy(), &shelf, request).await;

        assert_eq!(answer.status(), 401, "{reason}");
        assert_eq!(answer.refusal(), Some(reason.as_str()));
        assert_eq!(shelf.asked.lock().unwrap().len(), 0, "{reason}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_had_now_is_no_verdict() {
    let answer_of = async |has| {
        let shelf = shelf(has);
        answer(policy(), &shelf, request(URL, TOKEN, BODY)).await
    };

    let busy = answer_of(Err(NoKey::Unavailable)).await;
    assert_eq!((busy.status(), busy.refusal()), (503, Some("unavailable")));
    let foreign = answer_of(Err(NoKey::Untrusted)).await;
    let reason = Reason::UntrustedKey;
    assert_eq!(
        (foreign.status(), foreign.refusal()),
        (401, Some(reason.as_str()))
    );
}

#[tokio::test]
async fn a_key_from_elsewhere_does_not_count_and_is_not_asked_for_twice() {
    let shelf = Arc::new(Shelf {
        asked: Mutex::default(),
        has: Ok(KEY),
        mislabels: true,
    });

    let answer = answer(policy(), &shelf, request(URL, TOKEN, BODY)).await;

    assert_eq!(answer.status(), 401);
    assert_eq!(shelf.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_source_nothing_can_be_decided() {
    let layer = VerifyLayer::new(policy().build().unwrap()).clock(now);
    let request =
        request(URL, TOKEN, BODY).map(|body| Full::new(Bytes::from_static(body.as_bytes())));

    let answer = send(layer.layer(Receiver::new()), request).await;

    assert_eq!(answer.status(), 503);
}

#[tokio::test]
async fn who_only_observes_lets_in_what_no_key_was_found_for() {
    for (has, status) in [(Err(NoKey::Unavailable), 202), (Err(NoKey::Untrusted), 202)] {
        let shelf = shelf(has);
        let answer = answer(policy().observe(true), &shelf, request(URL, TOKEN, BODY)).await;
        assert_eq!(answer.status(), status);
    }
}
