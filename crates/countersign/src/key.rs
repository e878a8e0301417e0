//! The keys of a flow: several at once while a secret is being rotated.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::{MAX_KEYS, Scheme, Secret, encoding, plan};

mod problem;
mod validity;

use problem::MIN_SECRET;
pub use problem::{KeyError, KeyProblem};
pub use validity::Validity;

/// The name of a key, for logs and for telling which key matched: `[A-Za-z0-9._-]{1,64}`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// Checks the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyId> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if text.is_empty() || text.len() > 64 || !text.bytes().all(known) {
            return Err(InvalidKeyId(()));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not a [`KeyId`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidKeyId(());

impl fmt::Display for InvalidKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key id has 1 to 64 letters, digits, dots, underscores or hyphens")
    }
}

impl Error for InvalidKeyId {}

/// A secret with a name and, if wanted, a time in which it counts.
#[derive(Clone, Debug)]
pub struct Key {
    id: KeyId,
    material: Material,
    validity: Validity,
    token_name: Option<Arc<str>>,
    weak: bool,
}

impl Key {
    /// A key that counts from now on and for ever.
    pub fn new(id: KeyId, secret: Secret) -> Self {
        Self::of(id, Material::Secret(secret))
    }

    /// An API key of which only the SHA-256 is known, written in hex.
    ///
    /// It serves an [`ApiKey`](crate::ApiKey) only: no signature can be made from a hash.
    pub fn hashed(id: KeyId, sha256: &str) -> Result<Self, KeyError> {
        let mut digest = [0; 32];
        if !encoding::decode_hex(sha256.as_bytes(), &mut digest) {
            return Err(KeyError::of(&id, KeyProblem::Encoding("64 hex digits")));
        }
        Ok(Self::of(id, Material::Sha256(digest)))
    }

    /// A public key that is fetched for each request, from where the scheme says.
    ///
    /// It has to be the only key of its keyring.
    pub fn fetched(id: KeyId) -> Self {
        Self::of(id, Material::Fetched(None))
    }

    /// The same from this URL, on a host that the scheme allows; for schemes whose requests name none.
    pub fn fetched_from(id: KeyId, url: &str) -> Self {
        Self::of(id, Material::Fetched(Some(url.into())))
    }

    fn of(id: KeyId, material: Material) -> Self {
        Self {
            id,
            material,
            validity: Validity::default(),
            token_name: None,
            weak: false,
        }
    }

    /// Sets the first instant at which the key counts; a certificate never does before its own time.
    #[must_use]
    pub fn not_before(mut self, time: SystemTime) -> Self {
        self.validity.not_before = Some(time);
        self
    }

    /// Sets the first instant at which the key counts no longer; a certificate never does after its own time.
    #[must_use]
    pub fn not_after(mut self, time: SystemTime) -> Self {
        self.validity.not_after = Some(time);
        self
    }

    /// Sets the name by which tokens mean this key, their `kid`: it verifies none that means another.
    ///
    /// JSON Web Keys bring their own. Without a name it may be meant by any.
    #[must_use]
    pub fn in_tokens(mut self, name: &str) -> Self {
        self.token_name = Some(name.into());
        self
    }

    /// Lets the secret be shorter than 16 bytes; an empty one is refused all the same.
    #[must_use]
    pub fn allow_weak(mut self) -> Self {
        self.weak = true;
        self
    }

    /// The key's name.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The secret, where more than its hash is known.
    pub fn secret(&self) -> Option<&Secret> {
        match &self.material {
            Material::Secret(secret) => Some(secret),
            Material::Fetched(_) | Material::Sha256(_) => None,
        }
    }

    /// What the scheme makes of the secret's text, in each way in which it signs: what is decoded, without the prefix
    /// that marks its kind. Nothing where the key does not fit.
    ///
    /// It tells whether two secrets are one however they are spelled: a key is what it is read as.
    pub fn readings(&self, scheme: &Scheme) -> Vec<Secret> {
        let forms = scheme.forms().iter();
        let materials = forms.filter_map(|form| plan::read_key(self, form).ok());
        let bytes = materials.flatten().map(|material| material.bytes);
        bytes.map(|bytes| Secret::new(&**bytes)).collect()
    }

    /// Whether the scheme takes it for a public key: others may well have the same.
    pub fn is_public(&self, scheme: &Scheme) -> bool {
        let mut forms = scheme.forms().iter();
        forms.all(|form| plan::is_public(self, form))
    }

    /// Where to fetch it from, if its owner says so.
    pub(crate) fn url(&self) -> Option<&str> {
        match &self.material {
            Material::Fetched(url) => url.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn token_name(&self) -> Option<&str> {
        self.token_name.as_deref()
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    pub(crate) fn validity(&self) -> Validity {
        self.validity
    }

    /// Refuses key material that is empty, or short and not excused.
    pub(crate) fn check_strength(&self, material: &[u8]) -> Result<(), KeyError> {
        let problem = match material.len() {
            0 => KeyProblem::Empty,
            length if length < MIN_SECRET && !self.weak => KeyProblem::Short(length),
            _ => return Ok(()),
        };
        Err(KeyError::of(&self.id, problem))
    }
}

/// What a key is made of.
#[derive(Clone)]
pub(crate) enum Material {
    /// Nothing is known but, perhaps, the URL.
    Fetched(Option<Arc<str>>),
    Secret(Secret),
    Sha256([u8; 32]),
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fetched(_) => "Fetched(..)",
            Self::Secret(_) => "Secret(..)",
            Self::Sha256(_) => "Sha256(..)",
        })
    }
}

/// One to four keys with different names; any of them may verify a request.
#[derive(Clone, Debug)]
pub struct Keyring(Vec<Key>);

impl Keyring {
    /// Collects keys; the first one also names repeats of a message (see [`ReplayKey`](crate::ReplayKey)).
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, KeyError> {
        let mut ring = Vec::with_capacity(MAX_KEYS);
        for key in keys {
            if ring.len() == MAX_KEYS {
                return Err(KeyError::of(&key.id, KeyProblem::TooMany));
            }
            if ring.iter().any(|other: &Key| other.id == key.id) {
                return Err(KeyError::of(&key.id, KeyProblem::DuplicateId));
            }
            ring.push(key);
        }
        if ring.is_empty() {
            return Err(KeyError::none());
        }
        Ok(Self(ring))
    }

    /// One key, named `default`, that counts for ever.
    pub fn single(secret: Secret) -> Self {
        Self(vec![Key::new(KeyId("default".into()), secret)])
    }

    /// No key yet: whoever verifies with it refuses everything until there is one.
    ///
    /// For receivers whose sender brings the secret, by one of its [`Handshakes`](crate::Handshakes).
    pub fn awaiting() -> Self {
        Self(Vec::new())
    }

    /// The keys in order.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }
}
