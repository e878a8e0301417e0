//! Digests, MACs and their comparison: the only file that names cryptography.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};

/// What makes a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Digest {
    Ed25519,
    HmacSha1,
    HmacSha256,
    HmacSha512,
}

impl Digest {
    /// The length of a signature in bytes.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::HmacSha1 => 20,
            Self::HmacSha256 => 32,
            Self::HmacSha512 | Self::Ed25519 => 64,
        }
    }
}

/// A signature: made here or decoded from a request. It has no `==`.
#[derive(Clone, Copy)]
pub(crate) struct Tag([u8; Self::ROOM]);

impl Tag {
    /// The longest signature.
    pub(crate) const ROOM: usize = 64;

    /// The first `length` bytes.
    pub(crate) fn bytes(&self, length: usize) -> &[u8] {
        self.0.get(..length).unwrap_or(&self.0)
    }

    /// The place of the first `length` bytes.
    pub(crate) fn first(&mut self, length: usize) -> &mut [u8] {
        self.0.get_mut(..length).unwrap_or_default()
    }

    /// Compares in constant time: all differences are gathered before any is looked at.
    pub(crate) fn matches(&self, other: &Self) -> Choice {
        let (mine, _) = self.0.as_chunks::<8>();
        let (theirs, _) = other.0.as_chunks::<8>();
        let pairs = mine.iter().zip(theirs);
        let difference = pairs.fold(0, |seen, (mine, theirs)| {
            seen | u64::from_ne_bytes(*mine) ^ u64::from_ne_bytes(*theirs)
        });
        difference.ct_eq(&0)
    }

    /// A tag that begins with these bytes and has nothing after them.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut tag = Self::default();
        if let Some(place) = tag.0.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
        tag
    }
}

impl Default for Tag {
    fn default() -> Self {
        Self([0; Self::ROOM])
    }
}

/// A secret, worked into the state from which every MAC under it starts.
#[derive(Clone)]
pub(crate) enum MacKey {
    Sha1(Box<Hmac<Sha1>>),
    Sha256(Box<Hmac<Sha256>>),
    Sha512(Box<Hmac<Sha512>>),
}

impl MacKey {
    /// The state for `digest`, unless that is not a MAC.
    pub(crate) fn new(digest: Digest, secret: &[u8]) -> Option<Self> {
        match digest {
            Digest::Ed25519 => None,
            Digest::HmacSha1 => Some(Self::Sha1(Box::new(keyed(secret)))),
            Digest::HmacSha256 => Some(Self::sha256(secret)),
            Digest::HmacSha512 => Some(Self::Sha512(Box::new(keyed(secret)))),
        }
    }

    /// The state for HMAC-SHA-256.
    pub(crate) fn sha256(secret: &[u8]) -> Self {
        Self::Sha256(Box::new(keyed(secret)))
    }

    /// The MAC of the pieces in a row.
    pub(crate) fn tag<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Tag {
        match self {
            Self::Sha1(key) => finish(Hmac::clone(key), pieces),
            Self::Sha256(key) => finish(Hmac::clone(key), pieces),
            Self::Sha512(key) => finish(Hmac::clone(key), pieces),
        }
    }
}

fn keyed<M: KeyInit>(secret: &[u8]) -> M {
    M::new_from_slice(secret).expect("HMAC takes a key of any length")
}

fn finish<'a>(mut mac: impl Mac, pieces: impl IntoIterator<Item = &'a [u8]>) -> Tag {
    pieces.into_iter().for_each(|piece| mac.update(piece));
    Tag::of(&mac.finalize().into_bytes())
}

/// A public key.
#[cfg(feature = "ed25519")]
#[derive(Clone)]
pub(crate) struct PublicKey(Box<ed25519_dalek::VerifyingKey>);

#[cfg(feature = "ed25519")]
impl PublicKey {
    /// Reads 32 bytes that are a point fit for signatures.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes.try_into().ok()?).ok()?;
        (!key.is_weak()).then(|| Self(Box::new(key)))
    }

    /// Whether `tag` signs the pieces in a row; refuses signatures that are not canonical.
    pub(crate) fn verifies<'a>(
        &self,
        tag: &Tag,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&tag.0);
        let Ok(mut verifier) = self.0.verify_stream(&signature) else {
            return false;
        };
        pieces.into_iter().for_each(|piece| verifier.update(piece));
        verifier.finalize_and_verify().is_ok()
    }
}

/// The SHA-256 of the pieces in a row.
pub(crate) fn sha256<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    pieces.into_iter().for_each(|piece| hash.update(piece));
    hash.finalize().into()
}

/// The first 16 bytes.
pub(crate) fn first_half(bytes: &[u8]) -> [u8; 16] {
    bytes.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
