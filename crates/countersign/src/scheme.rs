//! How a signature is laid out, said as data.

use http::Method;
use serde::{Deserialize, Serialize};

use crate::message::{Part, Template};
use crate::{Unit, Window};

mod check;
mod description;
mod error;
mod notation;
mod presets;

pub(crate) use check::is_token;
pub(crate) use description::{Description, Grammar, KeyEncoding, Place, Rule, SignatureForm};
pub use error::SchemeError;

/// How one kind of sender signs: where the signature stands, what it covers, how it is made.
///
/// A value of this type is a checked description. It is read with serde from ten lines of TOML (or
/// JSON, or YAML), printed the same way, and interpreted by one engine: [`Verifier`](crate::Verifier)
/// and [`Signer`](crate::Signer). The crate's front page shows how to write one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Description", into = "Description")]
pub struct Scheme(Description);

impl Scheme {
    /// A scheme that comes with this crate, by name.
    pub fn preset(name: &str) -> Option<Self> {
        Self::presets().find(|scheme| scheme.name() == name)
    }

    /// All schemes that come with this crate.
    pub fn presets() -> impl Iterator<Item = Self> {
        presets::all().filter_map(|preset| preset.and_then(Self::try_from).ok())
    }

    /// The scheme's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How the timestamp is written, if there is one.
    pub fn timestamp_unit(&self) -> Option<Unit> {
        self.0.timestamp.as_ref().map(|timestamp| timestamp.unit)
    }

    /// The same scheme with its timestamp in another unit.
    pub fn with_timestamp_unit(mut self, unit: Unit) -> Result<Self, SchemeError> {
        let timestamp = self
            .0
            .timestamp
            .as_mut()
            .ok_or(SchemeError::UnitWithoutTime)?;
        timestamp.unit = unit;
        Ok(self)
    }

    /// How far a signed time may lie from now, where nothing else is said; none if no time is signed.
    pub fn default_window(&self) -> Option<Window> {
        self.signs_time()
            .then(|| self.0.window.map_or_else(Window::default, Window::from))
    }

    /// Whether a timestamp is part of every signed message.
    pub fn signs_time(&self) -> bool {
        self.0.timestamp.is_some()
    }

    /// Whether a message id is part of every signed message.
    pub fn signs_id(&self) -> bool {
        self.0.id.is_some()
    }

    /// Whether requests with this method are signed at all; others are refused.
    pub fn signs(&self, method: &Method) -> bool {
        self.message(method).is_some()
    }

    /// Whether requests with this method are signed over the full URL and not over the body.
    pub fn signs_url(&self, method: &Method) -> bool {
        self.message(method)
            .is_some_and(|message| message.covers_url() && !message.covers_body())
    }

    /// Whether requests with this method are signed over the body.
    pub fn signs_body(&self, method: &Method) -> bool {
        self.message(method)
            .is_some_and(|message| message.covers_body())
    }

    /// Whether the message of any of these methods has the full URL in it.
    pub fn needs_public_url(&self, methods: &[Method]) -> bool {
        let has_url = |method| {
            self.message(method)
                .is_some_and(|message| message.covers_url())
        };
        methods.iter().any(has_url)
    }

    pub(crate) fn message(&self, method: &Method) -> Option<&Template> {
        self.0.sign.for_method(method)
    }

    pub(crate) fn description(&self) -> &Description {
        &self.0
    }
}

impl TryFrom<Description> for Scheme {
    type Error = SchemeError;

    fn try_from(description: Description) -> Result<Self, SchemeError> {
        check::check(&description)?;
        Ok(Self(description))
    }
}

impl From<Scheme> for Description {
    fn from(scheme: Scheme) -> Self {
        scheme.0
    }
}
