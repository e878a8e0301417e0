//! The four kinds of authentication, behind one question.

use http::{HeaderMap, Method};

use crate::{Rejection, Signed, Verified, Verifier};

mod api_key;
mod basic;

pub use api_key::ApiKey;
pub use basic::Basic;
pub(crate) use basic::credentials;

/// How a flow knows its senders. There is no default: letting anybody in is written out.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Not at all: anybody may send.
    None,
    /// By a user and a password.
    Basic(Basic),
    /// By a secret in a header.
    ApiKey(ApiKey),
    /// By a signature over what is sent.
    Signature(Verifier),
}

impl Auth {
    /// Looks at what can be judged before the body is read: presence and grammar, not genuineness.
    pub fn check_head(&self, method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
        match self {
            Self::None => Ok(()),
            Self::Basic(basic) => basic.check_head(headers),
            Self::ApiKey(api_key) => api_key.check_head(headers),
            Self::Signature(verifier) => verifier.check_head(method, headers),
        }
    }

    /// Judges a request.
    pub fn verify(&self, request: &Signed<'_>) -> Result<Verified, Rejection> {
        match self {
            Self::None => Ok(Verified::unsigned(None)),
            Self::Basic(basic) => basic.verify(request),
            Self::ApiKey(api_key) => api_key.verify(request),
            Self::Signature(verifier) => verifier.verify(request),
        }
    }

    /// The name of the kind: `none`, `basic`, `api_key` or `signature`.
    pub fn mode(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic(_) => "basic",
            Self::ApiKey(_) => "api_key",
            Self::Signature(_) => "signature",
        }
    }
}
