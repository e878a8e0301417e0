//! The entries of a file of vectors, each read by itself: one that cannot be read fails by its name and hides no other.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::Vector;
use super::handshake::Written;
use super::remarks::left_out;

/// One entry of a file: what it is called, and the vector that it is or why it is none.
pub(crate) struct Entry {
    pub(super) family: String,
    /// The line of the file that it begins on.
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) vector: Result<Vector, String>,
}

/// What tells entries from each other; as much of it as can be read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Title {
    provider: Option<String>,
    name: Option<String>,
    /// Handshakes have one.
    request: Option<IgnoredAny>,
}

impl Entry {
    /// Reads a file of them.
    pub(crate) fn list(text: &[u8]) -> Result<Vec<Self>, serde_json::Error> {
        let entries: Vec<&RawValue> = serde_json::from_slice(text)?;
        let start = text.as_ptr().addr();
        let (mut counted, mut lines) = (0, 0);
        let read = |(index, entry): (usize, &RawValue)| {
            // From the last entry on: files are large.
            let place = entry.get().as_ptr().addr().saturating_sub(start);
            let between = text.get(counted..place).unwrap_or_default();
            lines += between.iter().filter(|byte| **byte == b'\n').count();
            counted = place;
            Self::read(index + 1, lines, entry.get())
        };
        Ok(entries.into_iter().enumerate().map(read).collect())
    }

    /// The family it belongs to.
    pub(crate) fn family(&self) -> &str {
        &self.family
    }

    /// Whether nothing here knows its family.
    pub(super) fn is_unknown(&self) -> bool {
        self.vector.as_ref().is_ok_and(Vector::is_unknown)
    }

    /// Why it cannot be read, if it cannot.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.vector.as_ref().err().map(String::as_str)
    }

    fn read(number: usize, lines: usize, text: &str) -> Self {
        let title: Title = serde_json::from_str(text).unwrap_or_default();
        let mut from = serde_json::Deserializer::from_str(text);
        let vector = match title.request {
            Some(_) => left_out::<_, Written>(&mut from).map(Vector::from),
            None => left_out(&mut from),
        };
        Self {
            family: title.provider.unwrap_or_else(|| "unknown".to_owned()),
            line: lines + 1,
            name: title.name.unwrap_or_else(|| format!("entry {number}")),
            vector: vector.map_err(|error| said(&error, lines)),
        }
    }
}

/// What serde says, with the line of the file instead of that of the entry, and without a value: it may be a secret.
fn said(error: &serde_json::Error, lines: usize) -> String {
    let text = error.to_string();
    let what = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(what, _)| what);
    let found = what.strip_prefix("invalid type: ");
    let what = match found.or_else(|| what.strip_prefix("invalid value: ")) {
        // `string "…", expected a sequence`, ``integer `7`, expected a string``
        Some(found) => {
            let kind = found.find([' ', ',']).and_then(|end| found.get(..end));
            let wanted = found.rsplit_once(", expected ").map(|(_, wanted)| wanted);
            format!(
                "{} in place of {}",
                kind.unwrap_or("another kind"),
                wanted.unwrap_or("what belongs there")
            )
        }
        None => what.to_owned(),
    };
    format!("{what} (line {})", lines + error.line())
}
