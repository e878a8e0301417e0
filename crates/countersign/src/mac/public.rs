//! Signatures that a public key verifies.

use super::Digest;
use crate::KeyProblem;

/// A public key, for one kind of signature.
#[derive(Clone)]
pub(crate) enum PublicKey {
    #[cfg(feature = "ecdsa")]
    Ecdsa(Box<p256::ecdsa::VerifyingKey>, SignatureText),
    #[cfg(feature = "ed25519")]
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    #[cfg(feature = "rsa")]
    Rsa(std::sync::Arc<rsa::Key>),
}

/// How the two numbers of an ECDSA signature are put together.
#[cfg(feature = "ecdsa")]
#[derive(Clone, Copy)]
pub(crate) enum SignatureText {
    Der,
    Fixed,
}

impl PublicKey {
    /// Reads a key: 32 bytes for Ed25519, a SubjectPublicKeyInfo for the others.
    pub(crate) fn new(digest: Digest, bytes: &[u8]) -> Result<Self, KeyProblem> {
        match digest {
            Digest::EcdsaP256 => ecdsa(bytes, false),
            Digest::EcdsaP256Fixed => ecdsa(bytes, true),
            Digest::RsaSha1 | Digest::RsaSha256 | Digest::RsaSha512 => rsa_key(digest, bytes),
            _ => ed25519(bytes),
        }
    }

    /// Whether `signature` is one of the pieces in a row; what is not canonical is refused.
    pub(crate) fn verifies<'a>(
        &self,
        signature: &[u8],
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> bool {
        #[cfg(test)]
        CHECKS.set(CHECKS.get().wrapping_add(1));
        match self {
            #[cfg(feature = "ecdsa")]
            Self::Ecdsa(key, text) => {
                use p256::ecdsa::signature::hazmat::PrehashVerifier;

                let signature = match text {
                    SignatureText::Der => p256::ecdsa::Signature::from_der(signature),
                    SignatureText::Fixed => p256::ecdsa::Signature::from_slice(signature),
                };
                signature.is_ok_and(|signature| {
                    key.verify_prehash(&super::sha256(pieces), &signature)
                        .is_ok()
                })
            }
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => {
                let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else {
                    return false;
                };
                let Ok(mut verifier) = key.verify_stream(&signature) else {
                    return false;
                };
                pieces.into_iter().for_each(|piece| verifier.update(piece));
                verifier.finalize_and_verify().is_ok()
            }
            #[cfg(feature = "rsa")]
            Self::Rsa(key) => key.verifies(signature, pieces),
        }
    }
}

/// How often a public key was held against a signature by this thread.
#[cfg(test)]
pub(crate) fn checks() -> usize {
    CHECKS.get()
}

#[cfg(test)]
std::thread_local! {
    static CHECKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(feature = "ed25519")]
fn ed25519(bytes: &[u8]) -> Result<PublicKey, KeyProblem> {
    let key = bytes
        .try_into()
        .ok()
        .and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).ok());
    key.filter(|key| is_sound(key, bytes))
        .map(|key| PublicKey::Ed25519(Box::new(key)))
        .ok_or(KeyProblem::Encoding("an Ed25519 public key of 32 bytes"))
}

/// Whether a key is a point of the large group in its one spelling: only then do all verifiers agree
/// about its signatures.
#[cfg(feature = "ed25519")]
fn is_sound(key: &ed25519_dalek::VerifyingKey, bytes: &[u8]) -> bool {
    let point = key.to_edwards();
    !key.is_weak() && point.is_torsion_free() && point.compress().as_bytes() == bytes
}

#[cfg(not(feature = "ed25519"))]
fn ed25519(_bytes: &[u8]) -> Result<PublicKey, KeyProblem> {
    Err(KeyProblem::NotBuilt("ed25519"))
}

#[cfg(feature = "ecdsa")]
fn ecdsa(bytes: &[u8], fixed: bool) -> Result<PublicKey, KeyProblem> {
    let text = match fixed {
        true => SignatureText::Fixed,
        false => SignatureText::Der,
    };
    bytes
        .strip_prefix(super::P256_INFO)
        .and_then(|point| p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok())
        .map(|key| PublicKey::Ecdsa(Box::new(key), text))
        .ok_or(KeyProblem::Encoding("a public key of the curve P-256"))
}

#[cfg(not(feature = "ecdsa"))]
fn ecdsa(_bytes: &[u8], _fixed: bool) -> Result<PublicKey, KeyProblem> {
    Err(KeyProblem::NotBuilt("ecdsa"))
}

#[cfg(feature = "rsa")]
fn rsa_key(digest: Digest, bytes: &[u8]) -> Result<PublicKey, KeyProblem> {
    rsa::Key::new(digest, bytes)
        .map(|key| PublicKey::Rsa(std::sync::Arc::new(key)))
        .ok_or(KeyProblem::Encoding(
            "an RSA public key of 2048 to 8192 bits",
        ))
}

#[cfg(not(feature = "rsa"))]
fn rsa_key(_digest: Digest, _bytes: &[u8]) -> Result<PublicKey, KeyProblem> {
    Err(KeyProblem::NotBuilt("rsa"))
}

#[cfg(feature = "rsa")]
mod rsa {
    //! RSA with PKCS #1 v1.5, by aws-lc-rs.

    use aws_lc_rs::digest::{Algorithm, Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
    use aws_lc_rs::rsa::PublicEncryptingKey;
    use aws_lc_rs::signature::{
        ParsedPublicKey, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA512, RsaParameters,
    };

    use super::Digest;

    pub(crate) struct Key {
        key: ParsedPublicKey,
        hash: &'static Algorithm,
    }

    impl Key {
        pub(super) fn new(digest: Digest, bytes: &[u8]) -> Option<Self> {
            let (parameters, hash): (&'static RsaParameters, _) = match digest {
                Digest::RsaSha1 => (
                    &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                    &SHA1_FOR_LEGACY_USE_ONLY,
                ),
                Digest::RsaSha512 => (&RSA_PKCS1_2048_8192_SHA512, &SHA512),
                _ => (&RSA_PKCS1_2048_8192_SHA256, &SHA256),
            };
            // Verifying would find out, too late for whoever gave the key.
            let size = PublicEncryptingKey::from_der(bytes).ok()?.key_size_bits();
            let key = ParsedPublicKey::new(parameters, bytes).ok()?;
            (2048..=8192).contains(&size).then_some(Self { key, hash })
        }

        pub(super) fn verifies<'a>(
            &self,
            signature: &[u8],
            pieces: impl IntoIterator<Item = &'a [u8]>,
        ) -> bool {
            let mut hash = Context::new(self.hash);
            pieces.into_iter().for_each(|piece| hash.update(piece));
            self.key
                .verify_digest_sig(&hash.finish(), signature)
                .is_ok()
        }
    }
}
