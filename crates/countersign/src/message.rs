//! The signed message: a template once, slices of the request each time.
//!
//! A template is written `{timestamp}.{body}`; braces of the message itself are doubled. Filling it
//! in copies nothing: the pieces go to the MAC one after the other.

use std::fmt;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, Method};

use crate::scheme::SchemeError;
use crate::{MAX_HEADER, PublicUrl, Reason};

/// An ordered list of parts, parsed from its notation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Template {
    parts: Vec<Part>,
    covers_body: bool,
    covers_url: bool,
    covers_headers: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    Body,
    Header(HeaderName),
    Id,
    Literal(Box<str>),
    Method,
    Target,
    Timestamp,
    /// What the URL begins with; a target always follows.
    UrlBase,
}

impl Template {
    fn new(parts: Vec<Part>) -> Self {
        Self {
            covers_body: parts.contains(&Part::Body),
            covers_url: parts.contains(&Part::UrlBase),
            covers_headers: parts.iter().any(|part| matches!(part, Part::Header(_))),
            parts,
        }
    }

    pub(crate) fn has(&self, part: &Part) -> bool {
        self.parts.contains(part)
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
        let is_it = |part: &Part| matches!(part, Part::Header(header) if header == name);
        self.parts.iter().any(is_it)
    }

    /// Looks at the headers that are parts of the message.
    pub(crate) fn check_headers(&self, headers: &HeaderMap) -> Result<(), Reason> {
        if !self.covers_headers {
            return Ok(());
        }
        self.parts.iter().try_for_each(|part| match part {
            Part::Header(name) => only_line(headers, name).map(|_| ()),
            _ => Ok(()),
        })
    }

    /// The message for one request, if every part of it is there.
    pub(crate) fn fill<'a>(&'a self, words: Words<'a>) -> Result<Message<'a>, Reason> {
        if self.covers_url && words.url.base.is_empty() {
            return Err(Reason::UnknownUrl);
        }
        self.check_headers(words.headers)?;
        Ok(Message {
            template: self,
            words,
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
}

/// A filled-in template.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    template: &'a Template,
    words: Words<'a>,
}

impl<'a> Message<'a> {
    /// The pieces in a row; empty ones among them do not matter.
    pub(crate) fn pieces(self) -> impl Iterator<Item = &'a [u8]> {
        let words = self.words;
        self.template.parts.iter().map(move |part| match part {
            Part::Body => words.body,
            // It is there: the message was not made otherwise.
            Part::Header(name) => only_line(words.headers, name).unwrap_or_default(),
            Part::Id => words.id,
            Part::Literal(text) => text.as_bytes(),
            Part::Method => words.method.as_str().as_bytes(),
            Part::Target => words.url.target.as_bytes(),
            Part::Timestamp => words.timestamp,
            Part::UrlBase => words.url.base.as_bytes(),
        })
    }
}

/// The value of a header that must be there exactly once, without the blanks around it.
pub(crate) fn only_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a [u8], Reason> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().ok_or(Reason::MissingHeader)?;
    if lines.next().is_some() {
        return Err(Reason::DuplicateHeader);
    }
    bounded(line.as_bytes())
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
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, from)) = rest
            .find(['{', '}'])
            .and_then(|at| rest.split_at_checked(at))
        {
            literal.push_str(before);
            rest = if let Some(after) = from.strip_prefix("{{") {
                literal.push('{');
                after
            } else if let Some(after) = from.strip_prefix("}}") {
                literal.push('}');
                after
            } else {
                let (word, after) = from
                    .strip_prefix('{')
                    .and_then(|inside| inside.split_once('}'))
                    .ok_or_else(|| SchemeError::OpenBrace(text.to_owned()))?;
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal).into()));
                }
                parts.extend(Part::parse(word)?);
                after
            };
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        if parts.len() > MAX_PARTS {
            return Err(SchemeError::LongMessage);
        }
        let covers = |part: &Part| matches!(part, Part::Body | Part::Target);
        if !parts.iter().any(covers) {
            return Err(SchemeError::SignsNothing(text.to_owned()));
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
            "target" => Ok(vec![Self::Target]),
            "timestamp" => Ok(vec![Self::Timestamp]),
            "url" => Ok(vec![Self::UrlBase, Self::Target]),
            _ => Err(SchemeError::UnknownWord(word.to_owned())),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.parts.iter();
        while let Some(part) = parts.next() {
            match part {
                Part::Body => f.write_str("{body}")?,
                Part::Header(name) => write!(f, "{{header:{name}}}")?,
                Part::Id => f.write_str("{id}")?,
                Part::Literal(text) => {
                    f.write_str(&text.replace('{', "{{").replace('}', "}}"))?;
                }
                Part::Method => f.write_str("{method}")?,
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

/// More than any provider signs.
const MAX_PARTS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String, Reason> {
        let mut headers = HeaderMap::new();
        headers.insert("x-kind", "ping".parse().unwrap());
        headers.append("x-twice", "a".parse().unwrap());
        headers.append("x-twice", "b".parse().unwrap());
        let words = Words {
            timestamp: b"17",
            id: b"msg_1",
            method: &Method::PUT,
            url: PublicUrl::new("https://a.example", "/in?x=%20"),
            headers: &headers,
            body: b"{}",
        };
        let template: Template = template.parse().unwrap();
        let message = template.fill(words)?;
        Ok(String::from_utf8(message.pieces().flatten().copied().collect()).unwrap())
    }

    #[test]
    fn every_word_stands_for_the_bytes_received() {
        for (template, message) in [
            ("{timestamp}.{body}", "17.{}"),
            ("v0:{timestamp}:{body}", "v0:17:{}"),
            ("{id}.{timestamp}.{body}", "msg_1.17.{}"),
            ("{timestamp}{url}", "17https://a.example/in?x=%20"),
            (
                "{method}\n{target}\n{header:X-Kind}",
                "PUT\n/in?x=%20\nping",
            ),
            ("{{{body}}}", "{{}}"),
            ("}}{{{body}", "}{{}"),
        ] {
            assert_eq!(filled(template).unwrap(), message, "{template}");
        }
    }

    #[test]
    fn a_signed_header_is_there_exactly_once() {
        assert_eq!(filled("{header:x-none}{body}"), Err(Reason::MissingHeader));
        assert_eq!(
            filled("{header:x-twice}{body}"),
            Err(Reason::DuplicateHeader)
        );
    }

    #[test]
    fn a_template_that_says_nothing_clear_is_refused() {
        for (template, error) in [
            ("{boddy}", SchemeError::UnknownWord("boddy".into())),
            ("{}", SchemeError::UnknownWord(String::new())),
            ("{Body}", SchemeError::UnknownWord("Body".into())),
            ("{body", SchemeError::OpenBrace("{body".into())),
            ("body}", SchemeError::OpenBrace("body}".into())),
            ("{header:a b}{body}", SchemeError::HeaderName("a b".into())),
            ("", SchemeError::SignsNothing(String::new())),
            (
                "{timestamp}",
                SchemeError::SignsNothing("{timestamp}".into()),
            ),
            (&"{url}".repeat(33), SchemeError::LongMessage),
        ] {
            assert_eq!(template.parse::<Template>(), Err(error), "{template}");
        }
    }

    #[test]
    fn a_template_prints_as_it_is_written() {
        for text in [
            "v0:{timestamp}:{body}",
            "{{{header:x-a}}}{body}",
            "{method}{url}{target}{id}",
            "{target}{url}{url}",
        ] {
            assert_eq!(text.parse::<Template>().unwrap().to_string(), text);
        }
    }
}
