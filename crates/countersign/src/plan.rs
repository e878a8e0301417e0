//! A scheme and its keys, compiled: everything that does not depend on the request.

use std::iter;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, Method};
use zeroize::Zeroizing;

use crate::encoding::{decode_base64_key, decode_hex_key};
use crate::grammar::{Found, Label, Layout, TimestampAt};
use crate::key::{Material, Validity};
use crate::mac::{Digest, MacKey};
use crate::message::{Template, only_line};
use crate::scheme::{Description, KeyEncoding, Place, Rule};
use crate::{Key, KeyError, KeyId, KeyProblem, Keyring, Reason, Scheme, SchemeError};

pub(crate) struct Plan {
    scheme: Scheme,
    layout: Layout,
    names: HeaderSet,
    fallbacks: Vec<HeaderSet>,
    keys: Vec<PlanKey>,
}

/// Headers that belong together.
pub(crate) struct HeaderSet {
    pub(crate) signature: HeaderName,
    pub(crate) timestamp: Option<HeaderName>,
    pub(crate) id: Option<HeaderName>,
}

/// A key, ready for use.
pub(crate) struct PlanKey {
    pub(crate) id: KeyId,
    pub(crate) lock: Lock,
    validity: Validity,
    /// The labels, by index in the layout, of the signatures that this key makes.
    labels: Vec<usize>,
}

/// What a key does with a message.
pub(crate) enum Lock {
    Mac(MacKey),
    #[cfg(feature = "ed25519")]
    Public(crate::mac::PublicKey),
}

/// What a request says about itself, beside its signatures.
pub(crate) struct Elements<'a> {
    pub(crate) timestamp: &'a [u8],
    pub(crate) time: Option<SystemTime>,
    pub(crate) id: &'a [u8],
}

impl Plan {
    pub(crate) fn new(scheme: &Scheme, keyring: &Keyring) -> Result<Self, SchemeError> {
        let description = scheme.description();
        let mut labels: Vec<Label> = Vec::new();
        let mut keys = Vec::new();
        for key in keyring.iter() {
            let (rule, material) = rule_of(key, &description.rules)?;
            let names = match rule.label.as_slice() {
                [] => vec![String::new()],
                names => names.to_vec(),
            };
            let places = names.into_iter().map(|name| {
                labels
                    .iter()
                    .position(|label| label.name == name)
                    .unwrap_or_else(|| {
                        labels.push(Label {
                            name,
                            length: rule.digest.length(),
                        });
                        labels.len().saturating_sub(1)
                    })
            });
            keys.push(PlanKey {
                id: key.id().clone(),
                labels: places.collect(),
                lock: Lock::new(key, rule.digest, &material)?,
                validity: key.validity(),
            });
        }
        let layout = Layout::new(&description.signature, timestamp_at(description), labels);
        let mut sets = header_sets(description).into_iter();
        Ok(Self {
            scheme: scheme.clone(),
            layout,
            names: sets
                .next()
                .ok_or(SchemeError::Nothing("header of the signature"))?,
            fallbacks: sets.collect(),
            keys,
        })
    }

    pub(crate) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &PlanKey> {
        self.keys.iter()
    }

    /// The signed message of requests with this method.
    pub(crate) fn message(&self, method: &Method) -> Result<&Template, Reason> {
        self.scheme.message(method).ok_or(Reason::MethodNotSigned)
    }

    /// Reads the scheme's elements: presence and grammar, nothing else.
    pub(crate) fn read<'a>(
        &self,
        headers: &'a HeaderMap,
        found: &mut Found<'a>,
    ) -> Result<Elements<'a>, Reason> {
        let set = self.header_set(headers);
        self.layout.read(headers, &set.signature, found)?;
        let id = match &set.id {
            Some(name) => only_line(headers, name)?,
            None => b"",
        };
        if set.id.is_some() && !is_id(id) {
            return Err(Reason::MalformedId);
        }
        let Some(unit) = self.scheme.timestamp_unit() else {
            return Ok(Elements {
                timestamp: b"",
                time: None,
                id,
            });
        };
        let timestamp = match &set.timestamp {
            Some(name) => only_line(headers, name)?,
            None => found.timestamp.ok_or(Reason::MissingTimestamp)?,
        };
        let time = unit.read(timestamp).ok_or(Reason::MalformedTimestamp)?;
        Ok(Elements {
            timestamp,
            time: Some(time),
            id,
        })
    }

    /// The first set of headers that has anything in the request.
    fn header_set(&self, headers: &HeaderMap) -> &HeaderSet {
        if self.fallbacks.is_empty() || self.names.is_in(headers) {
            return &self.names;
        }
        let mut fallbacks = self.fallbacks.iter();
        fallbacks
            .find(|set| set.is_in(headers))
            .unwrap_or(&self.names)
    }

    /// Whether a verdict depends on this header.
    pub(crate) fn reads(&self, name: &HeaderName) -> bool {
        let mut sets = iter::once(&self.names).chain(&self.fallbacks);
        let mut messages = self.scheme.description().sign.messages();
        sets.any(|set| set.names().any(|header| header == name))
            || messages.any(|message| message.reads(name))
    }

    /// The headers that a signer writes.
    pub(crate) fn names(&self) -> &HeaderSet {
        &self.names
    }
}

