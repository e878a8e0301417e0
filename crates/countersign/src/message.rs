//! The signed message: a template once, slices of the request each time.
//!
//! A template is written `{timestamp}.{body}`; braces of the message itself are doubled. Filling it
//! in copies nothing: the pieces go to the MAC one after the other.

use std::fmt;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, Method};

use crate::element::Source;
use crate::json::Pointer;
use crate::scheme::SchemeError;
use crate::{MAX_HEADER, PublicUrl, Reason};

mod derived;
pub(crate) mod notation;

use derived::Derived;
pub(crate) use derived::spellings;
use notation::Piece;

/// An ordered list of parts, parsed from its notation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Template {
    parts: Vec<Part>,
    covers_body: bool,
    covers_url: bool,
    covers_headers: bool,
    derives: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    Body,
    Derived(Derived),
    Header(HeaderName),
    Id,
    Literal(Box<str>),
    Method,
    Secret,
    Target,
    Timestamp,
    /// What the URL begins with; a target always follows.
    UrlBase,
}

impl Template {
    fn new(parts: Vec<Part>) -> Self {
        let derived = || parts.iter().filter_map(Part::derived);
        Self {
            covers_body: parts.contains(&Part::Body) || derived().any(Derived::covers_body),
            covers_url: parts.contains(&Part::UrlBase) || derived().any(Derived::covers_url),
            covers_headers: parts.iter().any(|part| matches!(part, Part::Header(_))),
            derives: derived().next().is_some(),
            parts,
        }
    }

    /// Whether body, URL, target or claims are part of the message.
    pub(crate) fn covers_anything(&self) -> bool {
        let claims = |part: &Part| matches!(part, Part::Derived(Derived::TokenClaims));
        self.covers_body || self.covers_target() || self.parts.iter().any(claims)
    }

    /// Whether the target is part of the message, alone or as the end of the URL.
    pub(crate) fn covers_target(&self) -> bool {
        let target =
            |part: &Part| matches!(part, Part::Target | Part::Derived(Derived::TargetEscaped));
        self.covers_url || self.parts.iter().any(target)
    }

    /// Whether parts stand side by side with nothing between that tells them apart. A time whose digits are counted
    /// is told from its only neighbour.
    pub(crate) fn is_ambiguous(&self, counted: bool) -> bool {
        let is_fixed =
            |part: Option<&Part>| matches!(part, None | Some(Part::Literal(_) | Part::Secret));
        let is_clear = |(place, pair): (usize, &[Part; 2])| match pair {
            [Part::Literal(_) | Part::Secret, _]
            | [_, Part::Literal(_) | Part::Secret]
            | [Part::UrlBase, Part::Target] => true,
            [Part::Timestamp, _] => {
                let before = place.checked_sub(1);
                counted && is_fixed(before.and_then(|before| self.parts.get(before)))
            }
            [_, Part::Timestamp] => counted && is_fixed(self.parts.get(place.saturating_add(2))),
            _ => false,
        };
        !self.parts.array_windows().enumerate().all(is_clear)
    }

    /// Whether no digit of a timestamp can have come from what stands beside it, or gone there.
    ///
    /// It is as long as every time of its unit is, which is what `whole` says of it; or a body beside it ends with
    /// something else than a digit there.
    pub(crate) fn keeps_time_apart(&self, body: &[u8], whole: bool) -> bool {
        let apart = |byte: Option<&u8>| whole || byte.is_some_and(|byte| !byte.is_ascii_digit());
        self.parts.array_windows().all(|pair| match pair {
            [Part::Literal(_) | Part::Secret, _] | [_, Part::Literal(_) | Part::Secret] => true,
            [Part::Timestamp, Part::Body] => apart(body.first()),
            [Part::Body, Part::Timestamp] => apart(body.last()),
            [Part::Timestamp, _] | [_, Part::Timestamp] => whole,
            _ => true,
        })
    }

    /// Whether the claims of a token are part of the message.
    pub(crate) fn has_claims(&self) -> bool {
        self.has(&Part::Derived(Derived::TokenClaims))
    }

    /// Whether parts of a token are parts of the message.
    pub(crate) fn is_of_a_token(&self) -> bool {
        self.has_claims() || self.has(&Part::Derived(Derived::TokenHead))
    }

