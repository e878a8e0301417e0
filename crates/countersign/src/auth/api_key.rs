//! API keys: a secret sent as it is, of which only the hash is kept.

use std::fmt;

use http::{HeaderMap, HeaderName, header::AUTHORIZATION};

use super::basic::authorization;
use crate::key::Material;
use crate::mac::{Tag, sha256};
use crate::message::only_line;
use crate::{KeyError, KeyId, Keyring, MAX_HEADER, Reason, Rejection, Signed, Validity, Verified};

/// The API keys that may send, and the one place where they are looked for.
///
/// Keys are hashed as soon as they arrive, and hashes are compared in constant time, all of them.
#[derive(Clone)]
pub struct ApiKey {
    place: Place,
    keys: Vec<Known>,
}

#[derive(Clone, Debug)]
enum Place {
    Bearer,
    Header(HeaderName),
    Query(String),
}

#[derive(Clone)]
struct Known {
    id: KeyId,
    hash: Tag,
    validity: Validity,
}

impl ApiKey {
    /// Keys that are sent in the header `X-API-Key`.
    pub fn new(keys: &Keyring) -> Result<Self, KeyError> {
        let known = keys.iter().map(|key| {
            let hash = match key.material() {
                Material::Secret(secret) => {
                    key.check_strength(secret.expose())?;
                    sha256([secret.expose()])
                }
                Material::Sha256(hash) => *hash,
            };
            Ok(Known {
                id: key.id().clone(),
                hash: Tag::of(&hash),
                validity: key.validity(),
            })
        });
        Ok(Self {
            place: Place::Header(HeaderName::from_static("x-api-key")),
            keys: known.collect::<Result<_, KeyError>>()?,
        })
    }

    /// Reads the key from this header instead.
    #[must_use]
    pub fn header(mut self, name: HeaderName) -> Self {
        self.place = Place::Header(name);
        self
    }

    /// Reads the key from `Authorization: Bearer` instead.
    #[must_use]
    pub fn bearer(mut self) -> Self {
        self.place = Place::Bearer;
        self
    }

    /// Reads the key from this query parameter instead, as it stands there: nothing is decoded.
    ///
    /// Query strings end up in the logs of everything on the way; use a header where you can.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>) -> Self {
        self.place = Place::Query(name.into());
        self
    }

    /// The header of its own that carries the key, if one does.
    pub fn header_name(&self) -> Option<&HeaderName> {
        match &self.place {
            Place::Header(name) => Some(name),
            Place::Bearer | Place::Query(_) => None,
        }
    }

    /// The query parameter that carries the key, if one does.
    pub fn query_name(&self) -> Option<&str> {
        match &self.place {
            Place::Query(name) => Some(name),
            Place::Bearer | Place::Header(_) => None,
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (KeyId, Validity)> {
        self.keys.iter().map(|key| (key.id.clone(), key.validity))
    }

    pub(super) fn reads(&self, name: &HeaderName) -> bool {
        match &self.place {
            Place::Bearer => *name == AUTHORIZATION,
            Place::Header(header) => header == name,
            Place::Query(_) => false,
        }
    }

    pub(super) fn check_head(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        // The target is not part of the head that is looked at here.
        if !matches!(self.place, Place::Query(_)) {
            self.sent(headers, "")?;
        }
        Ok(())
    }

    pub(super) fn verify(&self, request: &Signed<'_>) -> Result<Verified, Rejection> {
        let sent = self.sent(request.headers, request.url.target)?;
        let hash = Tag::of(&sha256([sent]));
        let mut matching = None;
        let mut any_active = false;
        for key in &self.keys {
            let active = key.validity.covers(request.now);
            any_active |= active;
            if active && key.hash.matches(&hash).into() {
                matching = Some(key);
            }
        }
        match matching {
            Some(key) => Ok(Verified::unsigned(Some(key.id.clone()))),
            None if any_active => Err(Reason::BadCredentials.into()),
            None => Err(Reason::NoActiveKey.into()),
        }
    }

    fn sent<'a>(&self, headers: &'a HeaderMap, target: &'a str) -> Result<&'a [u8], Reason> {
        let key = match &self.place {
            Place::Bearer => authorization(headers, b"bearer")?,
            Place::Header(name) => match only_line(headers, name) {
                Err(Reason::MissingHeader) => return Err(Reason::MissingCredentials),
                line => line?,
            },
            Place::Query(name) => parameter(target, name)?,
        };
        match key.len() {
            0 => Err(Reason::MissingCredentials),
            length if length > MAX_HEADER => Err(Reason::MalformedCredentials),
            _ => Ok(key),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.keys.iter().map(|key| key.id.as_str()).collect();
        f.debug_struct("ApiKey")
            .field("place", &self.place)
            .field("keys", &keys)
            .finish()
    }
}

/// The raw value of the one query parameter of this name.
fn parameter<'a>(target: &'a str, name: &str) -> Result<&'a [u8], Reason> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let mut values = query
        .split('&')
        .filter_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
    let (_, value) = values.next().ok_or(Reason::MissingCredentials)?;
    match values.next() {
        Some(_) => Err(Reason::DuplicateCredentials),
        None => Ok(value.as_bytes()),
    }
}
