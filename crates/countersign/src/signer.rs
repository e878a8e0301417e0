//! Makes requests that a verifier accepts.

use std::error::Error;
use std::fmt;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use crate::{Keyring, PublicUrl, Scheme, SchemeError};

/// Signs requests under one scheme with every live key of one keyring.
#[derive(Clone, Debug)]
pub struct Signer {}

impl Signer {
    /// Compiles scheme and keys.
    pub fn new(_scheme: &Scheme, _keys: &Keyring) -> Result<Self, SchemeError> {
        Ok(Self {})
    }

    /// Sets the first part of the URLs that are signed.
    #[must_use]
    pub fn public_url(self, _base: &str) -> Self {
        self
    }

    /// The headers that sign a message.
    pub fn headers(
        &self,
        _message: &ToSign<'_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
        Ok(Vec::new())
    }

    /// Signs a request in place.
    pub fn sign<B: AsRef<[u8]>>(
        &self,
        _request: &mut Request<B>,
        _now: SystemTime,
    ) -> Result<(), SignError> {
        Ok(())
    }
}

/// Everything that a signature depends on.
#[derive(Clone, Copy, Debug)]
pub struct ToSign<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The URL as the receiver knows it.
    pub url: PublicUrl<'a>,
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
    /// The message's id, for schemes that sign one.
    pub id: Option<&'a str>,
    /// The time to sign.
    pub now: SystemTime,
}

/// A request that cannot be signed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignError {
    /// The scheme signs an id and there is none.
    MissingId,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no id")
    }
}

impl Error for SignError {}
