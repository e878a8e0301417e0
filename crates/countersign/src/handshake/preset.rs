//! Handshakes that go with any scheme.

use serde::Deserialize;

use super::HandshakeForm;
use crate::scheme::{HANDSHAKES, Tables};

/// A handshake as it stands in a file of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[expect(dead_code, reason = "the list has it")]
    name: String,
    #[expect(dead_code, reason = "for readers of the file")]
    note: String,
    handshake: Tables<HandshakeForm>,
}

pub(super) fn find(name: &str) -> Option<Vec<HandshakeForm>> {
    let (_, value) = HANDSHAKES.iter().find(|(known, _)| *known == name)?;
    let file = File::deserialize(value).ok()?;
    let forms = file.handshake.0;
    forms
        .iter()
        .all(|form| super::check(form).is_ok())
        .then_some(forms)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    HANDSHAKES.iter().map(|(name, _)| *name)
}
