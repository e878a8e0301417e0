//! What a request says beside its message: signatures, time and id, wherever they stand.

use std::borrow::Cow;
use std::time::SystemTime;

use http::HeaderMap;

use super::Plan;
use crate::element::Source;
use crate::grammar::Found;
use crate::message::only_line;
use crate::scheme::Place;
use crate::{Reason, Unit};

/// What a request says about itself, beside its signatures.
pub(crate) struct Elements<'a> {
    pub(crate) timestamp: &'a [u8],
    pub(crate) time: Option<SystemTime>,
    pub(crate) id: &'a [u8],
}

/// Texts of a request that stand elsewhere than in headers.
#[derive(Default)]
pub(crate) struct Texts<'a> {
    timestamp: Option<Cow<'a, [u8]>>,
    id: Option<Cow<'a, [u8]>>,
}

impl Plan {
    /// Whether an element is read from elsewhere than a header.
    pub(crate) fn reads_elsewhere(&self) -> bool {
        self.reads_elsewhere
    }

    /// The text that holds signatures, where that is no header.
    pub(crate) fn signature_text<'a>(
        &self,
        source: &Source<'a>,
    ) -> Result<Option<Cow<'a, [u8]>>, Reason> {
        match self.form.signature.from.as_slice() {
            [place] if place.is_elsewhere() => place
                .read(source)?
                .map(Some)
                .ok_or(Reason::MissingSignature),
            _ => Ok(None),
        }
    }

    /// Reads the signatures: presence and grammar, nothing else.
    #[inline]
    pub(crate) fn read_signatures<'a>(
        &self,
        headers: &'a HeaderMap,
        text: Option<&'a [u8]>,
        found: &mut Found<'a>,
    ) -> Result<(), Reason> {
        if let Some(name) = &self.header_set(headers).signature {
            return self.layout.read(headers, name, found);
        }
        match (text, self.form.signature.from.as_slice()) {
            (Some(text), _) => self.layout.read_text(text, found),
            (None, [Place::Numbered(prefix)]) => self.layout.read_numbered(headers, prefix, found),
            (None, _) => self.layout.read_slots(headers, &self.slots, found),
        }
    }

    /// How many digits a time has, where the scheme says so.
    fn digits(&self) -> Option<usize> {
        self.form.timestamp.as_ref()?.digits
    }

    /// Refuses a time of which a digit could be another part's. Where a window is set, the window does.
    pub(crate) fn keeps_time_apart(&self, timestamp: &[u8], body: &[u8]) -> Result<(), Reason> {
        let whole = match self.unit {
            None | Some(Unit::Rfc3339) => return Ok(()),
            Some(Unit::Milliseconds) => timestamp.len() == 13,
            Some(Unit::Seconds) => timestamp.len() == 10,
        };
        let mut messages = self.form.messages();
        match messages.all(|message| message.keeps_time_apart(body, whole)) {
            true => Ok(()),
            false => Err(Reason::AmbiguousTimestamp),
        }
    }

    /// Reads the time and the id that stand elsewhere than in headers.
    pub(crate) fn texts<'a>(&self, source: &Source<'a>) -> Result<Texts<'a>, Reason> {
        let read = |places: Option<&[Place]>| match places {
            Some([place]) if place.is_elsewhere() => place.read(source),
            _ => Ok(None),
        };
        let timestamp = self.form.timestamp.as_ref();
        let id = self.form.id.as_ref();
        Ok(Texts {
            timestamp: read(timestamp.map(|timestamp| timestamp.from.as_slice()))?,
            id: read(id.map(|id| id.from.as_slice()))?,
        })
    }

    /// Reads the time and the id: presence and grammar, nothing else.
    #[inline]
    pub(crate) fn read<'a>(
        &self,
        headers: &'a HeaderMap,
        texts: &'a Texts<'_>,
        found: &Found<'a>,
    ) -> Result<Elements<'a>, Reason> {
        let set = self.header_set(headers);
        let id = match (&set.id, &texts.id) {
            (Some(name), _) => only_line(headers, name)?,
            (None, Some(text)) => text,
            (None, None) => b"",
        };
        if self.form.id.is_some() && !is_id(id) {
            return Err(Reason::MalformedId);
        }
        let Some(unit) = self.unit else {
            return Ok(Elements {
                timestamp: b"",
                time: None,
                id,
            });
        };
        let timestamp = match (&set.timestamp, &texts.timestamp) {
            (Some(name), _) => only_line(headers, name)?,
            (None, Some(text)) => text,
            (None, None) => found.timestamp.ok_or(Reason::MissingTimestamp)?,
        };
        if self
            .digits()
            .is_some_and(|digits| timestamp.len() != digits)
        {
            return Err(Reason::MalformedTimestamp);
        }
        let time = unit.read(timestamp).ok_or(Reason::MalformedTimestamp)?;
        Ok(Elements {
            timestamp,
            time: Some(time),
            id,
        })
    }
}

/// What a message id may look like, so that it cannot be mistaken for what stands beside it.
pub(crate) fn is_id(text: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-=".contains(byte);
    (1..=128).contains(&text.len()) && text.iter().all(fits)
}
