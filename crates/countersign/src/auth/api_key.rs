//! API keys: a secret sent as it is, of which only the hash is kept.

use std::fmt;

use http::{HeaderMap, HeaderName, header::AUTHORIZATION};

use super::basic::authorization;
use crate::KeyProblem;
use crate::key::Material;
use crate::mac::{Tag, sha256};
use crate::message::only_line;
use crate::{KeyError, KeyId, Keyring, MAX_HEADER, Reason, Rejection, Signed, Validity, Verified};

/// The API keys that may send, and the places where they are looked for.
///
/// Keys are hashed as soon as they arrive, and hashes are compared in constant time, all of them. A request with keys in
/// several places passes only if they are the same.
#[derive(Clone)]
pub struct ApiKey {
    /// None is the default one.
    places: Vec<Place>,
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
    /// Keys that are sent in the header `X-API-Key`, unless another place is said.
    pub fn new(keys: &Keyring) -> Result<Self, KeyError> {
        let known = keys.iter().map(|key| {
            let hash = match key.material() {
                Material::Secret(secret) => {
                    key.check_strength(secret.expose())?;
                    sha256([secret.expose()])
                }
                Material::Sha256(hash) => *hash,
                Material::Fetched(_) => {
                    let problem = KeyProblem::NotFetchable("an API key is a secret");
                    return Err(KeyError::of(key.id(), problem));
                }
            };
            Ok(Known {
                id: key.id().clone(),
                hash: Tag::of(&hash),
                validity: key.validity(),
            })
        });
        Ok(Self {
            places: Vec::new(),
            keys: known.collect::<Result<_, KeyError>>()?,
        })
    }

    /// Reads the key from this header, in place of `X-API-Key` or beside what else is said.
    #[must_use]
    pub fn header(self, name: HeaderName) -> Self {
        self.place(Place::Header(name))
    }

    /// Reads the key from `Authorization: Bearer`, in place of `X-API-Key` or beside what else is said.
    #[must_use]
    pub fn bearer(self) -> Self {
        self.place(Place::Bearer)
    }

    /// Reads the key from this query parameter, in place of `X-API-Key` or beside what else is said; as it stands
    /// there: nothing is decoded.
    ///
    /// Query strings end up in the logs of everything on the way; use a header where you can.
    #[must_use]
    pub fn query(self, name: impl Into<String>) -> Self {
        self.place(Place::Query(name.into()))
    }

    fn place(mut self, place: Place) -> Self {
        self.places.push(place);
        self
    }

    fn places(&self) -> &[Place] {
        match self.places.is_empty() {
            true => &DEFAULT,
            false => &self.places,
        }
    }

    /// The headers of their own that carry the key.
    pub fn header_names(&self) -> impl Iterator<Item = &HeaderName> {
        self.places().iter().filter_map(|place| match place {
            Place::Header(name) => Some(name),
            Place::Bearer | Place::Query(_) => None,
        })
    }

    /// The query parameters that carry the key.
    pub fn query_names(&self) -> impl Iterator<Item = &str> {
        self.places().iter().filter_map(|place| match place {
            Place::Query(name) => Some(name.as_str()),
            Place::Bearer | Place::Header(_) => None,
        })
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (KeyId, Validity)> {
        self.keys.iter().map(|key| (key.id.clone(), key.validity))
    }

    pub(super) fn reads(&self, name: &HeaderName) -> bool {
        self.places().iter().any(|place| match place {
            Place::Bearer => *name == AUTHORIZATION,
            Place::Header(header) => header == name,
            Place::Query(_) => false,
        })
    }

    pub(super) fn check_head(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        // The target is not part of the head that is looked at here.
        match self.sent(headers, "") {
            Err(reason) if self.query_names().next().is_none() || !is_absence(reason) => {
                Err(reason.into())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn verify(&self, request: &Signed<'_>) -> Result<Verified, Rejection> {
        let hash = self.sent(request.headers, request.url.target)?;
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

    /// The hash of the one key that was sent, in however many places.
    fn sent(&self, headers: &HeaderMap, target: &str) -> Result<Tag, Reason> {
        let mut sent: Option<Tag> = None;
        let mut absence = Reason::MissingCredentials;
        for place in self.places() {
            let key = match place.read(headers, target) {
                Ok(key) => Tag::of(&sha256([key])),
                Err(Reason::MissingCredentials) => continue,
                Err(reason) if is_absence(reason) => {
                    absence = reason;
                    continue;
                }
                Err(reason) => return Err(reason),
            };
            if sent.is_some_and(|other| !bool::from(other.matches(&key))) {
                return Err(Reason::AmbiguousCredentials);
            }
            sent = Some(key);
        }
        sent.ok_or(absence)
    }
}

impl Place {
    fn read<'a>(&self, headers: &'a HeaderMap, target: &'a str) -> Result<&'a [u8], Reason> {
        let key = match self {
            Self::Bearer => authorization(headers, b"bearer")?,
            Self::Header(name) => match only_line(headers, name) {
                Err(Reason::MissingHeader) => return Err(Reason::MissingCredentials),
                line => line?,
            },
            Self::Query(name) => parameter(target, name)?,
        };
        match key.len() {
            0 => Err(Reason::MissingCredentials),
            length if length > MAX_HEADER => Err(Reason::HeaderTooLong),
            _ => Ok(key),
        }
    }
}

/// Whether there is no key in a place: nothing at all, or an `Authorization` of another scheme.
fn is_absence(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::MissingCredentials | Reason::MalformedCredentials
    )
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.keys.iter().map(|key| key.id.as_str()).collect();
        f.debug_struct("ApiKey")
            .field("places", &self.places())
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

static DEFAULT: [Place; 1] = [Place::Header(HeaderName::from_static("x-api-key"))];
