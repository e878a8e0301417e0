//! The signature header, taken apart and put together.

use std::iter;

use http::{HeaderMap, HeaderName};

use crate::encoding::Encoding;
use crate::mac::Tag;
use crate::message::{bounded, only_line};
use crate::scheme::{Grammar, SignatureForm, is_token};
use crate::{MAX_SIGNATURES, Reason};

/// The grammar of one scheme's signature header, with the labels that its keys answer to.
#[derive(Debug)]
pub(crate) struct Layout {
    grammar: Grammar,
    encoding: Encoding,
    repeated: bool,
    timestamp: TimestampAt,
    labels: Vec<Label>,
}

/// A kind of signature that the flow's keys make.
#[derive(Debug)]
pub(crate) struct Label {
    /// What stands before such a signature; empty where the grammar has no labels.
    pub(crate) name: String,
    /// How many bytes such a signature has, where all have the same.
    pub(crate) length: Option<usize>,
}

/// Where in the signature header the timestamp stands.
#[derive(Debug)]
pub(crate) enum TimestampAt {
    Elsewhere,
    First,
    Pair(String),
}

/// What a signature header held.
#[derive(Default)]
pub(crate) struct Found<'a> {
    pub(crate) timestamp: Option<&'a [u8]>,
    /// The first two parts of a JSON Web Token.
    pub(crate) token: Option<(&'a [u8], &'a [u8])>,
    candidates: [Candidate<'a>; MAX_SIGNATURES],
    seen: usize,
    /// Those of a numbered family that have no room above, and how many may.
    more: Vec<Candidate<'a>>,
    spare: usize,
}

/// The text of a signature that was sent, under the label at this index of the layout.
#[derive(Clone, Copy, Default)]
pub(crate) struct Candidate<'a> {
    pub(crate) label: usize,
    text: &'a [u8],
}

impl Layout {
    pub(crate) fn new(form: &SignatureForm, timestamp: TimestampAt, labels: Vec<Label>) -> Self {
        Self {
            grammar: form.grammar.clone(),
            encoding: form.encoding,
            repeated: form.repeated,
            timestamp,
            labels,
        }
    }

