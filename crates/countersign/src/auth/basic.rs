//! HTTP basic authentication.

use http::HeaderMap;

use crate::{KeyError, Reason, Rejection, Secret, Signed, Verified};

/// Users with passwords.
#[derive(Clone, Debug)]
pub struct Basic {}

impl Basic {
    /// Takes users with their passwords.
    pub fn new(_users: impl IntoIterator<Item = (String, Secret)>) -> Result<Self, KeyError> {
        Ok(Self {})
    }

    /// The same, with passwords shorter than 16 bytes allowed.
    pub fn with_weak_passwords(
        _users: impl IntoIterator<Item = (String, Secret)>,
    ) -> Result<Self, KeyError> {
        Ok(Self {})
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
