//! Texts of an answer: literals, and what the request or the receiver has to say, within limits.
//!
//! What is echoed is short and of harmless characters, so that no answer can be made to carry another
//! header, markup or a script.

use std::fmt;
use std::str::FromStr;

use super::{Parameters, Plain};
use crate::element::Source;
use crate::message::notation::{self, Piece};
use crate::scheme::{Place, SchemeError};

/// A text with words in it: `{query:challenge}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Echo(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    /// `{key}`: the id of the key that made the MAC.
    Key,
    Literal(String),
    /// `{mac}`: the challenge's MAC.
    Mac,
    /// `{parameter:NAME}`: a text that the receiver's configuration gives.
    Parameter(String),
    /// `{query:NAME}`, `{header:NAME}`, `{json:/POINTER}`: what stands in the request.
    Place(Place),
}

/// What the words of a text stand for.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) key: &'a str,
    pub(super) mac: &'a str,
    pub(super) parameters: &'a Parameters,
}

impl Echo {
    /// The text for one request, unless something is missing or not fit to be sent back.
    pub(super) fn fill(&self, words: Words<'_>) -> Option<String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Key => text.push_str(words.key),
                Part::Literal(literal) => text.push_str(literal),
                Part::Mac => text.push_str(words.mac),
                Part::Parameter(name) => {
                    let value = words.parameters.get(name.as_str())?.expose();
                    text.push_str(str::from_utf8(value).ok()?);
                }
                Part::Place(place) => {
                    text.push_str(Plain::default().read(place, words.source)?.as_str());
                }
            }
        }
        Some(text)
    }

    /// Whether its literals can stand in a header.
    pub(super) fn fits_a_header(&self) -> bool {
        self.0.iter().all(|part| match part {
            Part::Literal(text) => text
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic()),
            _ => true,
        })
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.0.iter().filter_map(|part| match part {
            Part::Place(place) => Some(place),
            _ => None,
        })
    }

    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Parameter(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether a MAC, or the key that made it, is in the text.
    pub(super) fn has_mac(&self) -> bool {
        let mut parts = self.0.iter();
        parts.any(|part| matches!(part, Part::Key | Part::Mac))
    }
}

impl FromStr for Echo {
    type Err = SchemeError;

    fn from_str(text: &str) -> Result<Self, SchemeError> {
        let pieces = notation::pieces(text)?;
        let parts = pieces.into_iter().map(|piece| {
            let word = match piece {
                Piece::Literal(literal) => return Ok(Part::Literal(literal)),
                Piece::Word(word) => word,
            };
            match word.split_once(':') {
                None if word == "key" => Ok(Part::Key),
                None if word == "mac" => Ok(Part::Mac),
                Some(("parameter", name)) => Ok(Part::Parameter(name.to_owned())),
                _ => word.parse().map(Part::Place),
            }
        });
        parts.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Key => f.write_str("{key}"),
            Part::Literal(literal) => f.write_str(&notation::escaped(literal)),
            Part::Mac => f.write_str("{mac}"),
            Part::Parameter(name) => write!(f, "{{parameter:{name}}}"),
            Part::Place(place) => write!(f, "{{{place}}}"),
        })
    }
}
