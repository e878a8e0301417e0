//! The target for JSON Web Tokens, of two senders.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use countersign::{Keyring, Scheme, Secret, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::request;

/// The value of a header that holds a JSON Web Token, for a sender of ES256 and one of RS512.
///
/// Nobody makes a token here: only the head and the claims that the sender signed are accepted.
pub fn json_web_token(bytes: &[u8]) {
    if let Some(genuine) = token_accepted(bytes) {
        let signed = |token: &[u8]| {
            let end = token.iter().rposition(|byte| *byte == b'.');
            end.map(|end| token[..end].to_vec())
        };
        assert_eq!(signed(bytes.trim_ascii()), signed(genuine.as_bytes()));
    }
}

/// The genuine token of the sender that accepts the input of [`json_web_token`], if one does.
pub fn token_accepted(bytes: &[u8]) -> Option<&'static str> {
    let value = HeaderValue::from_bytes(bytes).ok()?;
    let mut senders = TOKENS.iter();
    let sender = senders.find(|sender| {
        let headers = HeaderMap::from_iter([(sender.header.clone(), value.clone())]);
        let mut request = request(&Method::POST, &headers, sender.body.as_bytes());
        request.now = sender.now;
        sender.verifier.verify(&request).is_ok()
    })?;
    Some(&sender.token)
}

/// A sender of tokens, with the genuine one that its preset carries.
struct TokenSender {
    verifier: Verifier,
    header: HeaderName,
    token: String,
    body: String,
    now: SystemTime,
}

static TOKENS: LazyLock<Vec<TokenSender>> = LazyLock::new(|| {
    let sender = |(preset, header): (&str, &'static str)| {
        let scheme = Scheme::preset(preset).expect("a preset");
        let data = serde_json::to_value(&scheme).expect("a scheme can be written");
        let header = HeaderName::from_static(header);
        let mut vectors = data["vectors"].as_array().expect("vectors").iter();
        let token = |vector: &serde_json::Value| {
            let mut headers = vector["headers"].as_object()?.iter();
            let (_, value) =
                headers.find(|(name, _)| name.eq_ignore_ascii_case(header.as_str()))?;
            Some(value.as_str()?.to_owned())
        };
        let genuine = vectors.find(|vector| vector["genuine"] == true && token(vector).is_some());
        let genuine = genuine.expect("a genuine token");
        let text = |name: &str| genuine[name].as_str().expect("a text").to_owned();
        let keys = Keyring::single(Secret::new(text("secret")));
        TokenSender {
            verifier: Verifier::new(&scheme, &keys).expect("it takes the key"),
            token: token(genuine).expect("a token"),
            header,
            body: text("body"),
            now: SystemTime::UNIX_EPOCH
                + Duration::from_secs(genuine["now"].as_u64().expect("a time")),
        }
    };
    let senders = [
        ("plaid", "plaid-verification"),
        ("fireblocks", "fireblocks-webhook-signature"),
    ];
    senders.map(sender).into()
});
