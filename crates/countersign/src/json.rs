//! A strict reader of JSON, for the few elements of a body that a scheme names.
//!
//! A document is checked whole before anything in it is looked at. Names that lead to an element must
//! be there once: of two readers one takes the first and another the last.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::scheme::SchemeError;

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

/// The document is not one, or has a name twice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

impl<'a> Document<'a> {
    /// Checks a text.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Malformed> {
        str::from_utf8(text).map_err(|_| Malformed)?;
        let mut cursor = Cursor(text);
        cursor.blank();
        cursor.value(DEEPEST)?;
        cursor.blank();
        match cursor.0 {
            [] => Ok(Self(text)),
            _ => Err(Malformed),
        }
    }

    /// What the pointer leads to, if it leads anywhere.
    pub(crate) fn find(self, pointer: &Pointer) -> Result<Option<Value<'a>>, Malformed> {
        let mut place = self.0;
        for name in &pointer.0 {
            match member(place, name)? {
                Some(value) => place = value,
                None => return Ok(None),
            }
        }
        let mut cursor = Cursor(place);
        cursor.blank();
        cursor.value(DEEPEST).map(Some)
    }

    /// The elements of the array that the pointer leads to.
    pub(crate) fn elements(self, pointer: &Pointer) -> Result<Vec<&'a [u8]>, Malformed> {
        let Some(Value::Nested(array)) = self.find(pointer)? else {
            return Err(Malformed);
        };
        let mut cursor = Cursor(array);
        let mut elements = Vec::new();
        cursor.members(b'[', b']', |cursor| {
            let before = cursor.0;
            cursor.value(DEEPEST)?;
            elements.push(consumed(before, cursor.0));
            Ok(())
        })?;
        Ok(elements)
    }
}

impl<'a> Value<'a> {
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

/// The value under a name of an object, or at an index of an array.
fn member<'a>(text: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, Malformed> {
    let mut cursor = Cursor(text);
    cursor.blank();
    let mut found = None;
    match cursor.0.first() {
        Some(b'{') => cursor.members(b'{', b'}', |cursor| {
            let key = unescape(cursor.string()?).ok_or(Malformed)?;
            cursor.blank();
            cursor.byte(b':')?;
            cursor.blank();
            let before = cursor.0;
            cursor.value(DEEPEST)?;
            if *key == *name.as_bytes() && found.replace(consumed(before, cursor.0)).is_some() {
                return Err(Malformed);
            }
            Ok(())
        })?,
        Some(b'[') => {
            let mut index = 0_usize;
            cursor.members(b'[', b']', |cursor| {
                let before = cursor.0;
                cursor.value(DEEPEST)?;
                if index.to_string() == name {
                    found = Some(consumed(before, cursor.0));
                }
                index = index.saturating_add(1);
                Ok(())
            })?;
        }
        _ => {}
    }
    Ok(found)
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn blank(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.0.split_first() {
            self.0 = rest;
        }
    }

    fn byte(&mut self, wanted: u8) -> Result<(), Malformed> {
        match self.0.split_first() {
            Some((byte, rest)) if *byte == wanted => {
                self.0 = rest;
                Ok(())
            }
            _ => Err(Malformed),
        }
    }

    fn value(&mut self, deeper: usize) -> Result<Value<'a>, Malformed> {
        let deeper = deeper.checked_sub(1).ok_or(Malformed)?;
        let before = self.0;
        match before.first() {
            Some(b'{') => {
                self.members(b'{', b'}', |cursor| {
                    cursor.string()?;
                    cursor.blank();
                    cursor.byte(b':')?;
                    cursor.blank();
                    cursor.value(deeper).map(|_| ())
                })?;
                Ok(Value::Nested(consumed(before, self.0)))
            }
            Some(b'[') => {
                self.members(b'[', b']', |cursor| cursor.value(deeper).map(|_| ()))?;
                Ok(Value::Nested(consumed(before, self.0)))
            }
            Some(b'"') => self.string().map(Value::Text),
            Some(b'n') => self.word(b"null").map(|_| Value::Null),
            Some(b't') => self.word(b"true").map(Value::Plain),
            Some(b'f') => self.word(b"false").map(Value::Plain),
            _ => self.number().map(Value::Plain),
        }
    }

    /// What stands between two brackets, with commas between.
    fn members(
        &mut self,
        open: u8,
        close: u8,
        mut member: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.byte(open)?;
        self.blank();
        if self.byte(close).is_ok() {
            return Ok(());
        }
        loop {
            member(self)?;
            self.blank();
            if self.byte(close).is_ok() {
                return Ok(());
            }
            self.byte(b',')?;
            self.blank();
        }
    }

    /// A string with its escapes, without its quotes.
    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        self.byte(b'"')?;
        let before = self.0;
        loop {
            let (byte, rest) = self.0.split_first().ok_or(Malformed)?;
            let inside = self.0;
            self.0 = rest;
            match byte {
                b'"' => {
                    let text = consumed(before, inside);
                    return unescape(text).map(|_| text).ok_or(Malformed);
                }
                b'\\' => self.0 = rest.split_first().ok_or(Malformed)?.1,
                0..=0x1F => return Err(Malformed),
                _ => {}
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<&'a [u8], Malformed> {
        let before = self.0;
        self.0 = before.strip_prefix(word).ok_or(Malformed)?;
        Ok(consumed(before, self.0))
    }

    fn number(&mut self) -> Result<&'a [u8], Malformed> {
        let before = self.0;
        let _ = self.byte(b'-');
        match self.digits() {
            [] => return Err(Malformed),
            [b'0', _, ..] => return Err(Malformed),
            _ => {}
        }
        if self.byte(b'.').is_ok() && self.digits().is_empty() {
            return Err(Malformed);
        }
        if self.byte(b'e').is_ok() || self.byte(b'E').is_ok() {
            let _ = self.byte(b'+').or_else(|_| self.byte(b'-'));
            if self.digits().is_empty() {
                return Err(Malformed);
            }
        }
        Ok(consumed(before, self.0))
    }

    fn digits(&mut self) -> &'a [u8] {
        let before = self.0;
        while let Some((b'0'..=b'9', rest)) = self.0.split_first() {
            self.0 = rest;
        }
        consumed(before, self.0)
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

/// Four hex digits.
fn unit(rest: &mut &[u8]) -> Option<u16> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    let digits = str::from_utf8(digits).ok()?;
    let all_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| all_hex)
}

/// A place in a document, written as RFC 6901 has it: `/signature/token`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pointer(Vec<Box<str>>);

impl Pointer {
    /// The member of this name.
    pub(crate) fn of(name: &str) -> Self {
        Self(vec![name.into()])
    }
}

impl FromStr for Pointer {
    type Err = SchemeError;

    fn from_str(text: &str) -> Result<Self, SchemeError> {
        let refused = || SchemeError::Pointer(text.to_owned());
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let names = text.strip_prefix('/').ok_or_else(refused)?.split('/');
        let plain = |name: &str| {
            let bare = name.replace("~0", "").replace("~1", "");
            (!bare.contains(['~', '{', '}']))
                .then(|| name.replace("~1", "/").replace("~0", "~").into())
        };
        names
            .map(|name| plain(name).ok_or_else(refused))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|name| write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")))
    }
}

/// How deep arrays and objects may stand in one another.
const DEEPEST: usize = 64;

#[cfg(test)]
mod tests;
