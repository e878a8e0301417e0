//! Keys that sign: what each makes of a message.

use std::time::SystemTime;

use crate::key::{Material, Validity};
#[cfg(feature = "ed25519")]
use crate::mac::PrivateKey;
use crate::mac::{Digest, HashKey, MacKey};
use crate::message::Message;
use crate::plan::material;
use crate::scheme::Rule;
use crate::{Key, KeyError, KeyId, KeyProblem, Secret};

/// A key, ready for signing.
pub(super) struct SigningKey {
    pub(super) id: KeyId,
    validity: Validity,
    /// The labels that its signatures may have.
    labels: Vec<String>,
    maker: Maker,
    length: usize,
}

/// What makes a signature.
enum Maker {
    #[cfg(feature = "ed25519")]
    Ed25519(PrivateKey),
    Hash(HashKey),
    Mac(MacKey),
    /// The secret itself is sent along.
    Token(Secret),
}

impl SigningKey {
    /// Reads a key by the first rule whose form it has.
    pub(super) fn new(key: &Key, rules: &[Rule]) -> Result<Self, KeyError> {
        let problem = |problem| KeyError::of(key.id(), problem);
        let Material::Secret(secret) = key.material() else {
            return Err(problem(KeyProblem::Hashed));
        };
        let whole = secret.expose();
        let (rule, text) = rule_of(key.id(), whole, rules).map_err(problem)?;
        let materials = material::read(&rule.key, text, whole).map_err(problem)?;
        let bytes = materials
            .first()
            .map(|material| &*material.bytes)
            .ok_or_else(|| problem(KeyProblem::Empty))?;
        key.check_strength(bytes)?;
        key.check_strength(text)?;
        Ok(Self {
            id: key.id().clone(),
            validity: key.validity(),
            labels: match rule.label_is_key {
                true => vec![key.id().as_str().to_owned()],
                false => rule.label.iter().cloned().collect(),
            },
            maker: Maker::new(rule.digest, bytes).map_err(problem)?,
            length: rule.digest.length().unwrap_or_default(),
        })
    }

    pub(super) fn is_active(&self, now: SystemTime) -> bool {
        self.validity.covers(now)
    }

    /// The label of this key's signature, where so many other keys sign under the same labels
    /// before it.
    pub(super) fn label(&self, before: usize) -> &str {
        let label = self.labels.get(before).or(self.labels.last());
        label.map_or("", String::as_str)
    }

    /// Whether another key signs under the same labels.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.labels == other.labels
    }

    /// The signature of a message.
    pub(super) fn sign(&self, message: Message<'_>) -> Vec<u8> {
        match &self.maker {
            #[cfg(feature = "ed25519")]
            Maker::Ed25519(key) => key.sign(message.pieces()).to_vec(),
            Maker::Hash(hash) => {
                let message = message.with_secret(hash.secret());
                hash.tag(message.pieces()).bytes(self.length).to_vec()
            }
            Maker::Mac(mac) => mac.tag(message.pieces()).bytes(self.length).to_vec(),
            Maker::Token(secret) => secret.expose().to_vec(),
        }
    }
}

impl Maker {
    fn new(digest: Digest, bytes: &[u8]) -> Result<Self, KeyProblem> {
        let hash = || HashKey::new(digest, bytes).map(Self::Hash);
        let mac = || MacKey::new(digest, bytes).map(Self::Mac);
        match digest {
            Digest::Token => Ok(Self::Token(Secret::new(bytes))),
            #[cfg(feature = "ed25519")]
            Digest::Ed25519 => PrivateKey::new(bytes).map(Self::Ed25519),
            #[cfg(not(feature = "ed25519"))]
            Digest::Ed25519 => Err(KeyProblem::NotBuilt("ed25519")),
            _ => hash().or_else(mac).ok_or(KeyProblem::Public),
        }
    }
}

/// The first rule whose form of private key this text has, and the text without its prefix.
fn rule_of<'a, 'r>(
    id: &KeyId,
    text: &'a [u8],
    rules: &'r [Rule],
) -> Result<(&'r Rule, &'a [u8]), KeyProblem> {
    for rule in rules {
        let form = &rule.key;
        if form.id.as_deref().is_some_and(|owner| owner != id.as_str()) {
            continue;
        }
        let public = form.prefix.as_deref().unwrap_or_default();
        if form.private.is_some() && !public.is_empty() && text.starts_with(public.as_bytes()) {
            return Err(KeyProblem::Public);
        }
        let prefix = form.private.as_deref().unwrap_or(public);
        match text.strip_prefix(prefix.as_bytes()) {
            None if !form.optional => {}
            bare => return Ok((rule, bare.unwrap_or(text))),
        }
    }
    Err(KeyProblem::UnknownPrefix)
}
