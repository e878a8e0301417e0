//! Keys, ready for use: what each does with a message.

use std::time::SystemTime;

use super::material::Material;
use crate::key::Validity;
use crate::mac::{Digest, HashKey, MacKey, Tag, sha256};
use crate::message::Message;
use crate::{FetchedKey, Key, KeyError, KeyId, KeyProblem, MAX_PUBLIC_CHECKS, Reason};

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
            validity: key.validity().and(material.validity),
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
            name: key.token_name().map(str::to_owned),
            labels,
        }
    }

    /// The key as it was configured, if it has to be fetched, and what it verifies.
    pub(crate) fn to_fetch(&self) -> Option<(&Key, Digest)> {
        match &self.lock {
            Lock::Fetched(key, digest) => Some((key, *digest)),
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
        is_same(self.name.as_deref(), name)
    }

    /// Whether bytes that were sent are what this key expects, where that is no MAC.
    ///
    /// What was `fetched` stands in for a key that has to be; `named` is the key that a token names.
    pub(crate) fn opens(
        &self,
        sent: &[u8],
        message: Message<'_>,
        fetched: Option<&FetchedKey>,
        named: Option<&[u8]>,
        now: SystemTime,
        checks: &mut Checks,
    ) -> Result<bool, Reason> {
        let Lock::Fetched(..) = &self.lock else {
            return Ok(self.is_meant(named) && self.lock.opens(sent, message, checks)?);
        };
        for key in fetched.map(FetchedKey::keys).unwrap_or_default() {
            let name = key.name.as_deref().or(self.name.as_deref());
            let counts = key.validity.covers(now) && is_same(name, named);
            if counts && key.lock.opens(sent, message, checks)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a token that names `named` may mean the key of this name: what has no name may be any.
fn is_same(own: Option<&str>, named: Option<&[u8]>) -> bool {
    match (own, named) {
        (Some(own), Some(named)) => own.as_bytes() == named,
        _ => true,
    }
}

/// A public key of what was fetched, ready for use.
pub(crate) struct Opened {
    lock: Lock,
    name: Option<String>,
    validity: Validity,
}

impl Opened {
    /// Reads a key for signatures of this kind.
    pub(crate) fn new(digest: Digest, material: Material) -> Result<Self, KeyProblem> {
        Ok(Self {
            lock: Lock::public(digest, &material.bytes)?,
            name: material.name,
            validity: material.validity,
        })
    }

    /// Has it count no longer from this instant on.
    pub(crate) fn end_at(&mut self, time: SystemTime) {
        self.validity = self.validity.and(Validity::until(time));
    }

    pub(crate) fn covers(&self, now: SystemTime) -> bool {
        self.validity.covers(now)
    }
}

/// How often public keys may still be held against signatures of one request.
pub(crate) struct Checks(usize);

impl Checks {
    /// Those of a request of which nothing was looked at yet.
    pub(crate) fn of_a_request() -> Self {
        Self(MAX_PUBLIC_CHECKS)
    }

    #[cfg_attr(
        not(any(feature = "ecdsa", feature = "ed25519", feature = "rsa")),
        expect(dead_code, reason = "only public keys are counted")
    )]
    fn take(&mut self) -> Result<(), Reason> {
        self.0 = self.0.checked_sub(1).ok_or(Reason::TooManySignatures)?;
        Ok(())
    }
}

impl Lock {
    fn new(key: &Key, digest: Digest, material: &[u8]) -> Result<Self, KeyError> {
        key.check_strength(material)?;
        if digest == Digest::Token {
            return Ok(Self::Token(Tag::of(&sha256([material]))));
        }
        if let Some(hash) = HashKey::new(digest, material) {
            return Ok(Self::Hash(hash));
        }
        if let Some(mac) = MacKey::new(digest, material) {
            return Ok(Self::Mac(mac));
        }
        Self::public(digest, material).map_err(|problem| KeyError::of(key.id(), problem))
    }

    #[cfg(any(feature = "ecdsa", feature = "ed25519", feature = "rsa"))]
    fn public(digest: Digest, material: &[u8]) -> Result<Self, KeyProblem> {
        crate::mac::PublicKey::new(digest, material).map(Self::Public)
    }

    #[cfg(not(any(feature = "ecdsa", feature = "ed25519", feature = "rsa")))]
    fn public(digest: Digest, _material: &[u8]) -> Result<Self, KeyProblem> {
        Err(KeyProblem::NotBuilt(digest.feature()))
    }

    /// Whether nothing about it is secret.
    pub(crate) fn is_public(&self) -> bool {
        !matches!(self, Self::Hash(_) | Self::Mac(_) | Self::Token(_))
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
    fn opens(
        &self,
        sent: &[u8],
        message: Message<'_>,
        checks: &mut Checks,
    ) -> Result<bool, Reason> {
        match self {
            #[cfg(any(feature = "ecdsa", feature = "ed25519", feature = "rsa"))]
            Self::Public(key) => {
                checks.take()?;
                Ok(key.verifies(sent, message.pieces()))
            }
            // Of equal length, whatever was sent.
            Self::Token(tag) => Ok(tag.matches(&Tag::of(&sha256([sent]))).into()),
            Self::Fetched(..) | Self::Hash(_) | Self::Mac(_) => Ok(false),
        }
    }
}
