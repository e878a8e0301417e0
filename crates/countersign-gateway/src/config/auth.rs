//! Checks of how a flow knows its senders.

use std::mem;
use std::ops::Range;

use countersign::{Auth, Handshakes, Keyring, Scheme, SchemeError, Verifier, Weakness, Window};
use toml::{Spanned, Value};

use super::check::Checker;
use super::file::{AuthFile, Either, KeyFile, WindowFile};
use super::handshake::{self, Given};
use super::key::{Usage, unfit};
use super::scheme::Schemes;
use super::units;
use crate::htpasswd::Htpasswd;

/// How a flow knows its senders, and what its signatures say.
pub(super) struct Checked {
    pub(super) auth: Auth,
    /// Who is asked for passwords that are kept as slow hashes.
    pub(super) passwords: Option<Htpasswd>,
    /// Each way in which its senders sign.
    pub(super) signatures: Vec<Signature>,
}

impl Checked {
    /// What needs nothing beside it.
    fn plain(auth: Auth) -> Self {
        Self {
            auth,
            passwords: None,
            signatures: Vec::new(),
        }
    }

    /// What the handshakes of its schemes need.
    pub(super) fn take_parameters(&mut self) -> Vec<Given> {
        let signatures = self.signatures.iter_mut();
        let parameters = signatures.map(|signature| mem::take(&mut signature.parameters));
        parameters.flatten().collect()
    }
}

/// What is signed and for how long a signature counts.
pub(super) struct Signature {
    pub(super) keys: Keyring,
    /// Whether repeats are recognised by it: by one only of those that are demanded at once.
    pub(super) names_repeats: bool,
    /// What its handshakes need.
    pub(super) parameters: Vec<Given>,
    pub(super) scheme: Scheme,
    pub(super) window: Option<Window>,
}

pub(super) type WindowText = Spanned<Either<WindowFile>>;

