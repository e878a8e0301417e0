//! Digests, MACs and their comparison: the only file that names cryptography.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};

use crate::Secret;

pub(crate) mod certificate;
#[cfg(feature = "ed25519")]
mod private;
#[cfg(any(feature = "ecdsa", feature = "ed25519", feature = "rsa"))]
mod public;

#[cfg(feature = "ed25519")]
pub(crate) use private::PrivateKey;
#[cfg(any(feature = "ecdsa", feature = "ed25519", feature = "rsa"))]
pub(crate) use public::PublicKey;
#[cfg(all(test, any(feature = "ecdsa", feature = "ed25519", feature = "rsa")))]
pub(crate) use public::checks as public_checks;

/// What makes a signature.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Digest {
    /// ECDSA over P-256 with SHA-256, its two numbers in DER.
    EcdsaP256,
    /// The same, the two numbers one after the other.
    EcdsaP256Fixed,
    Ed25519,
    HmacSha1,
    HmacSha256,
    HmacSha512,
    /// RSA with PKCS #1 v1.5.
    RsaSha1,
    RsaSha256,
    RsaSha512,
    /// A hash of a message that has the secret in it.
    Sha1,
    Sha256,
    /// No signature: the secret itself is sent.
    Token,
}

impl Digest {
    /// Whether such signatures can be made here.
    pub(crate) fn can_sign(self) -> bool {
        !matches!(
            self,
            Self::EcdsaP256
                | Self::EcdsaP256Fixed
                | Self::RsaSha1
                | Self::RsaSha256
                | Self::RsaSha512
        )
    }

    /// Whether a public key verifies such signatures.
    pub(crate) fn is_public(self) -> bool {
        self == Self::Ed25519 || !self.can_sign()
    }

    /// The length of a signature in bytes, where all have the same.
    pub(crate) fn length(self) -> Option<usize> {
        match self {
            Self::HmacSha1 | Self::Sha1 => Some(20),
            Self::HmacSha256 | Self::Sha256 => Some(32),
            Self::HmacSha512 | Self::Ed25519 | Self::EcdsaP256Fixed => Some(64),
            Self::EcdsaP256 | Self::RsaSha1 | Self::RsaSha256 | Self::RsaSha512 | Self::Token => {
                None
            }
        }
    }
}

#[cfg(not(any(feature = "ecdsa", feature = "ed25519", feature = "rsa")))]
impl Digest {
    /// The cargo feature that signatures with public keys need.
    pub(crate) fn feature(self) -> &'static str {
        match self {
            Self::EcdsaP256 | Self::EcdsaP256Fixed => "ecdsa",
            Self::RsaSha1 | Self::RsaSha256 | Self::RsaSha512 => "rsa",
            _ => "ed25519",
        }
    }
}

/// A signature: made here or decoded from a request. It has no `==`.
#[derive(Clone, Copy)]
#[repr(align(8))]
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

    /// Compares in constant time, all of it and a word at a time.
    pub(crate) fn matches(&self, other: &Self) -> Choice {
        let (mine, _) = self.0.as_chunks::<8>();
        let (theirs, _) = other.0.as_chunks::<8>();
        let pairs = mine.iter().zip(theirs);
        pairs.fold(Choice::from(1), |same, (mine, theirs)| {
            same & u64::from_ne_bytes(*mine).ct_eq(&u64::from_ne_bytes(*theirs))
        })
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
            Digest::HmacSha1 => Some(Self::Sha1(Box::new(keyed(secret)))),
            Digest::HmacSha256 => Some(Self::sha256(secret)),
            Digest::HmacSha512 => Some(Self::Sha512(Box::new(keyed(secret)))),
            _ => None,
        }
    }

    /// The state for HMAC-SHA-256.
    pub(crate) fn sha256(secret: &[u8]) -> Self {
        Self::Sha256(Box::new(keyed(secret)))
    }

    /// How many bytes its MACs have.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Sha1(_) => 20,
            Self::Sha256(_) => 32,
            Self::Sha512(_) => 64,
        }
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

/// A secret that is part of the messages which are hashed.
#[derive(Clone)]
pub(crate) enum HashKey {
    Sha1(Secret),
    Sha256(Secret),
}

impl HashKey {
    /// The key for `digest`, unless that is not a plain hash.
    pub(crate) fn new(digest: Digest, secret: &[u8]) -> Option<Self> {
        match digest {
            Digest::Sha1 => Some(Self::Sha1(Secret::new(secret))),
            Digest::Sha256 => Some(Self::Sha256(Secret::new(secret))),
            _ => None,
        }
    }

    pub(crate) fn secret(&self) -> &[u8] {
        match self {
            Self::Sha1(secret) | Self::Sha256(secret) => secret.expose(),
        }
    }

    /// The hash of the pieces in a row.
    pub(crate) fn tag<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Tag {
        match self {
            Self::Sha1(_) => Tag::of(&hashed::<Sha1>(pieces)),
            Self::Sha256(_) => Tag::of(&hashed::<Sha256>(pieces)),
        }
    }
}

/// The SHA-1 of a text.
pub(crate) fn sha1(text: &[u8]) -> [u8; 20] {
    Sha1::digest(text).into()
}

fn hashed<'a, D: sha2::Digest>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> {
    let mut hash = D::new();
    pieces.into_iter().for_each(|piece| hash.update(piece));
    hash.finalize()
}

/// How a SubjectPublicKeyInfo of a P-256 key begins; a point follows.
pub(crate) const P256_INFO: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

/// How a SubjectPublicKeyInfo says that its key is one for RSA.
pub(crate) const RSA_INFO: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

/// The SHA-256 of the pieces in a row.
pub(crate) fn sha256<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    pieces.into_iter().for_each(|piece| hash.update(piece));
    hash.finalize().into()
}

/// Whether two texts are the same, in a time that depends on their lengths only.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    sha256([one]).ct_eq(&sha256([other])).into()
}

/// The first 16 bytes.
pub(crate) fn first_half(bytes: &[u8]) -> [u8; 16] {
    bytes.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
