//! The signature header, taken apart and put together.

use http::HeaderMap;

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
    /// How many bytes such a signature has.
    pub(crate) length: usize,
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
    candidates: [Candidate; MAX_SIGNATURES],
    decoded: usize,
    seen: usize,
}

/// A signature that was sent, under the label at this index of the layout.
#[derive(Clone, Copy, Default)]
pub(crate) struct Candidate {
    pub(crate) label: usize,
    pub(crate) tag: Tag,
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

    /// The header's content, if it keeps to the grammar and has a signature worth trying.
    pub(crate) fn read<'a>(
        &self,
        headers: &'a HeaderMap,
        name: &http::HeaderName,
    ) -> Result<Found<'a>, Reason> {
        let mut found = Found::default();
        if self.repeated {
            for line in headers.get_all(name) {
                self.read_line(bounded(line.as_bytes())?, &mut found)?;
            }
        } else {
            self.read_line(only_line(headers, name)?, &mut found)?;
        }
        match (found.seen, found.decoded) {
            (0, _) if self.repeated && !headers.contains_key(name) => Err(Reason::MissingHeader),
            (0, _) => Err(Reason::MissingSignature),
            (_, 0) => Err(Reason::MalformedSignature),
            _ => Ok(found),
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
                let signature = line
                    .strip_prefix(prefix.as_bytes())
                    .ok_or(Reason::MalformedHeader)?;
                self.signature(b"", signature, found)
            }
            Grammar::OptionalPrefix(prefix) => {
                let signature = line.strip_prefix(prefix.as_bytes()).unwrap_or(line);
                self.signature(b"", signature, found)
            }
            Grammar::Labels => {
                let items = line
                    .split(|byte| is_blank(*byte))
                    .filter(|item| !item.is_empty());
                items.map(|item| cut(item, b',')).try_for_each(|item| {
                    let (label, signature) = item?;
                    self.signature(label, signature, found)
                })
            }
            Grammar::Pairs(separator) => {
                let items = line.split(|byte| char::from(*byte) == *separator);
                items
                    .map(|item| cut(item.trim_ascii(), b'='))
                    .try_for_each(|item| {
                        let (name, value) = item?;
                        match &self.timestamp {
                            TimestampAt::Pair(pair) if name == pair.as_bytes() => {
                                found.timestamp(value)
                            }
                            _ => self.signature(name, value, found),
                        }
                    })
            }
            Grammar::Positions(separator) => {
                let mut items = line
                    .split(|byte| char::from(*byte) == *separator)
                    .map(<[u8]>::trim_ascii);
                if let TimestampAt::First = self.timestamp {
                    found.timestamp(items.next().unwrap_or_default())?;
                }
                items.try_for_each(|signature| self.signature(b"", signature, found))
            }
        }
    }

    /// Takes a signature down, unless it is of a kind that no key of this flow makes.
    fn signature(&self, name: &[u8], text: &[u8], found: &mut Found<'_>) -> Result<(), Reason> {
        let mut labels = self.labels.iter().enumerate();
        let Some((label, kind)) = labels.find(|(_, label)| label.name.as_bytes() == name) else {
            return Ok(());
        };
        found.seen = found.seen.saturating_add(1);
        if found.seen > MAX_SIGNATURES {
            return Err(Reason::TooManySignatures);
        }
        let tag = Tag::decode(kind.length, |out| self.encoding.decode(text, out));
        if let (Some(tag), Some(place)) = (tag, found.candidates.get_mut(found.decoded)) {
            *place = Candidate { label, tag };
            found.decoded = found.decoded.saturating_add(1);
        }
        Ok(())
    }

    /// The header lines that carry a timestamp and signatures under labels of this layout.
    ///
    /// A grammar with room for one signature in a header that must not be repeated gets the first.
    pub(crate) fn write(&self, timestamp: Option<&str>, candidates: &[Candidate]) -> Vec<String> {
        let signatures = candidates.iter().filter_map(|candidate| {
            let label = self.labels.get(candidate.label)?;
            let text = self.encoding.encode(candidate.tag.bytes(label.length));
            Some((label.name.as_str(), text))
        });
        let joined = |separator: &str, first: Option<String>, between: &str| {
            let items = signatures
                .clone()
                .map(|(label, text)| format!("{label}{between}{text}"));
            let items: Vec<_> = first.into_iter().chain(items).collect();
            vec![items.join(separator)]
        };
        let each = |prefix: &str| {
            let lines = signatures
                .clone()
                .map(|(_, text)| format!("{prefix}{text}"));
            lines
                .take(if self.repeated { MAX_SIGNATURES } else { 1 })
                .collect()
        };
        match &self.grammar {
            Grammar::Bare => each(""),
            Grammar::Prefix(prefix) | Grammar::OptionalPrefix(prefix) => each(prefix),
            Grammar::Labels => joined(" ", None, ","),
            Grammar::Pairs(separator) => {
                let first = match (&self.timestamp, timestamp) {
                    (TimestampAt::Pair(name), Some(text)) => Some(format!("{name}={text}")),
                    _ => None,
                };
                joined(&separator.to_string(), first, "=")
            }
            Grammar::Positions(separator) => {
                let inside = matches!(self.timestamp, TimestampAt::First);
                let first = timestamp.filter(|_| inside).map(str::to_owned);
                joined(&separator.to_string(), first, "")
            }
        }
    }
}

impl<'a> Found<'a> {
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().take(self.decoded)
    }

    fn timestamp(&mut self, text: &'a [u8]) -> Result<(), Reason> {
        match self.timestamp.replace(text) {
            Some(_) => Err(Reason::DuplicateTimestamp),
            None => Ok(()),
        }
    }
}

/// Cuts an item into its name and its value.
fn cut(item: &[u8], at: u8) -> Result<(&[u8], &[u8]), Reason> {
    let mut halves = item.splitn(2, |byte| *byte == at);
    match (halves.next(), halves.next()) {
        (Some(name), Some(value)) if is_token(name) => Ok((name, value)),
        _ => Err(Reason::MalformedHeader),
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests;