    /// Takes the header apart, if it keeps to the grammar and has a signature.
    pub(crate) fn read<'a>(
        &self,
        headers: &'a HeaderMap,
        name: &HeaderName,
        found: &mut Found<'a>,
    ) -> Result<(), Reason> {
        if self.repeated {
            for line in headers.get_all(name) {
                self.read_line(bounded(line.as_bytes())?, found)?;
            }
        } else {
            self.read_line(only_line(headers, name)?, found)?;
        }
        match found.seen {
            0 if self.repeated && !headers.contains_key(name) => Err(Reason::MissingHeader),
            0 => Err(Reason::MissingSignature),
            _ => Ok(()),
        }
    }

    /// Takes the headers apart whose names are this and a number, if any has a signature.
    pub(crate) fn read_numbered<'a>(
        &self,
        headers: &'a HeaderMap,
        prefix: &str,
        found: &mut Found<'a>,
    ) -> Result<(), Reason> {
        found.spare = usize::from(LARGEST_NUMBER).saturating_sub(MAX_SIGNATURES);
        for name in headers.keys() {
            if name.as_str().strip_prefix(prefix).is_some_and(is_number) {
                self.read_line(only_line(headers, name)?, found)?;
            }
        }
        match found.seen {
            0 => Err(Reason::MissingHeader),
            _ => Ok(()),
        }
    }

    /// Takes the header of each label down, if there is any.
    pub(crate) fn read_slots<'a>(
        &self,
        headers: &'a HeaderMap,
        slots: &[(String, HeaderName)],
        found: &mut Found<'a>,
    ) -> Result<(), Reason> {
        for (label, name) in slots {
            if headers.contains_key(name) {
                self.signature(label.as_bytes(), only_line(headers, name)?, found)?;
            }
        }
        match found.seen {
            0 => Err(Reason::MissingHeader),
            _ => Ok(()),
        }
    }

    /// Takes a text apart that stands elsewhere, if it has a signature.
    pub(crate) fn read_text<'a>(
        &self,
        text: &'a [u8],
        found: &mut Found<'a>,
    ) -> Result<(), Reason> {
        self.read_line(text, found)?;
        match found.seen {
            0 => Err(Reason::MissingSignature),
            _ => Ok(()),
        }
    }

    /// The bytes that the text spells, where signatures have no fixed length.
    pub(crate) fn decode_any(&self, candidate: &Candidate<'_>) -> Option<Vec<u8>> {
        let bytes = self.encoding.decode_any(candidate.text)?;
        let length = self.labels.get(candidate.label)?.length;
        length
            .is_none_or(|length| length == bytes.len())
            .then_some(bytes)
    }

    /// The signature that the text spells, if it spells one.
    pub(crate) fn decode(&self, candidate: &Candidate<'_>) -> Option<Tag> {
        let length = self.labels.get(candidate.label)?.length?;
        let mut tag = Tag::default();
        self.encoding
            .decode(candidate.text, tag.first(length))
            .then_some(tag)
    }

    /// Whether any of the signatures spells one.
    pub(crate) fn check(&self, found: &Found<'_>) -> Result<(), Reason> {
        let spells = |sent: &Candidate<'_>| match self.labels.get(sent.label) {
            Some(Label { length: None, .. }) => self.decode_any(sent).is_some(),
            _ => self.decode(sent).is_some(),
        };
        match found.candidates().any(spells) {
            true => Ok(()),
            false => Err(Reason::MalformedSignature),
        }
    }

    pub(crate) fn read_line<'a>(
        &self,
        line: &'a [u8],
        found: &mut Found<'a>,
    ) -> Result<(), Reason> {
        match &self.grammar {
            Grammar::Bare => self.signature(b"", line, found),
            Grammar::Prefix(prefix) => {
                let signature = after(line, prefix).ok_or(Reason::MalformedHeader)?;
                self.signature(b"", signature, found)
            }
            Grammar::OptionalPrefix(prefix) => {
                let signature = line.strip_prefix(prefix.as_bytes()).unwrap_or(line);
                self.signature(b"", signature, found)
            }
            Grammar::Labels => {
                let items = line.split(|byte| matches!(byte, b' ' | b'\t'));
                items.filter(|item| !item.is_empty()).try_for_each(|item| {
                    let (label, signature) = cut(item, b',')?;
                    self.signature(label, signature, found)
                })
            }
            Grammar::LabelsOr(other) => {
                let items = line.split(|byte| matches!(byte, b' ' | b'\t'));
                items.filter(|item| !item.is_empty()).try_for_each(|item| {
                    let (label, signature) = cut(item, b',').unwrap_or((other.as_bytes(), item));
                    self.signature(label, signature, found)
                })
            }
            Grammar::Marked(marks) => {
                let after = u8::try_from(marks.after).unwrap_or_default();
                items(line, marks.between).try_for_each(|item| {
                    let (name, signature) = cut(item, after)?;
                    self.signature(name, signature, found)
                })
            }
            Grammar::Pairs(separator) => {
                items(line, *separator).try_for_each(|item| self.pair(item, found))
            }
            Grammar::PairsOrBlanks(separator) => {
                let separator = u8::try_from(*separator).unwrap_or_default();
                line.split(|byte| *byte == separator || matches!(byte, b' ' | b'\t'))
                    .filter(|item| !item.is_empty())
                    .try_for_each(|item| self.pair(item, found))
            }
            Grammar::Token(_) => {
                let (head, rest) = cut(line, b'.')?;
                let (claims, signature) = cut(rest, b'.')?;
                found.token = Some((head, claims));
                self.signature(b"", signature, found)
            }
            Grammar::Positions(separator) => {
                let mut items = items(line, *separator);
                if let TimestampAt::First = self.timestamp {
                    found.timestamp(items.next().unwrap_or_default())?;
                }
                items.try_for_each(|signature| self.signature(b"", signature, found))
            }
        }
    }

    // A header of two pairs takes 33 instructions fewer without the calls.
    #[inline(always)]
    fn pair<'a>(&self, item: &'a [u8], found: &mut Found<'a>) -> Result<(), Reason> {
        let (name, value) = cut(item, b'=')?;
        match &self.timestamp {
            TimestampAt::Pair(pair) if name == pair.as_bytes() => found.timestamp(value),
            _ => self.signature(name, value, found),
        }
    }

    /// Takes a signature down, unless it is of a kind that no key of this flow makes.
    fn signature<'a>(
        &self,
        name: &[u8],
        text: &'a [u8],
        found: &mut Found<'a>,
    ) -> Result<(), Reason> {
        let label = self
            .labels
            .iter()
            .position(|label| label.name.as_bytes() == name);
        let Some(label) = label else {
            return if is_token(name) {
                Ok(())
            } else {
                Err(Reason::MalformedHeader)
            };
        };
        let candidate = Candidate { label, text };
        match found.candidates.get_mut(found.seen) {
            Some(place) => *place = candidate,
            None if found.more.len() < found.spare => found.more.push(candidate),
            None => return Err(Reason::TooManySignatures),
        }
        found.seen = found.seen.saturating_add(1);
        Ok(())
    }
}

