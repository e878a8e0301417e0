//! The fuzz targets: one function for each reader of bytes from outside, and what it must keep to.
//!
//! None of them may panic, whatever the bytes. What else each must do is asserted in it.

use std::path::Path;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use countersign::{Auth, Basic, Keyring, PublicUrl, Scheme, Secret, Signed, Unit, Verifier};
use countersign_gateway::config::{Config, StepUrl, Then};
use countersign_queue::EventId;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

mod addresses;
mod elements;
mod handshakes;
mod keys;
mod tokens;

pub use addresses::client_address;
pub use elements::{form_fields, json_pointer, url_forms};
pub use handshakes::{handshakes, shaken};
pub use keys::{has_key, key_documents};
pub use tokens::{json_web_token, token_accepted};

// Two readers are private to their crates; their files stand on their own, so they are compiled in here.
#[expect(dead_code, reason = "not everything of it is read here")]
#[path = "../../crates/countersign-gateway/src/cli/message.rs"]
mod message;
#[path = "../../crates/countersign-queue/src/headers.rs"]
mod queue_headers;

/// What is fed: it takes whatever bytes there are, and panics only when it found something.
pub type Target = fn(&[u8]);

/// Every target by the name of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("basic_credentials", basic_credentials),
    ("client_address", client_address),
    ("configuration", configuration),
    ("event_id", event_id),
    ("form_fields", form_fields),
    ("handshakes", handshakes),
    ("http_message", http_message),
    ("json_pointer", json_pointer),
    ("json_web_token", json_web_token),
    ("key_documents", key_documents),
    ("message_template", message_template),
    ("scheme_description", scheme_description),
    ("signature_headers", signature_headers),
    ("step_url", step_url),
    ("stored_headers", stored_headers),
    ("timestamps", timestamps),
    ("url_forms", url_forms),
];

/// Runs the target `name`.
///
/// # Panics
///
/// There is no such target, or it found something.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target's name");
    target(bytes);
}

/// A preset's name on the first line, then header lines, an empty line, and the body.
///
/// What is accepted is accepted for this body, or this URL, only; and not an hour later where a time is signed.
pub fn signature_headers(bytes: &[u8]) {
    let Some((verifier, headers, body)) = signed_by_preset(bytes) else {
        return;
    };
    for method in [Method::POST, Method::GET] {
        let genuine = request(&method, &headers, body);
        if verifier.verify(&genuine).is_err() {
            continue;
        }
        assert!(
            verifier.check_head(&method, &headers).is_ok(),
            "accepted what its head forbids"
        );
        let longer = [body, b"0"].concat();
        let mut other = genuine;
        if verifier.scheme().signs_body(&method) {
            other.body = &longer;
        } else {
            other.url.target = "/hooks/orders?job=8";
        }
        assert!(verifier.verify(&other).is_err(), "accepted for another");
        let mut late = genuine;
        late.now += Duration::from_secs(3600);
        assert!(
            verifier.verify(&late).is_err() || !verifier.scheme().signs_time(),
            "accepted an hour late"
        );
    }
}

/// Whether the input of [`signature_headers`] is accepted, as a POST or as a GET.
pub fn is_genuine(bytes: &[u8]) -> bool {
    signed_by_preset(bytes).is_some_and(|(verifier, headers, body)| {
        [Method::POST, Method::GET]
            .iter()
            .any(|method| verifier.verify(&request(method, &headers, body)).is_ok())
    })
}

fn signed_by_preset(bytes: &[u8]) -> Option<(&'static Verifier, HeaderMap, &[u8])> {
    let (name, rest) = split(bytes, b"\n")?;
    let (_, verifier) = VERIFIERS
        .iter()
        .find(|(known, _)| known.as_bytes() == name)?;
    let (head, body) = split(rest, b"\n\n").unwrap_or((rest, b""));
    Some((verifier, headers(head), body))
}

/// The text of a time, on its own and in a native signature, under every unit.
///
/// A number has one spelling, and a MAC of zeros is refused whatever the time.
pub fn timestamps(bytes: &[u8]) {
    countersign::fuzzing::timestamp(bytes);
    let line = [b"t=", bytes, b",sha256=", ZEROS.as_bytes()].concat();
    let Ok(value) = HeaderValue::from_bytes(&line) else {
        return;
    };
    let headers = HeaderMap::from_iter([(SIGNATURE, value)]);
    for verifier in NATIVE.iter() {
        assert!(
            verifier
                .verify(&request(&Method::POST, &headers, b""))
                .is_err()
        );
    }
}

/// The template of a signed message.
///
/// What is read is written so that it reads the same.
pub fn message_template(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        countersign::fuzzing::template(text);
    }
}

/// The value of an `Authorization` header.
///
/// Only the one user with the one password is let in.
pub fn basic_credentials(bytes: &[u8]) {
    if lets_in(bytes) {
        let text = bytes.to_ascii_lowercase();
        assert!(text.starts_with(b"basic "), "accepted another scheme");
        assert!(
            bytes.ends_with(b"c2VuZGVyOmE6cGFzc3dvcmQgb2YgZ29vZCBsZW5ndGg="),
            "accepted other credentials"
        );
    }
}

/// Whether the input of [`basic_credentials`] is accepted.
pub fn lets_in(bytes: &[u8]) -> bool {
    HeaderValue::from_bytes(bytes).is_ok_and(|value| {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        BASIC.verify(&request(&Method::POST, &headers, b"")).is_ok()
    })
}

