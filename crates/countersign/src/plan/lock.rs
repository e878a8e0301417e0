//! Keys, ready for use: what each does with a message.

use std::time::SystemTime;

use super::material::Material;
use crate::key::{self, Validity};
use crate::mac::{Digest, HashKey, MacKey, Tag, sha256};
use crate::message::Message;
use crate::{FetchedKey, Key, KeyError, KeyId};

/// A key, ready for use.
pub(crate) struct PlanKey {
    pub(crate) id: KeyId,
    pub(crate) lock: Lock,
    validity: Validity,
    /// The name under which tokens refer to it.
    name: Option<String>,
    /// The labels, by index in the layout, of the signatures that this key makes.
    labels: Vec<usize>,
}

/// What a key does with a message.
pub(crate) enum Lock {
    Hash(HashKey),
    Mac(MacKey),
    #[cfg(any(feature = "ecdsa", feature = "ed25519", feature = "rsa"))]
    Public(crate::mac::PublicKey),
    /// A public key that has to be fetched for each request.
    Fetched(Box<Key>, Digest),
    /// The hash of a secret that is sent along.
    Token(Tag),
}

impl PlanKey {
    pub(super) fn new(
        key: &Key,
        digest: Digest,
        material: Material,
        labels: Vec<usize>,
    ) -> Result<Self, KeyError> {
        Ok(Self {
            id: key.id().clone(),
            lock: Lock::new(key, digest, &material.bytes)?,
            validity: key.validity(),
            name: material
                .name
                .or_else(|| key.token_name().map(str::to_owned)),
            labels,
        })
    }

    /// A key of which nothing is known before a request.
    pub(super) fn fetched(key: &Key, digest: Digest, labels: Vec<usize>) -> Self {
        Self {
            id: key.id().clone(),
            lock: Lock::Fetched(Box::new(key.clone()), digest),
            validity: key.validity(),
            name: None,
            labels,
        }
    }

    /// The keys that stand in for this one, if it had to be fetched.
    pub(crate) fn opened(&self, fetched: &FetchedKey) -> Vec<Self> {
        let Lock::Fetched(key, digest) = &self.lock else {
            return Vec::new();
        };
        let materials = fetched.materials().iter().cloned();
        let opened =
            materials.map(|material| Self::new(key, *digest, material, self.labels.clone()));
        opened.filter_map(Result::ok).collect()
    }

    /// The key as it was configured, if it has to be fetched.
    pub(crate) fn to_fetch(&self) -> Option<&Key> {
        match &self.lock {
            Lock::Fetched(key, _) => Some(key),
            _ => None,
        }
    }

    pub(crate) fn is_active(&self, now: SystemTime) -> bool {
        self.validity.covers(now)
    }

    pub(crate) fn validity(&self) -> Validity {
        self.validity
    }

    /// Whether this key makes signatures under the label at `index`.
    pub(crate) fn answers_to(&self, index: usize) -> bool {
        self.labels.contains(&index)
    }

    /// Whether a token that names its key may mean this one.
    #[inline]
    pub(crate) fn is_meant(&self, name: Option<&[u8]>) -> bool {
        match (&self.name, name) {
            (Some(own), Some(name)) => own.as_bytes() == name,
            _ => true,
        }
    }
}

impl Lock {
    fn new(key: &Key, digest: Digest, material: &[u8]) -> Result<Self, KeyError> {
        key.check_strength(material)?;
        // A short text is no better for having been hashed into a long key.
        if let key::Material::Secret(text) = key.material() {
            key.check_strength(text.expose())?;
        }
        if digest == Digest::Token {
            return Ok(Self::Token(Tag::of(&sha256([material]))));
        }
        if let Some(hash) = HashKey::new(digest, material) {
            return Ok(Self::Hash(hash));
        }
        if let Some(mac) = MacKey::new(digest, material) {
            return Ok(Self::Mac(mac));
        }
        #[cfg(any(feature = "ecdsa", feature = "ed25519", feature = "rsa"))]
        let lock = crate::mac::PublicKey::new(digest, material).map(Self::Public);
        #[cfg(not(any(feature = "ecdsa", feature = "ed25519", feature = "rsa")))]
        let lock = Err(crate::KeyProblem::NotBuilt(digest.feature()));
        lock.map_err(|problem| KeyError::of(key.id(), problem))
    }

    /// What this key signs a message with, unless it can only verify.
    #[inline]
    pub(crate) fn tag(&self, message: Message<'_>) -> Option<Tag> {
        match self {
            Self::Hash(hash) => Some(hash.tag(message.with_secret(hash.secret()).pieces())),
            Self::Mac(mac) => Some(mac.tag(message.pieces())),
            _ => None,
        }
    }

    /// The same, where it is wanted.
    #[inline]
    pub(crate) fn tag_if(&self, wanted: bool, message: Message<'_>) -> Option<Tag> {
        if wanted { self.tag(message) } else { None }
    }

    /// The MAC of a challenge, where the key makes MACs.
    pub(crate) fn seal(&self, challenge: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Mac(mac) => Some(mac.tag([challenge]).bytes(mac.length()).to_vec()),
            _ => None,
        }
    }

    /// Whether bytes that were sent are what this key expects, where that is no MAC.
    #[cfg_attr(
        not(any(feature = "ecdsa", feature = "ed25519", feature = "rsa")),
        expect(unused_variables, reason = "only public keys look at the message")
    )]
    pub(crate) fn opens(&self, sent: &[u8], message: Message<'_>) -> bool {
        match self {
            #[cfg(any(feature = "ecdsa", feature = "ed25519", feature = "rsa"))]
            Self::Public(key) => key.verifies(sent, message.pieces()),
            // Of equal length, whatever was sent.
            Self::Token(tag) => tag.matches(&Tag::of(&sha256([sent]))).into(),
            Self::Fetched(..) | Self::Hash(_) | Self::Mac(_) => false,
        }
    }
}