    /// Whether headers that a header lists are part of the message.
    pub(crate) fn has_list(&self) -> bool {
        self.list().is_some()
    }

    /// The header that lists signed headers, if that is how some of them are signed.
    pub(crate) fn list(&self) -> Option<&HeaderName> {
        self.parts.iter().find_map(|part| match part {
            Part::Derived(Derived::Listed(name)) => Some(name),
            _ => None,
        })
    }

    /// Whether headers are part of the message.
    pub(crate) fn reads_headers(&self) -> bool {
        self.covers_headers || self.has_list()
    }

    /// The names of the parameters that have no value yet.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Derived(Derived::Parameter(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Puts a value in the place of a parameter.
    pub(crate) fn fill_parameter(&mut self, name: &str, value: &str) {
        let mut parts = std::mem::take(&mut self.parts);
        for part in &mut parts {
            if matches!(part, Part::Derived(Derived::Parameter(known)) if known == name) {
                *part = Part::Literal(value.into());
            }
        }
        *self = Self::new(parts);
    }

    /// The places of the body whose values are parts of the message.
    pub(crate) fn json_places(&self) -> impl Iterator<Item = Pointer> {
        let derived = self.parts.iter().filter_map(Part::derived);
        derived.filter_map(Derived::json_place)
    }

    /// Whether any part is made from the request.
    pub(crate) fn derives(&self) -> bool {
        self.derives
    }

    /// The bytes of the parts that are made from the request, in their order.
    pub(crate) fn derive(&self, source: &Source<'_>) -> Result<Vec<Vec<u8>>, Reason> {
        let derived = self.parts.iter().filter_map(Part::derived);
        derived.map(|part| part.bytes(source)).collect()
    }

    pub(crate) fn has(&self, part: &Part) -> bool {
        self.parts.contains(part)
    }

    /// Whether the secret stands before everything else and the body is what a plain hash can be lengthened to: whoever
    /// lengthens one without its secret has to begin with a byte that goes on from no text.
    pub(crate) fn may_be_lengthened(&self, body: &[u8]) -> bool {
        matches!(self.parts.first(), Some(Part::Secret)) && str::from_utf8(body).is_err()
    }

    /// Whether the body is part of the message.
    pub(crate) fn covers_body(&self) -> bool {
        self.covers_body
    }

    /// Whether the full URL is part of the message.
    pub(crate) fn covers_url(&self) -> bool {
        self.covers_url
    }

    /// Whether this header is part of the message.
    pub(crate) fn reads(&self, name: &HeaderName) -> bool {
        let is_it = |part: &Part| {
            matches!(
                part,
                Part::Header(header) | Part::Derived(Derived::Listed(header)) if header == name
            )
        };
        self.parts.iter().any(is_it)
    }

    /// Looks at the headers that are parts of the message.
    pub(crate) fn check_headers(&self, headers: &HeaderMap) -> Result<(), Reason> {
        self.parts.iter().try_for_each(|part| match part {
            Part::Header(name) => only_line(headers, name).map(|_| ()),
            _ => Ok(()),
        })
    }

    /// The message for one request, if every part of it is there.
    #[inline]
    pub(crate) fn fill<'a>(&'a self, words: &'a Words<'a>) -> Result<Message<'a>, Reason> {
        if self.covers_url && words.url.base.is_empty() {
            return Err(Reason::UnknownUrl);
        }
        if self.covers_headers {
            self.check_headers(words.headers)?;
        }
        Ok(Message {
            template: self,
            words,
            secret: b"",
        })
    }
}

/// What the words of a template stand for in one request.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    pub(crate) timestamp: &'a [u8],
    pub(crate) id: &'a [u8],
    pub(crate) method: &'a Method,
    pub(crate) url: PublicUrl<'a>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    /// What [`derive`](Template::derive) made of this template.
    pub(crate) derived: &'a [Vec<u8>],
}

/// A filled-in template.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    template: &'a Template,
    words: &'a Words<'a>,
    secret: &'a [u8],
}

impl<'a> Message<'a> {
    /// The same message with a secret in it.
    pub(crate) fn with_secret(mut self, secret: &'a [u8]) -> Self {
        self.secret = secret;
        self
    }

