//! Checks of how a flow knows its senders.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use countersign::{ApiKey, Auth, Basic, Key, KeyId, KeyProblem, Keyring, Scheme, SchemeError, Secret, Unit, Verifier, Window};
use http::HeaderName;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use toml::{Spanned, Value};

use super::check::Checker;
use super::error::{Fault, quoted};
use super::file::{AuthFile, Either, KeyFile, Text, UserFile, WindowFile};
use super::listen::digest;

/// How a flow knows its senders, and what its signatures say.
pub(super) struct Checked {
    pub(super) auth: Auth,
    pub(super) signature: Option<Signature>,
}

/// What is signed and for how long a signature counts.
pub(super) struct Signature {
    pub(super) scheme: Scheme,
    pub(super) window: Option<Window>,
}

/// The schemes of the file, beside the built-in ones.
pub(super) struct Schemes(Vec<Scheme>);

impl Schemes {
    pub(super) fn find(&self, name: &str) -> Result<Scheme, Fault> {
        let own = self.0.iter().find(|scheme| scheme.name() == name).cloned();
        own.or_else(|| Scheme::preset(name)).ok_or_else(|| {
            let mut names: Vec<_> = Scheme::presets().chain(self.0.iter().cloned()).map(|scheme| format!("`{}`", scheme.name())).collect();
            names.sort();
            Fault::new(format!("names no scheme: {}", quoted(name)), format!("known schemes: {}", names.join(", ")))
        })
    }
}

type WindowText = Spanned<Either<WindowFile>>;

