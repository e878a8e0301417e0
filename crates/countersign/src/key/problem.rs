//! What is wrong with a key, and what to do about it.

use std::error::Error;
use std::fmt;

use super::KeyId;
use crate::MAX_KEYS;

/// A key that cannot be used, and what to do about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyError {
    owner: Owner,
    problem: KeyProblem,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Owner {
    Key(KeyId),
    Nobody,
    User(String),
}

impl KeyError {
    pub(crate) fn of(key: &KeyId, problem: KeyProblem) -> Self {
        Self {
            owner: Owner::Key(key.clone()),
            problem,
        }
    }

    pub(crate) fn of_user(name: &str, problem: KeyProblem) -> Self {
        Self {
            owner: Owner::User(name.to_owned()),
            problem,
        }
    }

    pub(crate) fn none() -> Self {
        Self {
            owner: Owner::Nobody,
            problem: KeyProblem::None,
        }
    }

    /// The key in question, if it is one.
    pub fn key(&self) -> Option<&KeyId> {
        match &self.owner {
            Owner::Key(key) => Some(key),
            Owner::Nobody | Owner::User(_) => None,
        }
    }

    /// The kind of problem.
    pub fn problem(&self) -> &KeyProblem {
        &self.problem
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Owner::Key(key) => write!(f, "key `{key}` {}", self.problem),
            Owner::Nobody => self.problem.fmt(f),
            Owner::User(name) => write!(f, "user `{}` {}", name.escape_debug(), self.problem),
        }
    }
}

impl Error for KeyError {}

/// The kinds of [`KeyError`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyProblem {
    /// Two keys have one name.
    DuplicateId,
    /// The secret is empty.
    Empty,
    /// The secret is not in the form named here.
    Encoding(&'static str),
    /// The secret has another length than the sender's have.
    Length {
        /// How many bytes such a key has.
        wanted: usize,
        /// How many bytes this one has.
        found: usize,
    },
    /// The key is to be fetched, and this kind of authentication knows no place for it.
    NotFetchable(&'static str),
    /// Only a hash of the secret is known, which can sign and verify nothing.
    Hashed,
    /// There is no key at all.
    None,
    /// The key is for a kind of signature that this build leaves out.
    NotBuilt(&'static str),
    /// The key verifies signatures and cannot make any.
    Public,
    /// The secret has only this many bytes.
    Short(usize),
    /// There are more than [`MAX_KEYS`] keys.
    TooMany,
    /// A user name that holds a colon, which basic authentication cannot carry.
    UserWithColon,
    /// No kind of key that the scheme knows begins like this one.
    UnknownPrefix,
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateId => write!(f, "is there twice; give each key an id of its own"),
            Self::Empty => write!(f, "has an empty secret; anybody could sign with it"),
            Self::Encoding(form) => {
                write!(f, "does not hold {form}; copy it again from the sender")
            }
            Self::NotFetchable(why) => write!(f, "cannot be fetched: {why}"),
            Self::Hashed => write!(f, "is only a hash; a signature needs the secret itself"),
            Self::Length { wanted, found } => write!(
                f,
                "has {found} bytes where such keys have {wanted}; copy it again from the sender"
            ),
            Self::None => write!(f, "there is no key; configure at least one"),
            Self::NotBuilt(feature) => {
                write!(f, "needs a build with the cargo feature `{feature}`")
            }
            Self::Public => write!(f, "is a public key; it can verify but not sign"),
            Self::Short(length) => write!(
                f,
                "has a secret of {length} bytes where {MIN_SECRET} are the least; use a longer one \
                 or allow a weak secret for this key"
            ),
            Self::TooMany => write!(f, "is one too many; at most {MAX_KEYS} keys are tried"),
            Self::UserWithColon => {
                write!(
                    f,
                    "a user name holds a colon; basic authentication cannot carry it"
                )
            }
            Self::UnknownPrefix => {
                write!(
                    f,
                    "does not begin like any kind of key that the scheme knows"
                )
            }
        }
    }
}

/// The least number of bytes of key material, unless the key is excused.
pub(super) const MIN_SECRET: usize = crate::MIN_SECRET;
