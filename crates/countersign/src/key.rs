//! The keys of a flow: several at once while a secret is being rotated.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::{MAX_KEYS, Secret, encoding};

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

    /// Sets the first instant at which the key counts.
    #[must_use]
    pub fn not_before(mut self, time: SystemTime) -> Self {
        self.validity.not_before = Some(time);
        self
    }

    /// Sets the first instant at which the key counts no longer.
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

/// When a key counts: from `not_before` on, up to and without `not_after`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Validity {
    not_before: Option<SystemTime>,
    not_after: Option<SystemTime>,
}

impl Validity {
    /// The first instant at which the key counts; none where it always has.
    pub fn not_before(&self) -> Option<SystemTime> {
        self.not_before
    }

    /// The first instant at which the key counts no longer; none where it always will.
    pub fn not_after(&self) -> Option<SystemTime> {
        self.not_after
    }

    /// Whether the key counts at this instant.
    pub fn covers(&self, now: SystemTime) -> bool {
        self.not_before.is_none_or(|first| first <= now)
            && self.not_after.is_none_or(|end| now < end)
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

/// A key that cannot be used, and what to do about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyError {
    owner: Owner,
    problem: KeyProblem,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Owner {
    Key(KeyId),
    Nobody,
    User(String),
}

impl KeyError {
    pub(crate) fn of(key: &KeyId, problem: KeyProblem) -> Self {
        Self {
            owner: Owner::Key(key.clone()),
            problem,
        }
    }

    pub(crate) fn of_user(name: &str, problem: KeyProblem) -> Self {
        Self {
            owner: Owner::User(name.to_owned()),
            problem,
        }
    }

    pub(crate) fn none() -> Self {
        Self {
            owner: Owner::Nobody,
            problem: KeyProblem::None,
        }
    }

    /// The key in question, if it is one.
    pub fn key(&self) -> Option<&KeyId> {
        match &self.owner {
            Owner::Key(key) => Some(key),
            Owner::Nobody | Owner::User(_) => None,
        }
    }

    /// The kind of problem.
    pub fn problem(&self) -> &KeyProblem {
        &self.problem
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Owner::Key(key) => write!(f, "key `{key}` {}", self.problem),
            Owner::Nobody => self.problem.fmt(f),
            Owner::User(name) => write!(f, "user `{}` {}", name.escape_debug(), self.problem),
        }
    }
}

impl Error for KeyError {}

/// The kinds of [`KeyError`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyProblem {
    /// Two keys have one name.
    DuplicateId,
    /// The secret is empty.
    Empty,
    /// The secret is not in the form named here.
    Encoding(&'static str),
    /// The secret has another length than the sender's have.
    Length {
        /// How many bytes such a key has.
        wanted: usize,
        /// How many bytes this one has.
        found: usize,
    },
    /// The key is to be fetched, and this kind of authentication knows no place for it.
    NotFetchable(&'static str),
    /// Only a hash of the secret is known, which can sign and verify nothing.
    Hashed,
    /// There is no key at all.
    None,
    /// The key is for a kind of signature that this build leaves out.
    NotBuilt(&'static str),
    /// The key verifies signatures and cannot make any.
    Public,
    /// The secret has only this many bytes.
    Short(usize),
    /// There are more than [`MAX_KEYS`] keys.
    TooMany,
    /// A user name that holds a colon, which basic authentication cannot carry.
    UserWithColon,
    /// No kind of key that the scheme knows begins like this one.
    UnknownPrefix,
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateId => write!(f, "is there twice; give each key an id of its own"),
            Self::Empty => write!(f, "has an empty secret; anybody could sign with it"),
            Self::Encoding(form) => {
                write!(f, "does not hold {form}; copy it again from the sender")
            }
            Self::NotFetchable(why) => write!(f, "cannot be fetched: {why}"),
            Self::Hashed => write!(f, "is only a hash; a signature needs the secret itself"),
            Self::Length { wanted, found } => write!(
                f,
                "has {found} bytes where such keys have {wanted}; copy it again from the sender"
            ),
            Self::None => write!(f, "there is no key; configure at least one"),
            Self::NotBuilt(feature) => {
                write!(f, "needs a build with the cargo feature `{feature}`")
            }
            Self::Public => write!(f, "is a public key; it can verify but not sign"),
            Self::Short(length) => write!(
                f,
                "has a secret of {length} bytes where {MIN_SECRET} are the least; use a longer one \
                 or allow a weak secret for this key"
            ),
            Self::TooMany => write!(f, "is one too many; at most {MAX_KEYS} keys are tried"),
            Self::UserWithColon => {
                write!(
                    f,
                    "a user name holds a colon; basic authentication cannot carry it"
                )
            }
            Self::UnknownPrefix => {
                write!(
                    f,
                    "does not begin like any kind of key that the scheme knows"
                )
            }
        }
    }
}

/// The least number of bytes of key material, unless the key is excused.
const MIN_SECRET: usize = crate::MIN_SECRET;
