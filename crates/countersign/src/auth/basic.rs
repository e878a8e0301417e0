//! HTTP basic authentication (RFC 7617): users with passwords, compared without telling by time.

use std::fmt;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::given::Doubt;
use crate::mac::{MacKey, Tag, sha256};
use crate::message::only_line;
use crate::{
    KeyError, KeyId, KeyProblem, MAX_HEADER, Reason, Rejection, Secret, Signed, Validity, Verified,
    encoding,
};

/// The users that may send, with their passwords.
///
/// Only keyed hashes are kept and compared. All users are tried and both halves always compared, so
/// that neither a name's existence nor a password's length shows in the time an answer takes.
///
/// There may be users besides, whose passwords somebody else checks: see [`or_asks`](Self::or_asks).
#[derive(Clone)]
pub struct Basic {
    asks: bool,
    key: MacKey,
    users: Vec<User>,
}

#[derive(Clone)]
struct User {
    id: Option<KeyId>,
    name: Tag,
    password: Tag,
}

impl Basic {
    /// Takes users with passwords of at least 16 bytes; the name is split off at the first colon.
    pub fn new(users: impl IntoIterator<Item = (String, Secret)>) -> Result<Self, KeyError> {
        Self::build(users, MIN_PASSWORD)
    }

    /// The same with shorter passwords allowed; empty ones are refused all the same.
    pub fn with_weak_passwords(
        users: impl IntoIterator<Item = (String, Secret)>,
    ) -> Result<Self, KeyError> {
        Self::build(users, 1)
    }

    /// Nobody whose password is known here.
    ///
    /// Whoever checks passwords is asked about every request: see [`Auth::judge`](crate::Auth::judge).
    pub fn asking() -> Self {
        Self {
            asks: true,
            key: hashing_key(&[]),
            users: Vec::new(),
        }
    }

    /// Has whoever checks passwords asked about requests of no user known here.
    #[must_use]
    pub fn or_asks(mut self) -> Self {
        self.asks = true;
        self
    }

    fn build(
        users: impl IntoIterator<Item = (String, Secret)>,
        least: usize,
    ) -> Result<Self, KeyError> {
        let users: Vec<(String, Secret)> = users.into_iter().collect();
        if users.is_empty() {
            return Err(KeyError::none());
        }
        let key = hashing_key(&users);
        let mut known: Vec<User> = Vec::with_capacity(users.len());
        for (name, password) in &users {
            let refuse = |problem| KeyError::of_user(name, problem);
            let user = User {
                name: key.tag([name.as_bytes()]),
                password: key.tag([password.expose()]),
                id: KeyId::parse(name).ok(),
            };
            match password.expose().len() {
                0 => return Err(refuse(KeyProblem::Empty)),
                length if length < least => return Err(refuse(KeyProblem::Short(length))),
                _ if name.contains(':') => return Err(refuse(KeyProblem::UserWithColon)),
                _ if known
                    .iter()
                    .any(|other| other.name.matches(&user.name).into()) =>
                {
                    return Err(refuse(KeyProblem::DuplicateId));
                }
                _ => known.push(user),
            }
        }
        Ok(Self {
            asks: false,
            key,
            users: known,
        })
    }

    pub(super) fn asks(&self) -> bool {
        self.asks
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (KeyId, Validity)> {
        let ids = self.users.iter().filter_map(|user| user.id.clone());
        ids.map(|id| (id, Validity::default()))
    }

    pub(super) fn check_head(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        let mut buffer = Zeroizing::new([0; MAX_HEADER]);
        credentials(headers, &mut *buffer)?;
        Ok(())
    }

    pub(super) fn verify(
        &self,
        request: &Signed<'_>,
        answer: Option<bool>,
    ) -> Result<Verified, Doubt> {
        let mut buffer = Zeroizing::new([0; MAX_HEADER]);
        let (user, sent) = credentials(request.headers, &mut *buffer)?;
        let (name, password) = (self.key.tag([user]), self.key.tag([sent]));
        let mut matching = None;
        for known in &self.users {
            let both = known.name.matches(&name) & known.password.matches(&password);
            if both.into() {
                matching = Some(known);
            }
        }
        match (matching, answer) {
            (Some(known), _) => Ok(Verified::unsigned(known.id.clone())),
            // Nobody has no password, whatever a hash says.
            (None, _) if !self.asks || sent.is_empty() => Err(Reason::BadCredentials.into()),
            (None, None) => Err(Doubt::Asks),
            (None, Some(false)) => Err(Reason::BadCredentials.into()),
            (None, Some(true)) => {
                let name = str::from_utf8(user).unwrap_or_default();
                Ok(Verified::unsigned(KeyId::parse(name).ok()))
            }
        }
    }
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basic")
            .field("users", &self.users.len())
            .field("asks", &self.asks)
            .finish_non_exhaustive()
    }
}

/// Name and password of the one `Authorization: Basic` line.
pub(crate) fn credentials<'a>(
    headers: &HeaderMap,
    buffer: &'a mut [u8],
) -> Result<(&'a [u8], &'a [u8]), Reason> {
    let malformed = Reason::MalformedCredentials;
    let text = authorization(headers, b"basic")?;
    let pair = encoding::decode_credential(text, buffer).ok_or(malformed)?;
    let mut halves = pair.splitn(2, |byte| *byte == b':');
    halves.next().zip(halves.next()).ok_or(malformed)
}

/// What follows the given scheme in the one `Authorization` line; the scheme is in lower case.
pub(super) fn authorization<'a>(headers: &'a HeaderMap, scheme: &[u8]) -> Result<&'a [u8], Reason> {
    let line = only_line(headers, &AUTHORIZATION).map_err(|reason| match reason {
        Reason::MissingHeader => Reason::MissingCredentials,
        other => other,
    })?;
    match line.split_at_checked(scheme.len()) {
        Some((name, [b' ', text @ ..])) if name.eq_ignore_ascii_case(scheme) => {
            Ok(text.trim_ascii_start())
        }
        _ => Err(Reason::MalformedCredentials),
    }
}

/// A key for the hashes: it differs from one set of users to another and no sender knows it.
///
/// There is no source of randomness here and none is needed: what the key is for is that nobody can
/// choose inputs whose hashes share a beginning with a stored one, and who knows every password
/// has no use for that.
fn hashing_key(users: &[(String, Secret)]) -> MacKey {
    let hashes: Vec<u8> = users
        .iter()
        .flat_map(|(name, password)| [sha256([name.as_bytes()]), sha256([password.expose()])])
        .flatten()
        .collect();
    let hashes = Zeroizing::new(hashes);
    MacKey::sha256(&*Zeroizing::new(sha256([
        b"countersign basic".as_slice(),
        &hashes,
    ])))
}

/// The least number of bytes of a password, unless shorter ones are allowed.
const MIN_PASSWORD: usize = crate::MIN_SECRET;
