//! Checks of keys: their secrets, their names, the time in which they count.

use std::time::SystemTime;

use countersign::{Key, KeyId, KeyProblem, Keyring, Scheme, SchemeError};
use jiff::Timestamp;
use toml::{Spanned, Value};

use super::check::Checker;
use super::error::Fault;
use super::file::{AuthFile, KeyFile};
use super::listen::digest;

mod shared;

pub(super) use shared::{Secrets, Usage};

impl Checker<'_> {
    /// The keys that there have to be.
    pub(super) fn keys<'f>(
        &mut self,
        file: &'f Spanned<AuthFile>,
    ) -> Option<&'f Spanned<Vec<Spanned<KeyFile>>>> {
        let keys = file.get_ref().keys.as_ref();
        if keys.is_none() {
            self.refuse(file.span(), "`auth` has no `keys`", ADD_KEYS);
        }
        keys
    }

    /// Builds a keyring that `build` accepts; what it does not accept is shown at the key.
    pub(super) fn keyring<T, E: Into<SchemeError>>(
        &mut self,
        keys: &Spanned<Vec<Spanned<KeyFile>>>,
        scheme: Option<&Scheme>,
        build: impl FnOnce(&Keyring) -> Result<T, E>,
    ) -> Option<T> {
        let files = keys.get_ref();
        let checked: Vec<Option<Key>> = files
            .iter()
            .map(|key| self.key(key, files.len() == 1))
            .collect();
        let checked: Vec<Key> = checked.into_iter().collect::<Option<_>>()?;
        for (key, file) in checked.iter().zip(files) {
            self.check_kid(key, scheme, file.get_ref());
        }
        let ids: Vec<KeyId> = checked.iter().map(|key| key.id().clone()).collect();
        let built = Keyring::new(checked)
            .map_err(SchemeError::from)
            .and_then(|ring| Ok((build(&ring).map_err(Into::into)?, ring)));
        match built {
            Ok((built, ring)) => {
                for (key, file) in ring.iter().zip(files) {
                    self.note_key(key, scheme, file);
                }
                Some(built)
            }
            Err(error) => {
                // The last of two keys of one id is the one too many.
                let at = match &error {
                    SchemeError::Key(error) => ids.iter().rposition(|id| Some(id) == error.key()),
                    _ => None,
                };
                let span = at
                    .and_then(|at| files.get(at))
                    .map_or_else(|| keys.span(), Spanned::span);
                self.refuse(span, error.to_string(), remedy(&error));
                None
            }
        }
    }

    pub(super) fn key(&mut self, file: &Spanned<KeyFile>, alone: bool) -> Option<Key> {
        let span = file.span();
        let file = file.get_ref();
        let id = match &file.id {
            Some(_) => self.text("id", file.id.as_ref(), key_id),
            None if alone => KeyId::parse("default").ok(),
            None => {
                self.refuse(
                    span.clone(),
                    "one of several `keys` has no `id`",
                    "give each an `id`, such as the year it was made in; logs name it",
                );
                None
            }
        };
        let key = match (&file.secret, &file.sha256, &file.fetch) {
            (Some(secret), None, None) => {
                let secret = self.secret("secret", secret)?;
                Key::new(id?, secret)
            }
            (None, Some(sha256), None) => {
                self.text("sha256", Some(sha256), digest)?;
                self.accept(
                    "sha256",
                    sha256.span(),
                    Key::hashed(id?, sha256.get_ref()).map_err(|error| unfit(&error.into())),
                )?
            }
            (None, None, Some(fetch)) => self.fetched(id?, fetch)?,
            (Some(_), Some(_), _) | (_, Some(_), Some(_)) | (Some(_), _, Some(_)) => {
                self.refuse(
                    span,
                    "one of the `keys` has more than one of `secret`, `sha256` and `fetch`",
                    "keep one of them",
                );
                return None;
            }
            (None, None, None) => {
                self.refuse(
                    span,
                    "one of the `keys` has no `secret`",
                    "add `secret = { env = \"NAME\" }` or `secret = { file = \"path\" }`",
                );
                return None;
            }
        };
        let not_before = self.time("not_before", file.not_before.as_ref());
        let not_after = self.time("not_after", file.not_after.as_ref());
        if let (Some(first), Some(end)) = (not_before, not_after)
            && first >= end
        {
            self.refuse(
                span,
                "`not_before` is not before `not_after`",
                "the key would never count; swap or correct them",
            );
        }
        let key = if file.allow_weak_secret {
            key.allow_weak()
        } else {
            key
        };
        let kid = self.text("kid", file.kid.as_ref(), kid);
        let key = kid.into_iter().fold(key, Key::in_tokens);
        let key = not_before.into_iter().fold(key, Key::not_before);
        Some(not_after.into_iter().fold(key, Key::not_after))
    }

    /// Refuses a name for tokens where nothing names a key, or the key brings its own.
    fn check_kid(&mut self, key: &Key, scheme: Option<&Scheme>, file: &KeyFile) {
        let Some(kid) = &file.kid else {
            return;
        };
        let text = key
            .secret()
            .map(|secret| secret.expose().trim_ascii_start());
        let (message, help) = match scheme {
            Some(scheme) if !scheme.signs_tokens() => (
                format!(
                    "`kid` has no meaning with the scheme `{}`: its signatures are no tokens, and only those name a key",
                    scheme.name()
                ),
                "remove it; `id` is the name that logs have",
            ),
            None => (
                "`kid` has no meaning with an API key: only tokens name their key".to_owned(),
                "remove it; `id` is the name that logs have",
            ),
            Some(_) if file.fetch.is_some() => (
                "`kid` is beside `fetch`: keys that are fetched bring their names".to_owned(),
                "remove it, or write the key itself as `secret`",
            ),
            Some(_) if text.is_some_and(|text| text.starts_with(b"{")) => (
                "`kid` is beside a JSON Web Key, which brings its own".to_owned(),
                "write it into the key, as its member `kid`, and remove it here",
            ),
            Some(_) => return,
        };
        self.refuse(kid.span(), message, help);
    }

    /// A key that is found by a URL: the scheme's, or one that is written out.
    fn fetched(&mut self, id: KeyId, fetch: &Spanned<Value>) -> Option<Key> {
        match fetch.get_ref() {
            Value::Boolean(true) => Some(Key::fetched(id)),
            Value::String(url) => Some(Key::fetched_from(id, url)),
            _ => {
                self.refuse(
                    fetch.span(),
                    "`fetch` is neither `true` nor a URL",
                    "write `fetch = true`, or `secret` with the key itself",
                );
                None
            }
        }
    }

    fn time(&mut self, key: &str, written: Option<&Spanned<Value>>) -> Option<SystemTime> {
        let written = written?;
        let text = match written.get_ref() {
            Value::String(text) => text.clone(),
            Value::Datetime(time) => time.to_string(),
            _ => String::new(),
        };
        let time = text.parse::<Timestamp>().map(SystemTime::from);
        let fault = |_| {
            Fault::new(
                "is not a time",
                "write it with its zone, like \"2026-01-01T00:00:00Z\"",
            )
        };
        self.accept(key, written.span(), time.map_err(fault))
    }
}

