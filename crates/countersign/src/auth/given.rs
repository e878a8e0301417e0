//! What a verdict depends on besides what was received, and what has to be asked for it.

use std::fmt;
use std::net::IpAddr;

use http::HeaderMap;
use zeroize::Zeroizing;

use super::credentials;
use crate::{FetchedKey, KeyUrl, MAX_HEADER, Reason, Rejection, Secret};

/// What is known of a request besides what was received. By default nothing is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// The sender's address, as far as it can be trusted; one that is not known is on no list.
    pub client: Option<IpAddr>,
    /// Whether the request's user has the request's password, once that was asked.
    pub password: Option<bool>,
    /// The key of the request, once it was fetched.
    pub key: Option<&'a FetchedKey>,
}

/// Why a request is not verified, or not yet.
#[derive(Clone, Debug)]
pub enum Unverified {
    /// The verdict hangs on whether this is true.
    Ask(Claim),
    /// The verdict hangs on the key that is found here; everything that costs nothing has been looked at.
    Fetch(KeyUrl),
    /// The request did not verify.
    Rejected(Rejection),
}

/// What a sender claims: to be a user with this password.
#[derive(Clone)]
pub struct Claim {
    client: Option<IpAddr>,
    user: Vec<u8>,
    password: Secret,
}

impl Claim {
    pub(super) fn read(headers: &HeaderMap, client: Option<IpAddr>) -> Result<Self, Reason> {
        let mut buffer = Zeroizing::new([0; MAX_HEADER]);
        let (user, password) = credentials(headers, &mut *buffer)?;
        Ok(Self {
            client,
            user: user.to_vec(),
            password: Secret::new(password),
        })
    }

    /// Where it comes from, as far as that was given.
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// The user's name, as received.
    pub fn user(&self) -> &[u8] {
        &self.user
    }

    /// The password.
    pub fn password(&self) -> &Secret {
        &self.password
    }
}

/// What a sender writes for a name may be a password in the wrong field.
impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(..)")
    }
}

/// Why there is no verdict yet, without the question spelled out.
#[derive(Clone, Debug)]
pub(super) enum Doubt {
    Asks,
    Fetches(KeyUrl),
    Rejected(Rejection),
}

impl Doubt {
    /// Which of two questions comes first: nothing is fetched for whoever has no password.
    pub(super) fn before(self, other: Option<Self>) -> Self {
        match (self, other) {
            (Self::Fetches(_), Some(other)) => other,
            (own, _) => own,
        }
    }
}

impl From<Rejection> for Doubt {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Reason> for Doubt {
    fn from(reason: Reason) -> Self {
        Self::Rejected(reason.into())
    }
}
