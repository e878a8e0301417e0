//! Signatures that a private key makes: Ed25519 only.

use crate::KeyProblem;

/// A private key of Ed25519.
pub(crate) struct PrivateKey(Box<ed25519_dalek::SigningKey>);

impl PrivateKey {
    /// Reads a seed with its public key after it, which has to belong to it: a public key alone, of
    /// 32 bytes as a seed has, is never taken for a private one.
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, KeyProblem> {
        let key = bytes
            .try_into()
            .ok()
            .and_then(|bytes| ed25519_dalek::SigningKey::from_keypair_bytes(bytes).ok());
        key.map(|key| Self(Box::new(key)))
            .ok_or(KeyProblem::Encoding(
                "an Ed25519 private key of 64 bytes, the seed and then the public key",
            ))
    }

    /// The signature of the pieces in a row.
    pub(crate) fn sign<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> [u8; 64] {
        use ed25519_dalek::Signer;

        let message: Vec<&[u8]> = pieces.into_iter().collect();
        self.0.sign(&message.concat()).to_bytes()
    }
}
