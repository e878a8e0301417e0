//! Handshakes: what nobody signed is answered with nothing that could mean something elsewhere.

use std::sync::LazyLock;

use countersign::{Auth, HandshakeAnswer, Handshakes, PublicUrl, Scheme, Secret, Signed, Verifier};
use http::Method;

use crate::{headers, keys, request, split};

/// A preset's name, the method and the target on the first line, then header lines, an empty line, and the body.
///
/// An answer has no markup and no line break, and a MAC that is answered is no signature of an event.
pub fn handshakes(bytes: &[u8]) {
    let Some((_, answer)) = answered(bytes) else {
        return;
    };
    assert!(answer.status().is_success());
    let values = answer.headers().values().map(|value| value.as_bytes());
    for text in values.chain([answer.body().as_bytes()]) {
        assert!(
            !text.iter().any(|byte| b"<>&'\r\n\0".contains(byte)),
            "echoed what is not harmless"
        );
    }
}

/// The name of the scheme whose handshake the input is, if it is one.
pub fn shaken(bytes: &[u8]) -> Option<String> {
    answered(bytes).map(|(name, _)| name)
}

fn answered(bytes: &[u8]) -> Option<(String, HandshakeAnswer)> {
    let (line, rest) = split(bytes, b"\n").unwrap_or((bytes, b""));
    let mut words = std::str::from_utf8(line).ok()?.splitn(3, ' ');
    let (name, method, target) = (words.next()?, words.next()?, words.next()?);
    let (_, handshakes, auth) = RECEIVERS.iter().find(|(known, ..)| known == name)?;
    let (head, body) = split(rest, b"\n\n").unwrap_or((rest, b""));
    let (method, headers) = (Method::from_bytes(method.as_bytes()).ok()?, headers(head));
    let whole = Signed {
        url: PublicUrl::new("https://hooks.example.com", target),
        ..request(&method, &headers, body)
    };
    let offered = handshakes.offer(auth, None, &whole);
    let greeted = handshakes
        .greet(auth, None, &Signed { body: b"", ..whole })
        .ok()?;
    let answer = match (greeted, auth.verify(&whole)) {
        (Some(answer), _) => Some(answer),
        (None, Ok(verified)) => handshakes.confirm(auth, &whole, &verified),
        (None, Err(_)) => offered.map(|(_, answer)| answer),
    };
    Some((name.to_owned(), answer?))
}

static RECEIVERS: LazyLock<Vec<(String, Handshakes, Auth)>> = LazyLock::new(|| {
    let receiver = |scheme: Scheme| {
        let mut handshakes = Handshakes::of(&scheme);
        if handshakes.missing().next().is_some() {
            let token = Secret::new("meatyhamhock");
            handshakes = handshakes.with_parameter("verify_token", token).ok()?;
        }
        let verifier = Verifier::new(&scheme, &keys()).ok()?;
        let handshakes = handshakes.and(&Handshakes::preset("cloudevents")?);
        Some((
            scheme.name().to_owned(),
            handshakes,
            Auth::Signature(verifier),
        ))
    };
    Scheme::presets().filter_map(receiver).collect()
});
