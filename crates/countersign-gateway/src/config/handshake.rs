//! Checks of which handshakes a flow answers, and with what.

use countersign::{Handshakes, Keyring, Scheme, Secret, Window};
use toml::{Spanned, Value};

use super::auth::Signature;
use super::check::Checker;
use super::error::{Fault, quoted};
use super::file::FlowFile;
use super::key::unfit;

/// What a flow needs to take a secret that its sender brings.
#[derive(Debug)]
pub(crate) struct Registration {
    /// The keys of the file.
    pub(crate) keys: Keyring,
    pub(crate) scheme: Scheme,
    pub(crate) window: Option<Window>,
}

impl Checker<'_> {
    /// The handshakes of a flow: those of its scheme, unless it wants none or others as well.
    pub(super) fn handshakes(
        &mut self,
        flow: &Spanned<FlowFile>,
        signatures: &[Signature],
        parameters: Vec<Given>,
    ) -> Handshakes {
        let written = flow.get_ref().handshake.as_ref();
        let schemes = signatures.iter().map(|signature| &signature.scheme);
        let mut own = schemes.fold(Handshakes::default(), |own, scheme| {
            own.and(&Handshakes::of(scheme))
        });
        for (name, value, span) in parameters {
            let filled = own.clone().with_parameter(&name, value);
            let filled = self.accept("parameters", span, filled.map_err(|error| unfit(&error)));
            own = filled.unwrap_or(own);
        }
        let chosen = match written.map(Spanned::get_ref) {
            None => Ok(own.clone()),
            Some(Value::Boolean(false)) => return Handshakes::default(),
            Some(Value::Boolean(true)) if own.is_empty() => Err(Fault::new(
                "is for schemes that have one, and this flow's has none",
                format!(
                    "remove it, or name one that goes with any scheme: {}",
                    named()
                ),
            )),
            Some(Value::Boolean(true)) => Ok(own.clone()),
            Some(Value::String(name)) => match Handshakes::preset(name) {
                Some(other) => Ok(own.clone().and(&other)),
                None => Err(Fault::new(
                    format!("names no handshake: {}", quoted(name)),
                    format!("write one of {}, or `false` for none", named()),
                )),
            },
            Some(_) => Err(Fault::new(
                "is neither a truth value nor a name",
                format!("write one of {}, or `false` for none", named()),
            )),
        };
        let span = written.map_or_else(|| flow.span(), Spanned::span);
        let Some(handshakes) = self.accept("handshake", span, chosen) else {
            return own;
        };
        let missing: Vec<_> = handshakes.missing().collect();
        if let Some(name) = missing.first() {
            let auth = flow.get_ref().auth.as_ref();
            self.warn(
                auth.map_or_else(|| flow.span(), Spanned::span),
                format!("the scheme's handshake is not answered: it needs the parameter `{name}`"),
                format!("add `parameters = {{ {name} = {{ env = \"NAME\" }} }}` to `auth`, or write `handshake = false`"),
            );
        }
        handshakes
    }

    /// What a flow needs to take a secret, where its sender brings one; without that it needs keys.
    pub(super) fn registration(
        &mut self,
        flow: &Spanned<FlowFile>,
        signatures: &[Signature],
        handshakes: &Handshakes,
    ) -> Option<Registration> {
        let mut brought = signatures
            .iter()
            .filter(|signature| brings_a_secret(&signature.scheme));
        let registration = match handshakes.bring_a_secret() {
            false => None,
            true => brought.next().map(|signature| Registration {
                keys: signature.keys.clone(),
                scheme: signature.scheme.clone(),
                window: signature.window,
            }),
        };
        if brought.any(|signature| signature.keys.iter().next().is_none()) {
            let auth = flow.get_ref().auth.as_ref();
            let (message, help) = match &registration {
                None => (
                    "`auth` has no `keys`, and the handshake that would bring one is turned off",
                    "add `keys = [{ id = \"2026\", secret = { env = \"NAME\" } }]`, or remove `handshake = false`",
                ),
                Some(_) => (
                    "a member of `auth` has no `keys`, and what senders bring goes to the first that takes it",
                    "add `keys = [{ id = \"2026\", secret = { env = \"NAME\" } }]`, or give it a flow of its own",
                ),
            };
            self.refuse(
                auth.map_or_else(|| flow.span(), Spanned::span),
                message,
                help,
            );
        }
        registration
    }
}

/// Whether a scheme's sender brings the key itself.
pub(super) fn brings_a_secret(scheme: &Scheme) -> bool {
    Handshakes::of(scheme).bring_a_secret()
}

/// A parameter of a handshake as the file gives it, and its place.
pub(super) type Given = (String, Secret, std::ops::Range<usize>);

fn named() -> String {
    let names = Handshakes::preset_names().map(|name| format!("\"{name}\""));
    names.collect::<Vec<_>>().join(", ")
}