impl Checker<'_> {
    pub(super) fn schemes(&mut self, file: &[Spanned<Scheme>]) -> Schemes {
        let mut schemes: Vec<Scheme> = Vec::with_capacity(file.len());
        for scheme in file {
            let name = scheme.get_ref().name();
            if Scheme::preset(name).is_some() || schemes.iter().any(|known| known.name() == name) {
                let message = format!("there is another scheme named {}", quoted(name));
                self.refuse(scheme.span(), message, "give each scheme a `name` of its own, different from the built-in ones");
            } else {
                schemes.push(scheme.get_ref().clone());
            }
        }
        Schemes(schemes)
    }

    pub(super) fn auth(&mut self, file: &Spanned<AuthFile>, window: Option<&WindowText>, schemes: &Schemes) -> Option<Checked> {
        let auth = file.get_ref();
        let mode = match (&auth.mode, &auth.scheme) {
            (Some(mode), _) => mode.get_ref().as_str(),
            (None, Some(_)) => "signature",
            (None, None) => {
                self.refuse(file.span(), "`auth` has no `mode`", MODES);
                return None;
            }
        };
        let allowed: &[&str] = match mode {
            "none" => &[],
            "basic" => &["users"],
            "api_key" => &["bearer", "header", "keys", "query"],
            "signature" => &["keys", "scheme", "timestamp"],
            _ => {
                let span = auth.mode.as_ref().map_or_else(|| file.span(), Spanned::span);
                self.refuse(span, "`mode` names no way of knowing senders", MODES);
                return None;
            }
        };
        for (key, span) in present(auth) {
            if !allowed.contains(&key) {
                self.refuse(span, format!("`{key}` has no meaning with `mode = \"{mode}\"`"), "remove it, or change the mode");
            }
        }
        if let (Some(window), true) = (window, mode != "signature") {
            let help = format!("remove it: `mode = \"{mode}\"` has no timestamp");
            self.refuse(window.span(), "`window` needs a signature", help);
        }
        let plain = |auth| Checked { auth, signature: None };
        match mode {
            "none" => {
                let message = "`mode = \"none\"` lets anybody in who knows the URL";
                self.warn(file.span(), message, "use a signature where the sender can make one");
                Some(plain(Auth::None))
            }
            "basic" => self.basic(file).map(plain),
            "api_key" => self.api_key(file).map(plain),
            _ => self.signature(file, window, schemes),
        }
    }

    /// Builds a keyring that `build` accepts; what it does not accept is shown at the key.
    pub(super) fn keyring<T, E: Into<SchemeError>>(
        &mut self,
        keys: &Spanned<Vec<Spanned<KeyFile>>>,
        build: impl FnOnce(&Keyring) -> Result<T, E>,
    ) -> Option<T> {
        let files = keys.get_ref();
        let checked: Vec<Option<Key>> = files.iter().map(|key| self.key(key, files.len() == 1)).collect();
        let checked: Vec<Key> = checked.into_iter().collect::<Option<_>>()?;
        let ids: Vec<KeyId> = checked.iter().map(|key| key.id().clone()).collect();
        let built = Keyring::new(checked).map_err(SchemeError::from).and_then(|ring| build(&ring).map_err(Into::into));
        match built {
            Ok(built) => Some(built),
            Err(error) => {
                // The last of two keys of one id is the one too many.
                let at = match &error {
                    SchemeError::Key(error) => ids.iter().rposition(|id| Some(id) == error.key()),
                    _ => None,
                };
                let span = at.and_then(|at| files.get(at)).map_or_else(|| keys.span(), Spanned::span);
                self.refuse(span, error.to_string(), remedy(&error));
                None
            }
        }
    }

    fn signature(&mut self, file: &Spanned<AuthFile>, window: Option<&WindowText>, schemes: &Schemes) -> Option<Checked> {
        let auth = file.get_ref();
        let Some(scheme) = &auth.scheme else {
            self.refuse(file.span(), "`auth` has no `scheme`", "say how the sender signs: `scheme = \"designer-cloud\"`, for example");
            return None;
        };
        let scheme = self.text("scheme", Some(scheme), |name| schemes.find(name));
        let scheme = scheme.and_then(|scheme| self.unit(scheme, auth.timestamp.as_ref()));
        let Some(keys) = &auth.keys else {
            self.refuse(file.span(), "`auth` has no `keys`", "add `keys = [{ id = \"2026\", secret = { env = \"NAME\" } }]`");
            return None;
        };
        let Some(scheme) = scheme else {
            // The secrets are looked at all the same, so that what is wrong there is told as well.
            for key in keys.get_ref() {
                self.key(key, true);
            }
            return None;
        };
        let window = self.window(window, &scheme);
        let verifier = self.keyring(keys, |ring| Verifier::new(&scheme, ring))?;
        let verifier = self.accept("window", file.span(), verifier.with_window(window).map_err(|error| unfit(&error)))?;
        Some(Checked { auth: Auth::Signature(verifier), signature: Some(Signature { scheme, window }) })
    }

    /// The scheme with the timestamp's unit that the flow or step asks for.
    pub(super) fn unit(&mut self, scheme: Scheme, unit: Option<&Text>) -> Option<Scheme> {
        let Some(text) = unit else { return Some(scheme) };
        let unit = self.text("timestamp", unit, |unit| match unit {
            "seconds" => Ok(Unit::Seconds),
            "milliseconds" => Ok(Unit::Milliseconds),
            "rfc3339" => Ok(Unit::Rfc3339),
            _ => Err(Fault::new("is not a unit", "write \"seconds\", \"milliseconds\" or \"rfc3339\"")),
        })?;
        self.accept("timestamp", text.span(), scheme.with_timestamp_unit(unit).map_err(|error| unfit(&error)))
    }

    fn window(&mut self, window: Option<&WindowText>, scheme: &Scheme) -> Option<Window> {
        let default = scheme.default_window();
        let Some(written) = window else { return default };
        let Some(default) = default else {
            let help = "remove it; `replay_for` is how repeats of such requests are recognised";
            self.refuse(written.span(), format!("`window` needs a signed time, and `{}` signs none", scheme.name()), help);
            return None;
        };
        match written.get_ref() {
            Either::Plain(Value::String(off)) if off == "off" => {
                let help = "give the window a length, like \"5m\", unless the sender's clock cannot be trusted at all";
                self.warn(written.span(), "`window = \"off\"`: a signature counts for ever, however old", help);
                None
            }
            Either::Plain(side) => {
                let side = self.accept("window", written.span(), super::units::duration(side));
                Some(side.map_or(default, Window::symmetric))
            }
            Either::Table(WindowFile { past, future }) => {
                let past = self.duration("past", past.as_ref()).unwrap_or_else(|| default.past());
                let future = self.duration("future", future.as_ref()).unwrap_or_else(|| default.future());
                Some(Window::new(past, future))
            }
        }
    }

    fn key(&mut self, file: &Spanned<KeyFile>, alone: bool) -> Option<Key> {
        let span = file.span();
        let file = file.get_ref();
        let id = match &file.id {
            Some(_) => self.text("id", file.id.as_ref(), key_id),
            None if alone => KeyId::parse("default").ok(),
            None => {
                self.refuse(span.clone(), "one of several `keys` has no `id`", "give each an `id`, such as the year it was made in; logs name it");
                None
            }
        };
        let key = match (&file.secret, &file.sha256) {
            (Some(secret), None) => {
                let at = secret.span();
                let secret = self.secret("secret", secret)?;
                self.note_equal(&secret, at);
                Key::new(id?, secret)
            }
            (None, Some(sha256)) => {
                self.text("sha256", Some(sha256), digest)?;
                self.accept("sha256", sha256.span(), Key::hashed(id?, sha256.get_ref()).map_err(|error| unfit(&error.into())))?
            }
            (Some(_), Some(_)) => {
                self.refuse(span, "one of the `keys` has both `secret` and `sha256`", "keep one of them");
                return None;
            }
            (None, None) => {
                self.refuse(span, "one of the `keys` has no `secret`", "add `secret = { env = \"NAME\" }` or `secret = { file = \"path\" }`");
                return None;
            }
        };
        let not_before = self.time("not_before", file.not_before.as_ref());
        let not_after = self.time("not_after", file.not_after.as_ref());
        if let (Some(first), Some(end)) = (not_before, not_after)
            && first >= end
        {
            self.refuse(span, "`not_before` is not before `not_after`", "the key would never count; swap or correct them");
        }
        let key = if file.allow_weak_secret { key.allow_weak() } else { key };
        let key = not_before.into_iter().fold(key, Key::not_before);
        Some(not_after.into_iter().fold(key, Key::not_after))
    }

    fn time(&mut self, key: &str, written: Option<&Spanned<Value>>) -> Option<SystemTime> {
        let written = written?;
        let text = match written.get_ref() {
            Value::String(text) => text.clone(),
            Value::Datetime(time) => time.to_string(),
            _ => String::new(),
        };
        let time = text.parse::<Timestamp>().map(SystemTime::from);
        let fault = |_| Fault::new("is not a time", "write it with its zone, like \"2026-01-01T00:00:00Z\"");
        self.accept(key, written.span(), time.map_err(fault))
    }

    /// Two flows with one secret accept each other's webhooks.
    fn note_equal(&mut self, secret: &Secret, span: Range<usize>) {
        let Some(flow) = self.flow.clone() else { return };
        let digest = Sha256::digest(secret.expose()).into();
        match self.secrets.get(&digest).cloned() {
            None => {
                self.secrets.insert(digest, flow);
            }
            Some(other) if other == flow => {
                self.warn(span, "two keys of this flow have the same secret", "remove one of them, or correct it");
            }
            Some(other) => self.warn(
                span,
                format!("flow {} has the same secret: what is signed for one is genuine for the other", quoted(&other)),
                "give each flow a secret of its own",
            ),
        }
    }

    fn basic(&mut self, file: &Spanned<AuthFile>) -> Option<Auth> {
        let Some(users) = file.get_ref().users.as_ref().filter(|users| !users.get_ref().is_empty()) else {
            self.refuse(file.span(), "`auth` has no `users`", "add `users = [{ name = \"sender\", password = { env = \"NAME\" } }]`");
            return None;
        };
        let checked: Vec<_> = users.get_ref().iter().map(|user| self.user(user)).collect();
        let checked: Vec<_> = checked.into_iter().collect::<Option<_>>()?;
        let weak = users.get_ref().iter().any(|user| user.get_ref().allow_weak_secret);
        let basic = if weak { Basic::with_weak_passwords(checked) } else { Basic::new(checked) };
        let basic = basic.map_err(|error| unfit(&error.into()));
        self.accept("users", users.span(), basic).map(Auth::Basic)
    }

    fn user(&mut self, user: &Spanned<UserFile>) -> Option<(String, Secret)> {
        let file = user.get_ref();
        let Some(name) = file.name.as_ref().filter(|name| !name.get_ref().is_empty()) else {
            self.refuse(user.span(), "one of the `users` has no `name`", "add `name = \"sender\"`");
            return None;
        };
        if name.get_ref().contains([':', '\0', '\n', '\r']) {
            self.refuse(name.span(), "`name` has a character that Basic authentication cannot carry", "leave out colons and control characters");
            return None;
        }
        let Some(password) = &file.password else {
            self.refuse(user.span(), "one of the `users` has no `password`", "add `password = { env = \"NAME\" }`");
            return None;
        };
        let secret = self.secret("password", password)?;
        if secret.expose().len() < 16 && !file.allow_weak_secret {
            self.refuse(password.span(), "`password` has less than 16 bytes", WEAK);
            return None;
        }
        self.note_equal(&secret, password.span());
        Some((name.get_ref().clone(), secret))
    }

    fn api_key(&mut self, file: &Spanned<AuthFile>) -> Option<Auth> {
        let auth = file.get_ref();
        let Some(keys) = &auth.keys else {
            self.refuse(file.span(), "`auth` has no `keys`", "add `keys = [{ id = \"2026\", secret = { env = \"NAME\" } }]`");
            return None;
        };
        let api_key = self.keyring(keys, ApiKey::new)?;
        let bearer = auth.bearer.as_ref().is_some_and(|bearer| *bearer.get_ref());
        if [auth.header.is_some(), bearer, auth.query.is_some()].iter().filter(|there| **there).count() > 1 {
            self.refuse(file.span(), "`auth` says more than one place for the API key", "keep one of `header`, `bearer` and `query`");
            return None;
        }
        if let Some(header) = &auth.header {
            let name = |name: &str| name.parse::<HeaderName>().map_err(|_| Fault::new("is not the name of a header", "write it like \"X-API-Key\""));
            return self.text("header", Some(header), name).map(|name| Auth::ApiKey(api_key.header(name)));
        }
        if let Some(query) = &auth.query {
            self.warn(query.span(), "`query`: keys in URLs end up in the logs of everything on the way", "use `header` or `bearer` where the sender can");
            return self.text("query", Some(query), parameter).map(|name| Auth::ApiKey(api_key.query(name)));
        }
        Some(Auth::ApiKey(if bearer { api_key.bearer() } else { api_key }))
    }
}