impl Checker<'_> {
    /// One way of knowing senders, and from where they may send.
    pub(super) fn one(
        &mut self,
        file: &Spanned<AuthFile>,
        window: Option<&WindowText>,
        schemes: &Schemes,
    ) -> Option<Checked> {
        let allow_from = self.allow_from(file);
        let checked = self.mode(file, window, schemes)?;
        let Some(addresses) = allow_from? else {
            return Some(checked);
        };
        let addresses = Auth::Address(addresses);
        let auth = match checked.auth {
            Auth::None => Some(addresses),
            auth => Auth::all([addresses, auth]),
        };
        Some(Checked {
            auth: auth?,
            ..checked
        })
    }

    fn mode(
        &mut self,
        file: &Spanned<AuthFile>,
        window: Option<&WindowText>,
        schemes: &Schemes,
    ) -> Option<Checked> {
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
            "basic" => &["htpasswd", "users"],
            "api_key" => &["bearer", "header", "keys", "query"],
            "signature" => &["keys", "parameters", "scheme", "timestamp"],
            _ => {
                let span = auth
                    .mode
                    .as_ref()
                    .map_or_else(|| file.span(), Spanned::span);
                self.refuse(span, "`mode` names no way of knowing senders", MODES);
                return None;
            }
        };
        for (key, span) in present(auth) {
            if !allowed.contains(&key) {
                self.refuse(
                    span,
                    format!("`{key}` has no meaning with `mode = \"{mode}\"`"),
                    "remove it, or change the mode",
                );
            }
        }
        if let (Some(window), true) = (window, mode != "signature") {
            let help = format!("remove it: `mode = \"{mode}\"` has no timestamp");
            self.refuse(window.span(), "`window` needs a signature", help);
        }
        self.usage = matches!(mode, "api_key" | "basic").then_some(Usage::Shown);
        let checked = match mode {
            "none" => {
                let message = match &auth.allow_from {
                    None => "`mode = \"none\"` lets anybody in who knows the URL",
                    Some(_) => "`mode = \"none\"` lets anybody in who sends from these addresses",
                };
                self.warn(
                    file.span(),
                    message,
                    "use a signature where the sender can make one",
                );
                Some(Checked::plain(Auth::None))
            }
            "basic" => self.basic(file),
            "api_key" => self.api_key(file).map(Checked::plain),
            _ => self.signature(file, window, schemes),
        };
        self.usage = None;
        checked
    }

    fn signature(
        &mut self,
        file: &Spanned<AuthFile>,
        window: Option<&WindowText>,
        schemes: &Schemes,
    ) -> Option<Checked> {
        let auth = file.get_ref();
        let Some(scheme) = &auth.scheme else {
            self.refuse(
                file.span(),
                "`auth` has no `scheme`",
                "say how the sender signs: `scheme = \"designer-cloud\"`, for example",
            );
            return None;
        };
        let scheme = self.text("scheme", Some(scheme), |name| schemes.find(name));
        let scheme = scheme.and_then(|scheme| self.unit(scheme, auth.timestamp.as_ref()));
        let scheme = scheme.and_then(|scheme| self.parameters(scheme, auth.parameters.as_ref()));
        let (scheme, parameters) = scheme.unzip();
        if let Some(scheme) = &scheme {
            self.warn_of_weakness(file.span(), scheme);
        }
        let parameters = parameters.unwrap_or_default();
        let brought = scheme.as_ref().is_some_and(handshake::brings_a_secret);
        let keys = match auth.keys.is_none() && brought {
            true => None,
            false => Some(self.keys(file)?),
        };
        let Some(scheme) = scheme else {
            // The secrets are looked at all the same, so that what is wrong there is told as well.
            for key in keys.into_iter().flat_map(Spanned::get_ref) {
                self.key(key, true);
            }
            return None;
        };
        let window = self.window(window, &scheme);
        let (verifier, keys) = match keys {
            Some(keys) => self.verifier(keys, &scheme)?,
            // Until its sender brings the key, the flow refuses everything.
            None => {
                let keys = Keyring::awaiting();
                let verifier = Verifier::new(&scheme, &keys).map_err(|error| unfit(&error));
                (self.accept("scheme", file.span(), verifier)?, keys)
            }
        };
        let verifier = self.accept(
            "window",
            file.span(),
            verifier.with_window(window).map_err(|error| unfit(&error)),
        )?;
        Some(Checked {
            auth: Auth::Signature(verifier),
            passwords: None,
            signatures: vec![Signature {
                keys,
                names_repeats: true,
                parameters,
                scheme,
                window,
            }],
        })
    }

    /// Who verifies what is signed with these keys.
    fn verifier(
        &mut self,
        keys: &Spanned<Vec<Spanned<KeyFile>>>,
        scheme: &Scheme,
    ) -> Option<(Verifier, Keyring)> {
        self.usage = Some(match scheme.weaknesses().contains(&Weakness::Token) {
            true => Usage::Shown,
            false => Usage::Signs {
                scheme: scheme.name().to_owned(),
                seals: self.answers && Handshakes::of(scheme).seal_for_anybody(),
            },
        });
        let checked = self.keyring(keys, Some(scheme), |ring| {
            Ok::<_, SchemeError>((Verifier::new(scheme, ring)?, ring.clone()))
        });
        self.usage = None;
        checked
    }

    fn window(&mut self, window: Option<&WindowText>, scheme: &Scheme) -> Option<Window> {
        let default = scheme.default_window();
        let Some(written) = window else {
            return default;
        };
        let Some(default) = default else {
            let help = "remove it; `replay_for` is how repeats of such requests are recognised";
            self.refuse(
                written.span(),
                format!(
                    "`window` needs a signed time, and `{}` signs none",
                    scheme.name()
                ),
                help,
            );
            return None;
        };
        match written.get_ref() {
            Either::Plain(Value::String(off)) if off == "off" => {
                let help = "give the window a length, like \"5m\", unless the sender's clock cannot be trusted at all";
                self.warn(
                    written.span(),
                    "`window = \"off\"`: a signature counts for ever, however old",
                    help,
                );
                None
            }
            Either::Plain(side) => {
                let side = self.accept("window", written.span(), units::duration(side));
                Some(side.map_or(default, Window::symmetric))
            }
            Either::Table(WindowFile { past, future }) => {
                let past = self
                    .duration("past", past.as_ref())
                    .unwrap_or_else(|| default.past());
                let future = self
                    .duration("future", future.as_ref())
                    .unwrap_or_else(|| default.future());
                Some(Window::new(past, future))
            }
        }
    }
}

/// The keys of one way of knowing senders that are there, with their places.
pub(super) fn present(auth: &AuthFile) -> impl Iterator<Item = (&'static str, Range<usize>)> {
    let AuthFile {
        all: _,
        allow_from: _,
        any: _,
        bearer,
        header,
        htpasswd,
        keys,
        mode: _,
        parameters,
        query,
        scheme,
        timestamp,
        users,
        window: _,
    } = auth;
    [
        bearer.as_ref().map(|at| ("bearer", at.span())),
        header.as_ref().map(|at| ("header", at.span())),
        htpasswd.as_ref().map(|at| ("htpasswd", at.span())),
        keys.as_ref().map(|at| ("keys", at.span())),
        parameters.as_ref().map(|at| ("parameters", at.span())),
        query.as_ref().map(|at| ("query", at.span())),
        scheme.as_ref().map(|at| ("scheme", at.span())),
        timestamp.as_ref().map(|at| ("timestamp", at.span())),
        users.as_ref().map(|at| ("users", at.span())),
    ]
    .into_iter()
    .flatten()
}

pub(super) const MODES: &str =
    "write `mode = \"signature\"`, \"api_key\", \"basic\" or, to let anybody in, \"none\"";
