//! Checks of how a flow knows its senders.

use std::collections::BTreeMap;
use std::ops::Range;

use countersign::{Auth, Scheme, Unit, Verifier, Weakness, Window};
use toml::{Spanned, Value};

use super::check::Checker;
use super::error::{Fault, quoted};
use super::file::{AuthFile, Either, Text, WindowFile};
use super::key::unfit;
use super::units;

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
            let mut names: Vec<_> = Scheme::presets()
                .chain(self.0.iter().cloned())
                .map(|scheme| format!("`{}`", scheme.name()))
                .collect();
            names.sort();
            Fault::new(
                format!("names no scheme: {}", quoted(name)),
                format!("known schemes: {}", names.join(", ")),
            )
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
                self.refuse(
                    scheme.span(),
                    message,
                    "give each scheme a `name` of its own, different from the built-in ones",
                );
            } else {
                schemes.push(scheme.get_ref().clone());
            }
        }
        Schemes(schemes)
    }

    pub(super) fn auth(
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
            "basic" => &["users"],
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
        let plain = |auth| Checked {
            auth,
            signature: None,
        };
        match mode {
            "none" => {
                let message = "`mode = \"none\"` lets anybody in who knows the URL";
                self.warn(
                    file.span(),
                    message,
                    "use a signature where the sender can make one",
                );
                Some(plain(Auth::None))
            }
            "basic" => self.basic(file).map(plain),
            "api_key" => self.api_key(file).map(plain),
            _ => self.signature(file, window, schemes),
        }
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
        let scheme = scheme.and_then(|scheme| self.prove(file.span(), scheme));
        let scheme = scheme.and_then(|scheme| self.unit(scheme, auth.timestamp.as_ref()));
        let scheme = scheme.and_then(|scheme| self.parameters(scheme, auth.parameters.as_ref()));
        let Some(keys) = &auth.keys else {
            self.refuse(
                file.span(),
                "`auth` has no `keys`",
                "add `keys = [{ id = \"2026\", secret = { env = \"NAME\" } }]`",
            );
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
        let verifier = self.accept(
            "window",
            file.span(),
            verifier.with_window(window).map_err(|error| unfit(&error)),
        )?;
        Some(Checked {
            auth: Auth::Signature(verifier),
            signature: Some(Signature { scheme, window }),
        })
    }

    /// The scheme with the texts that it signs and only the receiver knows.
    fn parameters(
        &mut self,
        scheme: Scheme,
        parameters: Option<&Spanned<BTreeMap<Text, Text>>>,
    ) -> Option<Scheme> {
        let mut written = parameters.into_iter().flat_map(Spanned::get_ref);
        written.try_fold(scheme, |scheme, (name, value)| {
            let filled = scheme.with_parameter(name.get_ref(), value.get_ref());
            self.accept(
                "parameters",
                name.span(),
                filled.map_err(|error| unfit(&error)),
            )
        })
    }

    /// Tries the scheme's own vectors, and tells what it does not protect against.
    fn prove(&mut self, span: Range<usize>, scheme: Scheme) -> Option<Scheme> {
        for weakness in scheme.weaknesses() {
            if let Weakness::PlainHash | Weakness::Token | Weakness::UnsignedBody(_) = weakness {
                let message = format!("`{}` is weak: {weakness}", scheme.name());
                self.warn(
                    span.clone(),
                    message,
                    "use another way of signing if the sender has one",
                );
            }
        }
        match scheme.prove() {
            Ok(_) => Some(scheme),
            Err(unproven) => {
                self.refuse(
                    span,
                    unproven.to_string(),
                    "correct the scheme or its vectors",
                );
                None
            }
        }
    }

    /// The scheme with the timestamp's unit that the flow or step asks for.
    pub(super) fn unit(&mut self, scheme: Scheme, unit: Option<&Text>) -> Option<Scheme> {
        let Some(text) = unit else {
            return Some(scheme);
        };
        let unit = self.text("timestamp", unit, |unit| match unit {
            "seconds" => Ok(Unit::Seconds),
            "milliseconds" => Ok(Unit::Milliseconds),
            "rfc3339" => Ok(Unit::Rfc3339),
            _ => Err(Fault::new(
                "is not a unit",
                "write \"seconds\", \"milliseconds\" or \"rfc3339\"",
            )),
        })?;
        self.accept(
            "timestamp",
            text.span(),
            scheme
                .with_timestamp_unit(unit)
                .map_err(|error| unfit(&error)),
        )
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

/// The keys that are there, with their places.
fn present(auth: &AuthFile) -> impl Iterator<Item = (&'static str, Range<usize>)> {
    let AuthFile {
        bearer,
        header,
        keys,
        mode: _,
        parameters,
        query,
        scheme,
        timestamp,
        users,
    } = auth;
    [
        bearer.as_ref().map(|at| ("bearer", at.span())),
        header.as_ref().map(|at| ("header", at.span())),
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

const MODES: &str =
    "write `mode = \"signature\"`, \"api_key\", \"basic\" or, to let anybody in, \"none\"";