/// The keys that are there, with their places.
fn present(auth: &AuthFile) -> impl Iterator<Item = (&'static str, Range<usize>)> {
    let AuthFile { bearer, header, keys, mode: _, query, scheme, timestamp, users } = auth;
    [
        bearer.as_ref().map(|at| ("bearer", at.span())),
        header.as_ref().map(|at| ("header", at.span())),
        keys.as_ref().map(|at| ("keys", at.span())),
        query.as_ref().map(|at| ("query", at.span())),
        scheme.as_ref().map(|at| ("scheme", at.span())),
        timestamp.as_ref().map(|at| ("timestamp", at.span())),
        users.as_ref().map(|at| ("users", at.span())),
    ]
    .into_iter()
    .flatten()
}

fn key_id(text: &str) -> Result<KeyId, Fault> {
    KeyId::parse(text).map_err(|error| Fault::new("is not a key id", error.to_string()))
}

fn parameter(name: &str) -> Result<&str, Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !name.is_empty() && name.bytes().all(plain) {
        Ok(name)
    } else {
        Err(Fault::new("is not the name of a parameter", "use letters, digits and `-._~`"))
    }
}

/// An error of the scheme or its keys, as it follows the key it is about.
fn unfit(error: &SchemeError) -> Fault {
    Fault::new(format!("does not fit: {error}"), remedy(error))
}

fn remedy(error: &SchemeError) -> String {
    let SchemeError::Key(key) = error else {
        return "see docs/configuration.md on schemes".to_owned();
    };
    match key.problem() {
        KeyProblem::Short(_) => WEAK.to_owned(),
        KeyProblem::Empty => "generate one, for example with `openssl rand -hex 32`".to_owned(),
        KeyProblem::TooMany => format!("keep at most {} keys: the ones in use", countersign::MAX_KEYS),
        KeyProblem::None => "add `keys = [{ id = \"2026\", secret = { env = \"NAME\" } }]`".to_owned(),
        _ => "correct the key; it has to be the secret as the sender shows it".to_owned(),
    }
}

const MODES: &str = "write `mode = \"signature\"`, \"api_key\", \"basic\" or, to let anybody in, \"none\"";
const WEAK: &str = "use a longer one, for example from `openssl rand -hex 32`, or write `allow_weak_secret = true` beside it";
/// How long a request without a window is remembered.
pub(super) const WITHOUT_WINDOW: Duration = Duration::from_secs(86_400);
