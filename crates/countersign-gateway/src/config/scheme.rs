//! Checks of how signatures are laid out: the schemes of the file, the built-in ones, and whether they hold.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use countersign::{Scheme, Unit, Unproven, Weakness};
use toml::Spanned;

use super::check::Checker;
use super::error::{Fault, quoted};
use super::file::Text;
use super::key::unfit;

/// The schemes of the file, beside the built-in ones.
pub(super) struct Schemes {
    own: Vec<Scheme>,
    /// Built-in ones that have been tried and hold: each is tried once, however many flows use it.
    proven: RefCell<HashSet<String>>,
}

impl Schemes {
    /// A scheme by its name, if its own vectors come out as they say.
    pub(super) fn find(&self, name: &str) -> Result<Scheme, Fault> {
        // The file's own have been tried already, and are complained of where they stand.
        if let Some(own) = self.own.iter().find(|scheme| scheme.name() == name) {
            return Ok(own.clone());
        }
        let scheme = Scheme::preset(name).ok_or_else(|| self.unknown(name))?;
        if !self.proven.borrow().contains(name) {
            scheme.prove().map_err(|unproven| {
                let help = "this build of countersign is broken; install another one";
                Fault::new(format!("cannot be used: {}", told(&unproven)), help)
            })?;
            self.proven.borrow_mut().insert(name.to_owned());
        }
        Ok(scheme)
    }

    fn unknown(&self, name: &str) -> Fault {
        let own = self.own.iter().map(Scheme::name);
        let mut names: Vec<_> = own.map(|name| format!("`{name}`")).collect();
        names.extend(Scheme::preset_names().map(|name| format!("`{name}`")));
        names.sort();
        Fault::new(
            format!("names no scheme: {}", quoted(name)),
            format!("known schemes: {}", names.join(", ")),
        )
    }
}

impl Checker<'_> {
    /// The schemes of the file; whatever their names, they have to hold.
    pub(super) fn schemes(&mut self, file: &[Spanned<Scheme>]) -> Schemes {
        let mut own: Vec<Scheme> = Vec::with_capacity(file.len());
        for written in file {
            let scheme = written.get_ref();
            let name = scheme.name();
            if let Err(unproven) = scheme.prove() {
                self.refuse(
                    written.span(),
                    told(&unproven),
                    "correct the scheme or the vector; `countersign schemes test FILE` shows all that fail",
                );
            }
            if Scheme::preset(name).is_some() || own.iter().any(|known| known.name() == name) {
                let message = format!("there is another scheme named {}", quoted(name));
                self.refuse(
                    written.span(),
                    message,
                    "give each scheme a `name` of its own, different from the built-in ones",
                );
            } else {
                own.push(scheme.clone());
            }
        }
        Schemes {
            own,
            proven: RefCell::default(),
        }
    }

    /// Tells what a scheme does not protect against.
    pub(super) fn warn_of_weakness(&mut self, span: Range<usize>, scheme: &Scheme) {
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
    }

    /// The scheme with the texts that it signs and only the receiver knows.
    pub(super) fn parameters(
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
}

/// The scheme, the vector and what came of it. The vector's name is a text of the file like any other.
fn told(unproven: &Unproven) -> String {
    format!(
        "scheme `{}` does not hold: its vector {} {}",
        unproven.scheme(),
        quoted(unproven.vector()),
        unproven.outcome()
    )
}
