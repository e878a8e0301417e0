//! Checks of how signatures are laid out: the schemes of the file, the built-in ones, and whether they hold.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;

use countersign::{Handshakes, Scheme, Unit, Unproven, Weakness};
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::{Spanned, Value};

use super::check::Checker;
use super::error::{Fault, quoted};
use super::file::{Either, Secretive, Text};
use super::handshake::Given;
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

/// Schemes as a configuration has them: each in a table under its name, `[schemes.acme]`.
#[derive(Default)]
pub(crate) struct OwnSchemes(Vec<(Text, Scheme)>);

impl OwnSchemes {
    /// The schemes, in the order of the file.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Scheme> {
        self.0.iter().map(|(_, scheme)| scheme)
    }
}

impl<'de> Deserialize<'de> for OwnSchemes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName)
    }
}

struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = OwnSchemes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table for each scheme, under its name: `[schemes.acme]`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut schemes = Vec::new();
        while let Some(name) = map.next_key::<Text>()? {
            let scheme = map.next_value_seed(Named(name.get_ref()))?;
            schemes.push((name, scheme));
        }
        Ok(OwnSchemes(schemes))
    }
}

/// Reads the scheme of this name.
struct Named<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = Scheme;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scheme, D::Error> {
        Scheme::deserialize_named(self.0, deserializer)
    }
}

impl Checker<'_> {
    /// The schemes of the file; whatever their names, they have to hold.
    pub(super) fn schemes(&mut self, file: &OwnSchemes) -> Schemes {
        for (name, scheme) in &file.0 {
            match scheme.prove() {
                Err(unproven) => self.refuse(
                    name.span(),
                    told(&unproven),
                    "correct the scheme or the vector; `countersign schemes test FILE` shows all that fail",
                ),
                Ok(0) => self.warn(
                    name.span(),
                    format!("scheme `{}` carries no vectors, so nothing proves it", scheme.name()),
                    "add a captured request that is genuine, and the same one changed, as its `vectors`",
                ),
                Ok(_) => {}
            }
            if Scheme::preset(scheme.name()).is_some() {
                let message = format!("there is a built-in scheme named {}", quoted(scheme.name()));
                self.refuse(name.span(), message, "choose another name");
            }
        }
        let schemes = Schemes {
            own: file.iter().cloned().collect(),
            proven: RefCell::default(),
        };
        for (name, scheme) in &file.0 {
            for weakness in scheme.weaknesses() {
                if let Weakness::Outdone(better) = weakness {
                    self.accept("prefer", name.span(), schemes.find(&better));
                }
            }
        }
        schemes
    }

    /// Tells what a scheme does not protect against.
    pub(super) fn warn_of_weakness(&mut self, span: Range<usize>, scheme: &Scheme) {
        for weakness in scheme.weaknesses() {
            let help = match &weakness {
                Weakness::Outdone(name) => {
                    format!(
                        "write `scheme = \"{name}\"`, and have the sender sign so where it has to be told"
                    )
                }
                Weakness::PlainHash | Weakness::Token | Weakness::UnsignedBody(_) => {
                    "use another way of signing if the sender has one".to_owned()
                }
                Weakness::SharedKey(_, Some(name)) => {
                    format!(
                        "add `parameters = {{ {name} = \"…\" }}` to `auth`: requests for others are refused then"
                    )
                }
                Weakness::SharedKey(_, None) => {
                    "have the receiver look at whom each request is about".to_owned()
                }
                _ => continue,
            };
            let message = format!("`{}` is weak: {weakness}", scheme.name());
            self.warn(span.clone(), message, help);
        }
    }

    /// The scheme with the texts that it signs and only the receiver knows, and those that its handshakes need.
    pub(super) fn parameters(
        &mut self,
        mut scheme: Scheme,
        parameters: Option<&Spanned<BTreeMap<Text, Secretive>>>,
    ) -> Option<(Scheme, Vec<Given>)> {
        let handshakes = Handshakes::of(&scheme);
        let mut given = Vec::new();
        for (name, written) in parameters.into_iter().flat_map(Spanned::get_ref) {
            let key = name.get_ref().as_str();
            if let Either::Plain(Value::Array(values)) = written.get_ref() {
                for value in values {
                    let filled = match value.as_str() {
                        None => Err(Fault::new(
                            "has what is not a text",
                            "write a list of texts",
                        )),
                        Some(text) => scheme
                            .clone()
                            .with_parameter(key, text)
                            .map_err(|error| unfit(&error)),
                    };
                    scheme = self.accept(key, written.span(), filled)?;
                }
                continue;
            }
            let value = self.secret(key, written)?;
            if handshakes.parameters().any(|known| known == key) {
                given.push((key.to_owned(), value, name.span()));
                continue;
            }
            let filled = str::from_utf8(value.expose())
                .map_err(|_| Fault::new("is not a text", "a scheme signs texts"))
                .and_then(|text| {
                    scheme
                        .clone()
                        .with_parameter(key, text)
                        .map_err(|error| unfit(&error))
                });
            scheme = self.accept("parameters", name.span(), filled)?;
        }
        Some((scheme, given))
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
