//! A strict reader of JSON, for the few elements of a body that a scheme names.
//!
//! A document is checked whole before anything in it is used. Names that lead to an element must be
//! there once: of two readers one takes the first and another the last.

use std::borrow::Cow;

mod cursor;
mod edit;
mod pointer;
mod search;

use cursor::Cursor;
pub(crate) use edit::{edit_each, is_text, put, quoted};
pub(crate) use pointer::Pointer;
use search::search;
pub(crate) use search::{Json, Reading};

/// A document that keeps to the grammar of JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document<'a>(&'a [u8]);

/// What stands at a place of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Value<'a> {
    /// An array or an object, as it is written.
    Nested(&'a [u8]),
    Null,
    /// A number or a truth value, as it is written.
    Plain(&'a [u8]),
    /// What stands between the quotes, with its escapes.
    Text(&'a [u8]),
}

/// The document is not one, or has a name twice, or has more elements than are looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

impl<'a> Document<'a> {
    /// Checks a text.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Malformed> {
        search(text, &[]).map(|_| Self(text))
    }

    /// What the pointer leads to, if it leads anywhere.
    pub(crate) fn find(self, pointer: &Pointer) -> Result<Option<Value<'a>>, Malformed> {
        Json::default().find(self.0, pointer)
    }

    /// The elements of the array that the pointer leads to.
    pub(crate) fn elements(self, pointer: &Pointer) -> Result<Vec<&'a [u8]>, Malformed> {
        self.find(pointer)?.ok_or(Malformed)?.elements()
    }
}

impl<'a> Value<'a> {
    /// The elements of an array; more than [`MOST_ELEMENTS`] are not looked at.
    pub(crate) fn elements(self) -> Result<Vec<&'a [u8]>, Malformed> {
        let Self::Nested(array) = self else {
            return Err(Malformed);
        };
        let mut cursor = Cursor(array);
        let mut elements = Vec::new();
        cursor.members(b'[', b']', |cursor| {
            if elements.len() == MOST_ELEMENTS {
                return Err(Malformed);
            }
            let before = cursor.0;
            cursor.value(DEEPEST)?;
            elements.push(consumed(before, cursor.0));
            Ok(())
        })?;
        Ok(elements)
    }

    /// The text of a scalar: a string without its escapes, a number as it is written, nothing for null.
    pub(crate) fn text(self) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Nested(_) => None,
            Self::Null => Some(Cow::Borrowed(b"")),
            Self::Plain(text) => Some(Cow::Borrowed(text)),
            Self::Text(text) => unescape(text),
        }
    }
}

/// What stood before `after` in `before`.
fn consumed<'a>(before: &'a [u8], after: &[u8]) -> &'a [u8] {
    let length = before.len().saturating_sub(after.len());
    before.get(..length).unwrap_or_default()
}

/// A string without its escapes, unless one of them means nothing.
fn unescape(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let (escape, after) = rest.split_first()?;
        rest = after;
        out.push(match escape {
            b'"' | b'\\' | b'/' => *escape,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut units = vec![unit(&mut rest)?];
                if matches!(units.first(), Some(0xD800..=0xDBFF)) {
                    rest = rest.strip_prefix(b"\\u")?;
                    units.push(unit(&mut rest)?);
                }
                out.extend(String::from_utf16(&units).ok()?.into_bytes());
                continue;
            }
            _ => return None,
        });
    }
    Some(Cow::Owned(out))
}

/// Whether every escape of a string is one that JSON has.
///
/// Half of a surrogate pair is one, too: senders cut texts in the middle of a character. It means nothing, so nothing
/// is read from such a string; but the document that it stands in is one.
fn are_escapes(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        rest = match rest.get(at..) {
            Some(
                [
                    _,
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                    after @ ..,
                ],
            ) => after,
            Some([_, b'u', after @ ..]) => {
                let mut after = after;
                if unit(&mut after).is_none() {
                    return false;
                }
                after
            }
            _ => return false,
        };
    }
    true
}

/// Four hex digits.
fn unit(rest: &mut &[u8]) -> Option<u16> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    let digits = str::from_utf8(digits).ok()?;
    let all_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| all_hex)
}

/// How deep arrays and objects may stand in one another.
const DEEPEST: usize = 64;

/// How many elements of an array are looked at one by one.
const MOST_ELEMENTS: usize = 256;

#[cfg(test)]
mod tests;
