//! Entrances for fuzzers: each takes what an outsider may send and must not panic.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::auth::credentials;
use crate::grammar::Found;
use crate::message::Template;
use crate::plan::Plan;
use crate::{Keyring, MAX_HEADER, Scheme, Secret, Unit};

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