/// A scheme as somebody writes it, in TOML or in JSON, with its templates.
///
/// What is read is written the same, and a verifier is made of it or it is refused.
pub fn scheme_description(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let schemes = [
        toml::from_str::<Scheme>(text).ok(),
        serde_json::from_str::<Scheme>(text).ok(),
    ];
    for scheme in schemes.into_iter().flatten() {
        let written = serde_json::to_string(&scheme).expect("a scheme can be written");
        let again: Scheme = serde_json::from_str(&written).expect("a written scheme can be read");
        assert_eq!(again, scheme);
        let _ = Verifier::new(&scheme, &keys());
    }
}

/// A whole configuration file. Secrets in files and variables are not read.
///
/// What is refused is refused with something to say.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // A fuzzer must not be led to open a pipe or a device.
    if text.contains("file") || text.contains("env") {
        return;
    }
    if let Err(error) = Config::parse(text, Path::new("fuzz.toml")) {
        assert!(!error.to_string().is_empty());
    }
}

/// The public id of an event.
///
/// An id has one spelling.
pub fn event_id(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(id) = EventId::from_str(text) {
        assert_eq!(id.to_string(), text);
    }
}

/// A captured HTTP request.
///
/// Its target is in the bytes as it was read, and so is its body.
pub fn http_message(bytes: &[u8]) {
    if let Ok(message) = message::Message::parse(bytes) {
        assert!(message.target.starts_with('/'));
        let is_there =
            |part: &[u8]| part.is_empty() || bytes.windows(part.len()).any(|window| window == part);
        assert!(is_there(message.target.as_bytes()) && is_there(&message.body));
    }
}

/// The URL of a step, as it stands in a configuration.
///
/// What is taken is requested as it was written, of the host that a browser would ask, without credentials.
pub fn step_url(bytes: &[u8]) {
    let Some(url) = std::str::from_utf8(bytes).ok().and_then(step) else {
        return;
    };
    let written = std::str::from_utf8(bytes).expect("it was text");
    let uri = url.as_uri();
    let seen = url::Url::parse(written).expect("what is requested is a URL");
    assert!(matches!(uri.scheme_str(), Some("http" | "https")));
    assert!(written.is_ascii() && !url.host().is_empty());
    assert!(
        seen.host_str()
            .is_some_and(|host| host.eq_ignore_ascii_case(url.host())),
        "read as two hosts"
    );
    assert!(
        uri.authority()
            .is_some_and(|authority| !authority.as_str().contains('@')),
        "credentials"
    );
}

/// The URL that a step gets from this text, if it may have it.
pub fn step(text: &str) -> Option<StepUrl> {
    if text.contains('\'') || text.contains(char::is_control) {
        return None; // Not in one line of TOML.
    }
    let text = format!(
        "[[flows]]\nid = \"a\"\nauth = {{ mode = \"none\" }}\nsteps = [{{ name = \"s\", url = '{text}' }}]\n"
    );
    let config = Config::parse(&text, Path::new("fuzz.toml")).ok()?;
    let Then::Queue { steps } = &config.flows.first()?.then else {
        return None;
    };
    Some(steps.first()?.url.clone())
}

/// Headers as the queue stores them.
///
/// What is read is written so that it reads the same.
pub fn stored_headers(bytes: &[u8]) {
    if let Ok(headers) = queue_headers::decode(bytes) {
        let mut stored = Vec::new();
        queue_headers::encode(&headers, &mut stored);
        assert_eq!(queue_headers::decode(&stored).as_ref(), Ok(&headers));
    }
}

fn request<'a>(method: &'a Method, headers: &'a HeaderMap, body: &'a [u8]) -> Signed<'a> {
    let url = PublicUrl::new("https://hooks.example.com", "/hooks/orders?job=7");
    Signed {
        method,
        url,
        headers,
        body,
        now: SystemTime::UNIX_EPOCH + Duration::from_millis(1_568_818_215_724),
    }
}

/// Lines of `name: value`; what is no header is left out.
fn headers(head: &[u8]) -> HeaderMap {
    let lines = head.split(|byte| *byte == b'\n').filter_map(|line| {
        let (name, value) = split(line, b":")?;
        Some((
            HeaderName::from_bytes(name).ok()?,
            HeaderValue::from_bytes(value.trim_ascii()).ok()?,
        ))
    });
    let mut headers = HeaderMap::new();
    for (name, value) in lines.take(100) {
        headers.append(name, value);
    }
    headers
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let start = bytes.windows(at.len()).position(|window| window == at)?;
    Some((&bytes[..start], &bytes[start + at.len()..]))
}

fn keys() -> Keyring {
    // Base64 of 24 bytes, too, for the schemes that want that.
    Keyring::single(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
}

static VERIFIERS: LazyLock<Vec<(String, Verifier)>> = LazyLock::new(|| {
    let verifier = |scheme: Scheme| {
        Some((
            scheme.name().to_owned(),
            Verifier::new(&scheme, &keys()).ok()?,
        ))
    };
    let verifiers: Vec<_> = Scheme::presets().filter_map(verifier).collect();
    assert!(verifiers.len() >= 7, "every preset takes the key");
    verifiers
});

/// The native scheme in every unit.
static NATIVE: LazyLock<Vec<Verifier>> = LazyLock::new(|| {
    let scheme = Scheme::preset("designer-cloud").expect("the native scheme");
    let verifier = |unit| {
        let scheme = scheme
            .clone()
            .with_timestamp_unit(unit)
            .expect("it signs a time");
        Verifier::new(&scheme, &keys()).expect("it takes the key")
    };
    [Unit::Milliseconds, Unit::Rfc3339, Unit::Seconds]
        .map(verifier)
        .into()
});

static BASIC: LazyLock<Auth> = LazyLock::new(|| {
    let user = (
        "sender".to_owned(),
        Secret::new("a:password of good length"),
    );
    Auth::Basic(Basic::new([user]).expect("a good password"))
});

const SIGNATURE: HeaderName = HeaderName::from_static("x-webhook-signature");
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