    /// The pieces in a row; empty ones among them do not matter.
    pub(crate) fn pieces(self) -> impl Iterator<Item = &'a [u8]> {
        let words = self.words;
        let mut derived = words.derived.iter();
        self.template.parts.iter().map(move |part| match part {
            Part::Body => words.body,
            Part::Derived(_) => derived.next().map(Vec::as_slice).unwrap_or_default(),
            Part::Header(name) => checked_line(words.headers, name),
            Part::Id => words.id,
            Part::Literal(text) => text.as_bytes(),
            Part::Method => words.method.as_str().as_bytes(),
            Part::Secret => self.secret,
            Part::Target => words.url.target.as_bytes(),
            Part::Timestamp => words.timestamp,
            Part::UrlBase => words.url.base.as_bytes(),
        })
    }
}

/// The value of a header that must be there exactly once, without the blanks around it.
#[inline]
pub(crate) fn only_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a [u8], Reason> {
    let mut line = None;
    if headers.len() <= FEW {
        // Looking at a few names costs less than hashing one.
        for (other, value) in headers {
            if other == name && line.replace(value).is_some() {
                return Err(Reason::DuplicateHeader);
            }
        }
    } else {
        let mut lines = headers.get_all(name).iter();
        line = lines.next();
        if lines.next().is_some() {
            return Err(Reason::DuplicateHeader);
        }
    }
    bounded(line.ok_or(Reason::MissingHeader)?.as_bytes())
}

/// The value of a header that is there: no message is made otherwise.
#[inline(never)]
fn checked_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a [u8] {
    only_line(headers, name).unwrap_or_default()
}

/// A header value without the blanks around it, unless it is too long to look at.
pub(crate) fn bounded(value: &[u8]) -> Result<&[u8], Reason> {
    if value.len() > MAX_HEADER {
        return Err(Reason::HeaderTooLong);
    }
    Ok(value.trim_ascii())
}

impl FromStr for Template {
    type Err = SchemeError;

    fn from_str(text: &str) -> Result<Self, SchemeError> {
        let mut parts = Vec::new();
        for piece in notation::pieces(text)? {
            match piece {
                Piece::Literal(literal) => parts.push(Part::Literal(literal.into())),
                Piece::Word(word) => parts.extend(Part::parse(word)?),
            }
        }
        if parts.len() > MAX_PARTS || text.len() > MAX_HEADER {
            return Err(SchemeError::LongMessage);
        }
        Ok(Self::new(parts))
    }
}

impl Part {
    fn parse(word: &str) -> Result<Vec<Self>, SchemeError> {
        if let Some(name) = word.strip_prefix("header:") {
            return HeaderName::from_bytes(name.as_bytes())
                .map(|name| vec![Self::Header(name)])
                .map_err(|_| SchemeError::HeaderName(name.to_owned()));
        }
        match word {
            "body" => Ok(vec![Self::Body]),
            "id" => Ok(vec![Self::Id]),
            "method" => Ok(vec![Self::Method]),
            "secret" => Ok(vec![Self::Secret]),
            "target" => Ok(vec![Self::Target]),
            "timestamp" => Ok(vec![Self::Timestamp]),
            "url" => Ok(vec![Self::UrlBase, Self::Target]),
            _ => match Derived::parse(word)? {
                Some(derived) => Ok(vec![Self::Derived(derived)]),
                None => Err(SchemeError::UnknownWord(word.to_owned())),
            },
        }
    }

    fn derived(&self) -> Option<&Derived> {
        match self {
            Self::Derived(derived) => Some(derived),
            _ => None,
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.parts.iter();
        while let Some(part) = parts.next() {
            match part {
                Part::Body => f.write_str("{body}")?,
                Part::Derived(derived) => derived.fmt(f)?,
                Part::Header(name) => write!(f, "{{header:{name}}}")?,
                Part::Id => f.write_str("{id}")?,
                Part::Literal(text) => {
                    f.write_str(&notation::escaped(text))?;
                }
                Part::Method => f.write_str("{method}")?,
                Part::Secret => f.write_str("{secret}")?,
                Part::Target => f.write_str("{target}")?,
                Part::Timestamp => f.write_str("{timestamp}")?,
                Part::UrlBase => {
                    f.write_str("{url}")?;
                    parts.next();
                }
            }
        }
        Ok(())
    }
}

/// How many header lines are looked at one by one.
const FEW: usize = 12;

/// More than any provider signs.
const MAX_PARTS: usize = 32;

#[cfg(test)]
mod tests;
