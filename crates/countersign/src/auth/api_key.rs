//! API keys.

use http::{HeaderMap, HeaderName};

use crate::{KeyError, Keyring, Reason, Rejection, Signed, Verified};

/// API keys and where they are sent.
#[derive(Clone, Debug)]
pub struct ApiKey {}

impl ApiKey {
    /// Keys that are sent in the header `X-API-Key`.
    pub fn new(_keys: &Keyring) -> Result<Self, KeyError> {
        Ok(Self {})
    }

    /// Reads the key from this header instead.
    #[must_use]
    pub fn header(self, _name: HeaderName) -> Self {
        self
    }

    /// Reads the key from `Authorization: Bearer` instead.
    #[must_use]
    pub fn bearer(self) -> Self {
        self
    }

    /// Reads the key from this query parameter instead.
    #[must_use]
    pub fn query(self, _name: &str) -> Self {
        self
    }

    /// Looks at what can be judged before the body is read.
    pub fn check_head(&self, _headers: &HeaderMap) -> Result<(), Rejection> {
        Ok(())
    }

    /// Judges a request.
    pub fn verify(&self, _request: &Signed<'_>) -> Result<Verified, Rejection> {
        Err(Reason::BadCredentials.into())
    }
}