/// The name of a key in tokens.
fn kid(text: &str) -> Result<&str, Fault> {
    let fits = (1..=MOST_KID).contains(&text.len());
    fits.then_some(text).ok_or_else(|| {
        let help = format!("write what the sender's tokens have as their `kid`, at most {MOST_KID} bytes, or leave it out");
        Fault::new("is no name of a key", help)
    })
}

fn key_id(text: &str) -> Result<KeyId, Fault> {
    KeyId::parse(text).map_err(|error| Fault::new("is not a key id", error.to_string()))
}

/// An error of the scheme or its keys, as it follows the key it is about.
pub(super) fn unfit(error: &SchemeError) -> Fault {
    Fault::new(format!("does not fit: {error}"), remedy(error))
}

fn remedy(error: &SchemeError) -> String {
    let SchemeError::Key(key) = error else {
        return "see docs/configuration.md on schemes".to_owned();
    };
    match key.problem() {
        KeyProblem::Short(_) => WEAK.to_owned(),
        KeyProblem::Empty => "generate one, for example with `openssl rand -hex 32`".to_owned(),
        KeyProblem::TooMany => format!(
            "keep at most {} keys: the ones in use",
            countersign::MAX_KEYS
        ),
        KeyProblem::None => ADD_KEYS.to_owned(),
        _ => "correct the key; it has to be the secret as the sender shows it".to_owned(),
    }
}

/// What to do where there are no keys.
const ADD_KEYS: &str = "add `keys = [{ id = \"2026\", secret = { env = \"NAME\" } }]`";

/// The longest name of a key in tokens, in bytes.
const MOST_KID: usize = 256;

/// What to do about a short secret.
pub(super) const WEAK: &str = "use a longer one, for example from `openssl rand -hex 32`, or write `allow_weak_secret = true` beside it";
