//! Checks of keys: their secrets, their names, the time in which they count.

use std::ops::Range;
use std::time::SystemTime;

use countersign::{Key, KeyId, KeyProblem, Keyring, SchemeError, Secret};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use toml::{Spanned, Value};

use super::check::Checker;
use super::error::{Fault, quoted};
use super::file::KeyFile;
use super::listen::digest;

impl Checker<'_> {
    /// Builds a keyring that `build` accepts; what it does not accept is shown at the key.
    pub(super) fn keyring<T, E: Into<SchemeError>>(
        &mut self,
        keys: &Spanned<Vec<Spanned<KeyFile>>>,
        build: impl FnOnce(&Keyring) -> Result<T, E>,
    ) -> Option<T> {
        let files = keys.get_ref();
        let checked: Vec<Option<Key>> = files
            .iter()
            .map(|key| self.key(key, files.len() == 1))
            .collect();
        let checked: Vec<Key> = checked.into_iter().collect::<Option<_>>()?;
        let ids: Vec<KeyId> = checked.iter().map(|key| key.id().clone()).collect();
        let built = Keyring::new(checked)
            .map_err(SchemeError::from)
            .and_then(|ring| build(&ring).map_err(Into::into));
        match built {
            Ok(built) => Some(built),
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
                let at = secret.span();
                let secret = self.secret("secret", secret)?;
                self.note_equal(fingerprint(&secret), at, file.allow_shared_secret);
                Key::new(id?, secret)
            }
            (None, Some(sha256), None) => {
                let hash = self.text("sha256", Some(sha256), digest)?;
                self.note_equal(hash, sha256.span(), file.allow_shared_secret);
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
        let key = not_before.into_iter().fold(key, Key::not_before);
        Some(not_after.into_iter().fold(key, Key::not_after))
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

    /// Two flows with one secret accept each other's webhooks; one flow takes what is signed in one way for what is
    /// signed in another; and anybody signs, where one answers challenges with it.
    ///
    /// `excused` says that the sender of one flow has one secret for two schemes, and that the operator knows.
    pub(super) fn note_equal(&mut self, digest: [u8; 32], span: Range<usize>, excused: bool) {
        let Some(flow) = self.flow.clone() else {
            return;
        };
        let usage = self.usage.clone();
        let known = self.secrets.entry(digest).or_default();
        let before = known.clone();
        known.push(Holder {
            flow: flow.clone(),
            usage: usage.clone(),
        });
        let sealing = before.iter().find_map(|holder| {
            let sealing = sealing(holder.usage.as_ref()?, usage.as_ref()?)?;
            Some((&holder.flow, sealing))
        });
        if let Some((other, sealing)) = sealing {
            let holder = match *other == flow {
                true => "another key of this flow".to_owned(),
                false => format!("flow {}", quoted(other)),
            };
            let message = format!(
                "{holder} has the same secret, and the handshake of `{sealing}` signs with it what anybody asks for"
            );
            let help = "give each a secret of its own, or write `handshake = false` where challenges are answered";
            self.refuse(span, message, help);
            return;
        }
        let mut own = before
            .iter()
            .filter(|holder| holder.flow == flow)
            .peekable();
        if own.peek().is_none() {
            let Some(Holder { flow: other, .. }) = before.first() else {
                return;
            };
            let message = format!(
                "flow {} has the same secret: what is signed for one is genuine for the other",
                quoted(other)
            );
            self.shared.push([other.clone(), flow]);
            self.warn(span, message, "give each flow a secret of its own");
            return;
        }
        match own.find_map(|holder| mistaken(holder.usage.as_ref()?, usage.as_ref()?)) {
            // What is sent along is no secret to sign with, whoever knows of it.
            Some(message) if excused && known.iter().all(Holder::signs) => {
                self.warn(
                    span,
                    message,
                    "take the old scheme out as soon as nobody uses it",
                );
            }
            Some(message) => {
                let help = "give each scheme a secret of its own that is nothing else; where the sender has only one, write `allow_shared_secret = true` beside it";
                self.refuse(span, message, help);
            }
            None => self.warn(
                span,
                "two keys of this flow have the same secret",
                "remove one of them, or correct it",
            ),
        }
    }
}

/// Where a secret was seen.
#[derive(Clone)]
pub(super) struct Holder {
    flow: String,
    usage: Option<Usage>,
}

impl Holder {
    fn signs(&self) -> bool {
        matches!(self.usage, Some(Usage::Signs { .. }))
    }
}

/// What a secret is for.
#[derive(Clone)]
pub(super) enum Usage {
    /// It is sent along, as an API key or a password.
    Shown,
    Signs {
        scheme: String,
        /// Whether a handshake makes the MAC of whatever somebody asks for.
        seals: bool,
    },
}

/// The scheme whose handshake signs for anybody what the other one takes for an event.
fn sealing<'u>(one: &'u Usage, two: &'u Usage) -> Option<&'u str> {
    match (one, two) {
        (
            Usage::Signs { scheme, seals },
            Usage::Signs {
                scheme: other,
                seals: others,
            },
        ) if scheme != other => match (seals, others) {
            (true, _) => Some(scheme),
            (_, true) => Some(other),
            _ => None,
        },
        _ => None,
    }
}

/// What is wrong with one secret of one flow that is for both.
fn mistaken(one: &Usage, two: &Usage) -> Option<String> {
    match (one, two) {
        (Usage::Signs { scheme, .. }, Usage::Signs { scheme: other, .. }) if scheme != other => {
            Some(format!(
                "the secret signs under `{scheme}` and under `{other}`: what is captured of one can be sent as the other, with another body"
            ))
        }
        (Usage::Shown, Usage::Signs { scheme, .. })
        | (Usage::Signs { scheme, .. }, Usage::Shown) => Some(format!(
            "the secret signs under `{scheme}` and is an API key or a password, too: whoever sees it sent can sign"
        )),
        _ => None,
    }
}

/// What equal secrets have in common, and a key that is given by its hash.
pub(super) fn fingerprint(secret: &Secret) -> [u8; 32] {
    Sha256::digest(secret.expose()).into()
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
        KeyProblem::None => {
            "add `keys = [{ id = \"2026\", secret = { env = \"NAME\" } }]`".to_owned()
        }
        _ => "correct the key; it has to be the secret as the sender shows it".to_owned(),
    }
}

/// What to do about a short secret.
pub(super) const WEAK: &str = "use a longer one, for example from `openssl rand -hex 32`, or write `allow_weak_secret = true` beside it";
