//! A place in a document, written as RFC 6901 has it: `/signature/token`.
//!
//! A number is an index of an array and never the name of a member: whoever says `/0` means the first
//! element, and must not get what an object calls `0`.

use std::fmt;
use std::str::FromStr;

use crate::scheme::SchemeError;

/// The steps from the whole document to a place in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pointer(Vec<Step>);

/// One step down.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// An element of an array, counted from 0.
    Index(usize),
    /// A member of an object.
    Name(Box<str>),
}

impl Pointer {
    /// The member of this name.
    pub(crate) fn of(name: &str) -> Self {
        Self(vec![Step::Name(name.into())])
    }

    /// The names on the way, if no array is on it.
    pub(super) fn names(&self) -> Option<Vec<&str>> {
        let names = self.0.iter().map(|step| match step {
            Step::Index(_) => None,
            Step::Name(name) => Some(&**name),
        });
        names.collect()
    }

    /// The steps, the first one first.
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
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
        // Nothing stands deeper in a body that is read.
        if names.clone().count() > super::DEEPEST {
            return Err(refused());
        }
        names
            .map(|name| Step::parse(name).ok_or_else(refused))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Step {
    fn parse(name: &str) -> Option<Self> {
        let bare = name.replace("~0", "").replace("~1", "");
        if bare.contains(['~', '{', '}']) {
            return None;
        }
        Some(match name.parse::<usize>() {
            Ok(index) if index.to_string() == name => Self::Index(index),
            _ => Self::Name(name.replace("~1", "/").replace("~0", "~").into()),
        })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| match step {
            Step::Index(index) => write!(f, "/{index}"),
            Step::Name(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")),
        })
    }
}
