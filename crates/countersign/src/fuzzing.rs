//! Entrances for fuzzers: each takes what an outsider may send and must not panic.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};

use crate::auth::credentials;
use crate::element::Source;
use crate::grammar::Found;
use crate::json::{Document, Json, Pointer};
use crate::message::{Template, Words};
use crate::plan::Plan;
use crate::{Keyring, MAX_HEADER, PublicUrl, Scheme, Secret, Unit, form, json};

/// Reads `value` as the signature header of the preset at this position, taken round.
pub fn signature_header(preset: u8, value: &[u8]) {
    let presets = Scheme::presets().count().max(1);
    let index = usize::from(preset).checked_rem(presets).unwrap_or_default();
    let keys = Keyring::single(Secret::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let Some(Ok(plans)) = Scheme::presets()
        .nth(index)
        .map(|scheme| Plan::all(&scheme, &keys))
    else {
        return;
    };
    for plan in plans {
        let _ = plan.layout().read_line(value, &mut Found::default());
    }
}

/// Reads `text` as a timestamp of every kind.
pub fn timestamp(text: &[u8]) {
    for unit in [Unit::Milliseconds, Unit::Rfc3339, Unit::Seconds] {
        let Some(time) = unit.read(text) else {
            continue;
        };
        let again = unit.write(time).and_then(|text| unit.read(text.as_bytes()));
        if unit != Unit::Rfc3339 {
            assert_eq!(again, Some(time), "a number has one spelling");
        }
    }
}

/// Reads `value` as an `Authorization` line with a user and a password.
pub fn basic(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else {
        return;
    };
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    let _ = credentials(&headers, &mut [0; MAX_HEADER]);
}

/// Reads `text` as a message template; what it prints must be read as the same.
pub fn template(text: &str) {
    if let Ok(template) = text.parse::<Template>() {
        assert_eq!(template.to_string().parse(), Ok(template));
    }
}

/// Reads what a pointer leads to in a document: a text, or nothing, or that it cannot be told.
///
/// What is written there by the signer is read back.
pub fn json(pointer: &str, document: &[u8]) -> Option<Option<Vec<u8>>> {
    let pointer: Pointer = pointer.parse().ok()?;
    let found = Document::read(document).and_then(|document| document.find(&pointer));
    if let Ok(written) = json::put(document, &pointer, br#""\u00e9""#) {
        let again = Document::read(&written).and_then(|document| document.find(&pointer));
        let text = again.ok().flatten().and_then(|value| value.text());
        assert_eq!(
            text.as_deref(),
            Some("é".as_bytes()),
            "written and not read"
        );
    }
    match found.ok()? {
        Some(value) => value.text().map(|text| Some(text.into_owned())),
        None => Some(None),
    }
}

/// Reads a field of a form: its value, or nothing, or that it cannot be told.
///
/// What is written there by the signer is read back, and a field of its own is a field.
pub fn form(name: &str, text: &[u8]) -> Option<Option<Vec<u8>>> {
    let found = form::field(text, name);
    if let Ok(Some(own)) = form::only_field(text, name) {
        assert_eq!(found.as_ref(), Ok(&Some(own)));
    }
    assert!(form::sorted(text).is_err() || form::put(text, name, b"").is_ok());
    if let Ok(written) = form::put(text, name, text) {
        let again = form::field(&written, name);
        assert!(matches!(again, Ok(Some(value)) if *value == *text) || text.len() > 1000);
    }
    Some(found.ok()?.map(std::borrow::Cow::into_owned))
}

/// Writes a URL in each of the ways in which it is signed: with its port, without, its target escaped.
pub fn url(base: &str, target: &str) -> [Option<Vec<u8>>; 3] {
    ["{url:port}", "{url:no-port}", "{target:escaped}"].map(|template| {
        let template: Template = template.parse().ok()?;
        let headers = HeaderMap::new();
        let source = Source {
            method: &Method::GET,
            url: PublicUrl::new(base, target),
            headers: &headers,
            body: b"",
            json: Json::default(),
            token: None,
            listed: &[],
        };
        let derived = template.derive(&source).ok()?;
        let words = Words {
            timestamp: b"",
            id: b"",
            method: source.method,
            url: source.url,
            headers: source.headers,
            body: source.body,
            derived: &derived,
        };
        let message = template.fill(&words).ok()?;
        Some(message.pieces().collect::<Vec<_>>().concat())
    })
}