impl PlanKey {
    pub(crate) fn is_active(&self, now: SystemTime) -> bool {
        self.validity.covers(now)
    }

    /// What this key signs with, unless it can only verify.
    pub(crate) fn mac(&self) -> Option<&MacKey> {
        match &self.lock {
            Lock::Mac(mac) => Some(mac),
            #[cfg(feature = "ed25519")]
            Lock::Public(_) => None,
        }
    }

    /// Whether this key makes signatures under the label at `index`.
    pub(crate) fn answers_to(&self, index: usize) -> bool {
        self.labels.contains(&index)
    }

    /// The label under which this key signs.
    pub(crate) fn label(&self) -> usize {
        self.labels.first().copied().unwrap_or_default()
    }
}

impl Lock {
    fn new(key: &Key, digest: Digest, material: &[u8]) -> Result<Self, KeyError> {
        key.check_strength(material)?;
        if let Some(mac) = MacKey::new(digest, material) {
            return Ok(Self::Mac(mac));
        }
        #[cfg(feature = "ed25519")]
        let lock = crate::mac::PublicKey::new(material)
            .map(Self::Public)
            .ok_or(KeyProblem::Encoding("an Ed25519 public key of 32 bytes"));
        #[cfg(not(feature = "ed25519"))]
        let lock = Err(KeyProblem::NotBuilt("ed25519"));
        lock.map_err(|problem| KeyError::of(key.id(), problem))
    }
}

impl HeaderSet {
    fn is_in(&self, headers: &HeaderMap) -> bool {
        self.names().any(|name| headers.contains_key(name))
    }

    fn names(&self) -> impl Iterator<Item = &HeaderName> {
        iter::once(&self.signature)
            .chain(&self.timestamp)
            .chain(&self.id)
    }
}

/// The first rule whose form of key this key has, and the key material in it.
fn rule_of<'a>(key: &Key, rules: &'a [Rule]) -> Result<(&'a Rule, Zeroizing<Vec<u8>>), KeyError> {
    let problem = |problem| KeyError::of(key.id(), problem);
    let Material::Secret(secret) = key.material() else {
        return Err(problem(KeyProblem::Hashed));
    };
    let text = secret.expose();
    let mut forms = rules.iter().filter_map(|rule| {
        let prefix = rule.key.prefix.as_deref().unwrap_or_default();
        match text.strip_prefix(prefix.as_bytes()) {
            None if !rule.key.optional => None,
            bare => Some((rule, bare.unwrap_or(text))),
        }
    });
    let (rule, text) = forms
        .next()
        .ok_or_else(|| problem(KeyProblem::UnknownPrefix))?;
    let (material, form) = match rule.key.encoding {
        KeyEncoding::Base64 => (decode_base64_key(text), "base64"),
        KeyEncoding::Hex => (decode_hex_key(text), "hex digits"),
        KeyEncoding::Text => (Some(text.to_vec()), "text"),
    };
    let material = material.ok_or_else(|| problem(KeyProblem::Encoding(form)))?;
    Ok((rule, Zeroizing::new(material)))
}

fn timestamp_at(scheme: &Description) -> TimestampAt {
    let place = scheme
        .timestamp
        .as_ref()
        .and_then(|timestamp| timestamp.from.iter().next());
    match place {
        Some(Place::First) => TimestampAt::First,
        Some(Place::Pair(name)) => TimestampAt::Pair(name.clone()),
        Some(Place::Header(_)) | None => TimestampAt::Elsewhere,
    }
}

fn header_sets(scheme: &Description) -> Vec<HeaderSet> {
    let header = |places: Option<&[Place]>, index| match places?.get(index) {
        Some(Place::Header(name)) => Some(name.clone()),
        _ => None,
    };
    let signature = scheme.signature.from.as_slice();
    let timestamp = scheme
        .timestamp
        .as_ref()
        .map(|timestamp| timestamp.from.as_slice());
    let id = scheme.id.as_ref().map(|id| id.from.as_slice());
    let set = |index| {
        Some(HeaderSet {
            signature: header(Some(signature), index)?,
            timestamp: header(timestamp, index),
            id: header(id, index),
        })
    };
    (0..signature.len()).filter_map(set).collect()
}

/// What a message id may look like, so that it cannot be mistaken for what stands beside it.
pub(crate) fn is_id(text: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    (1..=128).contains(&text.len()) && text.iter().all(fits)
}
