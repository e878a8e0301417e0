//! The hashes that are taken, bcrypt and argon2id, and the price that one check may have.

use argon2::{Argon2, Params, PasswordHash, PasswordVerifier};
use bcrypt::HashParts;

/// A slow hash of a password.
pub(super) enum Hash {
    Argon2(Box<PasswordHash>),
    Bcrypt(Box<str>),
}

impl Hash {
    /// Reads what stands behind a user's name; what is wrong is said without it, and with a remedy.
    pub(super) fn parse(text: &str) -> Result<Self, (String, &'static str)> {
        if ["$2y$", "$2a$", "$2b$"]
            .iter()
            .any(|kind| text.starts_with(kind))
        {
            let parts: HashParts = text
                .parse()
                .map_err(|_| ("has a bcrypt hash that is damaged".to_owned(), AGAIN))?;
            return match parts.get_cost() {
                4..=MAX_COST => Ok(Self::Bcrypt(text.into())),
                cost => Err((
                    format!("has a bcrypt hash of cost {cost}, where {MAX_COST} is the most"),
                    CHEAPER,
                )),
            };
        }
        if text.starts_with("$argon2id$") {
            return Self::argon2id(text);
        }
        Err((format!("has {}", other(text)), AGAIN))
    }

    fn argon2id(text: &str) -> Result<Self, (String, &'static str)> {
        let damaged = || ("has an argon2id hash that is damaged".to_owned(), AGAIN);
        let hash = PasswordHash::new(text).map_err(|_| damaged())?;
        let params = Params::try_from(&hash).map_err(|_| damaged())?;
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(damaged());
        }
        if params.m_cost() > MAX_MEMORY
            || params.t_cost() > MAX_PASSES
            || params.p_cost() > MAX_LANES
        {
            return Err((
                format!(
                    "has an argon2id hash of m={},t={},p={}, where m={MAX_MEMORY},t={MAX_PASSES},p={MAX_LANES} is the most",
                    params.m_cost(),
                    params.t_cost(),
                    params.p_cost()
                ),
                CHEAPER,
            ));
        }
        Ok(Self::Argon2(Box::new(hash)))
    }

    /// Whether this is the hash of the password. It takes long.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2(hash) => {
                let hash: &PasswordHash = hash;
                Argon2::default().verify_password(password, hash).is_ok()
            }
            // As everywhere with bcrypt, what comes after 72 bytes does not count.
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
        }
    }
}

/// What a hash of another kind is called.
fn other(text: &str) -> &'static str {
    let kinds = [
        ("$apr1$", "an MD5 hash (apr1), which is guessed too fast"),
        ("$1$", "an MD5 hash, which is guessed too fast"),
        (
            "{SHA}",
            "a SHA-1 hash without salt, which is guessed too fast",
        ),
        (
            "$5$",
            "a SHA-256-crypt hash, which this gateway does not compute",
        ),
        (
            "$6$",
            "a SHA-512-crypt hash, which this gateway does not compute",
        ),
        (
            "$y$",
            "a yescrypt hash, which this gateway does not compute",
        ),
        ("$2x$", "a bcrypt hash of the broken kind `2x`"),
        ("$argon2", "an argon2 hash of another kind than argon2id"),
    ];
    let known = kinds.iter().find(|(start, _)| text.starts_with(start));
    match (known, text) {
        (Some((_, name)), _) => name,
        (None, "") => "no hash",
        (None, _) => "a crypt hash, or the password itself",
    }
}

const AGAIN: &str =
    "make it again with bcrypt: `htpasswd -B FILE NAME`; or write an argon2id hash in PHC form";
const CHEAPER: &str = "make it again at a lower cost, such as `htpasswd -B -C 10 FILE NAME`: each wrong password costs as much";

/// The highest cost of bcrypt: each step doubles the time, and this is about a second.
const MAX_COST: u32 = 14;
/// The most memory of argon2, in KiB.
const MAX_MEMORY: u32 = 64 * 1024;
/// The most passes of argon2 over its memory.
const MAX_PASSES: u32 = 10;
/// The most lanes of argon2.
const MAX_LANES: u32 = 16;