impl<'a> Found<'a> {
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Candidate<'a>> {
        let few = self.candidates.get(..self.seen);
        few.unwrap_or(&self.candidates).iter().chain(&self.more)
    }

    fn timestamp(&mut self, text: &'a [u8]) -> Result<(), Reason> {
        match self.timestamp.replace(text) {
            Some(_) => Err(Reason::DuplicateTimestamp),
            None => Ok(()),
        }
    }
}

/// What stands after a prefix. One that ends with a blank names a way to authenticate, whose case means nothing.
fn after<'a>(line: &'a [u8], prefix: &str) -> Option<&'a [u8]> {
    let Some(scheme) = prefix.strip_suffix(' ') else {
        return line.strip_prefix(prefix.as_bytes());
    };
    let (name, rest) = line.split_at_checked(scheme.len())?;
    let fits = name.eq_ignore_ascii_case(scheme.as_bytes()) && rest.starts_with(b" ");
    fits.then(|| rest.trim_ascii_start())
}

/// From 1 to the largest, without leading zeros.
fn is_number(text: &str) -> bool {
    !text.starts_with('0')
        && text.bytes().all(|digit| digit.is_ascii_digit())
        && text
            .parse()
            .is_ok_and(|number: u8| (1..=LARGEST_NUMBER).contains(&number))
}

/// What stands between separators, without the blanks around it.
fn items(line: &[u8], separator: char) -> impl Iterator<Item = &[u8]> {
    // Schemes have ASCII separators only.
    let separator = u8::try_from(separator).unwrap_or_default();
    let mut rest = Some(line);
    iter::from_fn(move || {
        let line = rest?;
        let item = match split_at(line, separator) {
            Some((item, after)) => {
                rest = Some(after);
                item
            }
            None => rest.take()?,
        };
        Some(item.trim_ascii())
    })
}

/// Cuts an item into its name and its value.
fn cut(item: &[u8], at: u8) -> Result<(&[u8], &[u8]), Reason> {
    split_at(item, at).ok_or(Reason::MalformedHeader)
}

/// What stands before and after the first `byte`.
fn split_at(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let place = find(text, byte)?;
    Some((text.get(..place)?, text.get(place.saturating_add(1)..)?))
}

/// Where the first `byte` is: eight bytes are looked at in one step, since most of a header is digits.
fn find(text: &[u8], byte: u8) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let wanted = ONES.wrapping_mul(u64::from(byte));
    let inside = |chunk: &[u8; 8]| {
        // A byte of zeros, the first at least, borrows from the bit above it.
        let other = u64::from_le_bytes(*chunk) ^ wanted;
        let zeros = other.wrapping_sub(ONES) & !other & ONES << 7;
        (zeros != 0).then(|| (zeros.trailing_zeros() / 8) as usize)
    };
    let (chunks, _) = text.as_chunks();
    for (index, chunk) in chunks.iter().enumerate() {
        if let Some(inside) = inside(chunk) {
            return Some(index.wrapping_mul(8).wrapping_add(inside));
        }
    }
    match text.last_chunk() {
        // Some of these have been looked at, and it is none of them.
        Some(last) => Some(inside(last)?.wrapping_add(text.len().wrapping_sub(8))),
        None => text.iter().position(|other| *other == byte),
    }
}

/// How far a family of headers is numbered, and so how many signatures it may have.
const LARGEST_NUMBER: u8 = 100;

#[cfg(test)]
mod tests;
