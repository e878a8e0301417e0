//! What of a request may be sent back or signed: short texts of harmless characters.

use super::description::MacForm;
use crate::element::Source;
use crate::scheme::Place;

/// The texts that are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    digits: Digits,
    most: usize,
}

/// What they consist of.
#[derive(Clone, Copy, Debug)]
enum Digits {
    Any,
    Hex,
    /// Hex and hyphens.
    Uuid,
}

impl Default for Plain {
    /// Printable ASCII without anything that has a meaning in markup, in quotes or in escapes.
    fn default() -> Self {
        Self {
            digits: Digits::Any,
            most: MOST,
        }
    }
}

impl From<&MacForm> for Plain {
    fn from(form: &MacForm) -> Self {
        Self {
            digits: match (form.uuid, form.hex) {
                (true, _) => Digits::Uuid,
                (false, true) => Digits::Hex,
                (false, false) => Digits::Any,
            },
            most: form.most.map_or(MOST, |most| most.min(MOST)),
        }
    }
}

impl Plain {
    /// What stands at a place of the request, if it is such a text.
    pub(crate) fn read(self, place: &Place, source: &Source<'_>) -> Option<String> {
        let text = place.read(source).ok()??;
        let fits = self.is(std::iter::once(&*text));
        fits.then(|| String::from_utf8(text.into_owned()).ok())?
    }

    /// Whether the pieces in a row are such a text.
    pub(crate) fn is<'a>(self, pieces: impl Iterator<Item = &'a [u8]>) -> bool {
        let mut length = 0_usize;
        for piece in pieces {
            length = length.saturating_add(piece.len());
            if length > self.most || !piece.iter().all(|byte| self.has(*byte)) {
                return false;
            }
        }
        length > 0
    }

    fn has(self, byte: u8) -> bool {
        match self.digits {
            Digits::Any => byte.is_ascii_alphanumeric() || b" !$()*+,-./:=@_|~".contains(&byte),
            Digits::Hex => byte.is_ascii_hexdigit(),
            Digits::Uuid => byte.is_ascii_hexdigit() || byte == b'-',
        }
    }
}

/// More than any sender asks to have back.
const MOST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn is(text: &str) -> bool {
        Plain::default().is(std::iter::once(text.as_bytes()))
    }

    #[test]
    fn what_senders_ask_to_have_back_is_plain() {
        for text in [
            "1158201444",
            "my verification challenge",
            "pogchamp-kappa-360noscope-vohiyo",
            "qgg8vlvZRS6UYooatFL8Aw",
            "S/mG8E9n5SjoGuCqHguvP8K8uuu5ogCPF0dOpIdyZlk=",
            "eventemitter.example.com",
        ] {
            assert!(is(text), "{text}");
        }
    }

    #[test]
    fn nothing_that_means_something_elsewhere_is_plain() {
        for text in [
            "",
            "<script>alert(1)</script>",
            "a\r\nSet-Cookie: b=c",
            "a\nb",
            "a\0b",
            "a\"b",
            "a'b",
            "a\\b",
            "a&b",
            "a%0d%0a",
            "{\"a\":1}",
            "[1]",
            "é",
            "a\u{2028}b",
        ] {
            assert!(!is(text), "{text:?}");
        }
        assert!(is(&"a".repeat(MOST)));
        assert!(!is(&"a".repeat(MOST + 1)));
    }
}
