//! How a flow knows its senders.

use http::{HeaderMap, Method};

use crate::{Rejection, Signed, Verified, Verifier};

mod api_key;
mod basic;

pub use api_key::ApiKey;
pub use basic::Basic;

/// How a flow knows its senders.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Anybody may send.
    None,
    /// HTTP basic authentication.
    Basic(Basic),
    /// An API key.
    ApiKey(ApiKey),
    /// A signature.
    Signature(Verifier),
}

impl Auth {
    /// Looks at what can be judged before the body is read.
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
