//! Why a request cannot be signed, and what to do about it.

use std::error::Error;
use std::fmt;

use http::header::InvalidHeaderValue;

use crate::Reason;

/// A request that the scheme cannot sign.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignError {
    /// The time is one that the scheme has no text for.
    Clock,
    /// What stands at this place of the request is another text than the scheme demands.
    Contradiction(String),
    /// The scheme signs no empty body.
    EmptyBody,
    /// The signature, or its time, stands in the body, and only headers were asked for.
    InBody,
    /// The scheme writes into the URL, and only headers were asked for.
    InUrl,
    /// The id breaks the grammar `[A-Za-z0-9_-]{1,128}`.
    MalformedId,
    /// The scheme says nothing about how this method is signed.
    MethodNotSigned,
    /// The scheme demands something at this place of the request, and nothing is there.
    Missing(String),
    /// The scheme signs an id and there is none.
    MissingId,
    /// Every key is before or after its time.
    NoActiveKey,
    /// The scheme signs in several ways, none of which fits a request of this kind.
    NoWay,
    /// Something in the request that this message is made from cannot be read.
    Unfit {
        /// The message, as the scheme writes it.
        message: String,
        /// What is wrong with it.
        reason: Reason,
    },
    /// The scheme signs the URL and only its path is known.
    UnknownUrl,
    /// The scheme or the secret has a text in it that no header can carry.
    Unprintable,
    /// There is a body and the signature would not cover it.
    UnsignedBody,
    /// Nothing can be written at this place: the body or the query is not what it has to be.
    Unwritable(String),
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock => f.write_str("the scheme has no text for this time"),
            Self::Contradiction(place) => write!(
                f,
                "the request has another text at `{place}` than the scheme demands; leave it out"
            ),
            Self::EmptyBody => f.write_str("the scheme signs no empty body; give it one"),
            Self::InBody => f.write_str(
                "the scheme signs inside the body, so that headers alone are not enough; take the \
                 body that signing writes",
            ),
            Self::InUrl => f.write_str(
                "the scheme signs inside the URL, so that headers alone are not enough; take the \
                 target that signing writes",
            ),
            Self::MalformedId => f.write_str(
                "the message id has other than letters, digits, `-`, `_` and `=`, or over 128",
            ),
            Self::MethodNotSigned => f.write_str("the scheme does not sign this method"),
            Self::Missing(place) => write!(
                f,
                "the scheme demands something at `{place}` of the request, and nothing is there"
            ),
            Self::MissingId => f.write_str("the scheme signs a message id and there is none"),
            Self::NoActiveKey => f.write_str("every key is before or after its time"),
            Self::NoWay => f.write_str(
                "the scheme signs in several ways and none fits this request; look at its method, \
                 its media type and the headers that choose one",
            ),
            Self::Unfit { message, reason } => {
                write!(f, "`{message}` cannot be made of this request: {reason}")
            }
            Self::UnknownUrl => {
                f.write_str("the scheme signs the whole URL; give it one with scheme and host")
            }
            Self::Unprintable => {
                f.write_str("the scheme or the secret has a text that no header can carry")
            }
            Self::UnsignedBody => f.write_str("the scheme does not sign a body with this method"),
            Self::Unwritable(place) => write!(
                f,
                "nothing can be written at `{place}`: give a body, and a query, in the form that \
                 the sender's have"
            ),
        }
    }
}

impl Error for SignError {}

impl From<InvalidHeaderValue> for SignError {
    fn from(_: InvalidHeaderValue) -> Self {
        Self::Unprintable
    }
}
