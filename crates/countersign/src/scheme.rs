//! How a signature is laid out, said as data.

use std::collections::BTreeSet;
use std::iter;
use std::sync::Arc;
use std::time::SystemTime;

use http::Method;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::handshake::HandshakeForm;
use crate::json::Pointer;
use crate::message::Template;
use crate::window::Place as WindowPlace;
use crate::{Unit, Window};

mod check;
mod description;
mod error;
mod file;
mod https;
mod key_url;
mod notation;
mod proof;
mod sense;
mod value;
mod weakness;
mod window_form;

pub(crate) use check::is_token;
pub(crate) use description::{
    Conditions, Demand, Description, DigestText, Form, Grammar, KeyEncoding, KeyForm, Place, Rule,
    SignatureForm, When, is_false,
};
pub use error::SchemeError;
pub(crate) use https::{Https, is_host};
pub(crate) use notation::Tables;
pub use proof::Unproven;
pub(crate) use value::HANDSHAKES;
pub use weakness::Weakness;

/// How one kind of sender signs: where the signature stands, what it covers, how it is made.
///
/// A value of this type is a checked description. It is read with serde from ten lines of TOML (or
/// JSON, or YAML), printed the same way, and interpreted by one engine: [`Verifier`](crate::Verifier)
/// and [`Signer`](crate::Signer). The crate's front page shows how to write one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Description", into = "Description")]
pub struct Scheme(Arc<Description>);

impl Scheme {
    /// A scheme that comes with this crate, by name.
    pub fn preset(name: &str) -> Option<Self> {
        let place = value::PRESETS.binary_search_by_key(&name, |(name, _)| name);
        let (_, value) = value::PRESETS.get(place.ok()?)?;
        Self::deserialize(value).ok()
    }

    /// All schemes that come with this crate, in the order of their names.
    pub fn presets() -> impl Iterator<Item = Self> {
        Self::preset_names().filter_map(Self::preset)
    }

    /// The names of the schemes that come with this crate, in order.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        value::PRESETS.iter().map(|(name, _)| *name)
    }

    /// Reads a scheme that stands under its name, as in a table `[schemes.acme]`, and so has no `name` in it.
    pub fn deserialize_named<'de, D>(name: &str, deserializer: D) -> Result<Self, D::Error>
    where
        D: Deserializer<'de>,
    {
        let description = file::read_named(name, deserializer)?;
        Self::try_from(description).map_err(D::Error::custom)
    }

    /// The scheme's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What its users have to know.
    pub fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }

    /// How the timestamp is written, if there is one.
    pub fn timestamp_unit(&self) -> Option<Unit> {
        let mut timestamps = self
            .0
            .forms
            .iter()
            .filter_map(|form| form.timestamp.as_ref());
        timestamps.next().map(|timestamp| timestamp.unit)
    }

    /// The same scheme with its timestamp in another unit.
    pub fn with_timestamp_unit(mut self, unit: Unit) -> Result<Self, SchemeError> {
        if !self.signs_time() {
            return Err(SchemeError::UnitWithoutTime);
        }
        let forms = &mut Arc::make_mut(&mut self.0).forms;
        for timestamp in forms.iter_mut().filter_map(|form| form.timestamp.as_mut()) {
            if timestamp.unit != unit {
                timestamp.digits = None;
            }
            timestamp.unit = unit;
        }
        Ok(self)
    }

    /// The texts that a receiver's configuration gives: those that are signed and have no value yet, and
    /// those that bind an element of the request to the receiver.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        let bound = self.0.forms.iter().flat_map(Form::bound);
        let bound = bound.filter_map(|demand| demand.parameter.as_deref());
        let names: BTreeSet<_> = self.missing_parameters().chain(bound).collect();
        names.into_iter()
    }

    /// The texts without which nothing can be verified.
    pub(crate) fn missing_parameters(&self) -> impl Iterator<Item = &str> {
        let messages = self.0.forms.iter().flat_map(Form::messages);
        messages.flat_map(|message| message.parameters())
    }

    /// The same scheme with this value for the parameter of this name.
    ///
    /// One that binds an element may be given several times: any of its values will do.
    pub fn with_parameter(mut self, name: &str, value: &str) -> Result<Self, SchemeError> {
        if !self.parameters().any(|known| known == name) {
            return Err(SchemeError::UnknownParameter(name.to_owned()));
        }
        for form in &mut Arc::make_mut(&mut self.0).forms {
            for message in form.sign.messages_mut().chain(&mut form.or) {
                message.fill_parameter(name, value);
            }
            let demands = form.require.iter_mut();
            for demand in demands.filter(|demand| demand.parameter.as_deref() == Some(name)) {
                demand.is.0.push(value.to_owned());
            }
        }
        Ok(self)
    }

    /// How far a signed time may lie from now, where nothing else is said; none if no time is signed.
    pub fn default_window(&self) -> Option<Window> {
        self.signs_time()
            .then(|| self.0.window.map_or_else(Window::default, Window::from))
    }

    /// Whether a timestamp is part of the signed messages; of one way of signing at least, where the
    /// scheme has several.
    pub fn signs_time(&self) -> bool {
        self.0.forms.iter().any(|form| form.timestamp.is_some())
    }

    /// Whether a message id is part of the signed messages.
    pub fn signs_id(&self) -> bool {
        self.0.forms.iter().any(|form| form.id.is_some())
    }

    /// Whether signatures are JSON Web Tokens, which may name the key that made them.
    pub fn signs_tokens(&self) -> bool {
        let mut forms = self.0.forms.iter();
        forms.any(|form| matches!(form.signature.grammar, Grammar::Token(_)))
    }

    /// Whether requests with this method are signed at all; others are refused.
    pub fn signs(&self, method: &Method) -> bool {
        self.0
            .forms
            .iter()
            .any(|form| form.message(method).is_some())
    }

    /// Whether requests with this method are signed over the URL, or its target, and may have no body.
    pub fn signs_url(&self, method: &Method) -> bool {
        !self.signs_body(method) && self.covers_url(method)
    }

    /// Whether the URL, or its target, is part of what is signed of requests with this method, beside a body or not;
    /// or of what counts as well.
    pub fn covers_url(&self, method: &Method) -> bool {
        let forms = self.0.forms.iter();
        let mut messages = forms.flat_map(|form| {
            let message = form.message(method).into_iter();
            message.flat_map(|message| iter::once(message).chain(&form.or))
        });
        messages.any(Template::covers_target)
    }

    /// Whether requests with this method may have a body: it is signed, or the scheme says why not.
    pub fn signs_body(&self, method: &Method) -> bool {
        self.0.forms.iter().any(|form| {
            let lax = form.unsigned_body.is_some() || form.demands_body();
            form.message(method)
                .is_some_and(|message| message.covers_body() || lax)
        })
    }

    /// Whether the message of any of these methods has the full URL in it.
    pub fn needs_public_url(&self, methods: &[Method]) -> bool {
        let forms = &self.0.forms;
        let has_url = |method| {
            let mut messages = forms.iter().filter_map(|form| form.message(method));
            messages.any(|message| message.covers_url())
        };
        methods.iter().any(has_url)
    }

    pub(crate) fn place(&self, window: Window, time: SystemTime, now: SystemTime) -> WindowPlace {
        match self.0.excludes_edges {
            true => window.place_within(time, now),
            false => window.place(time, now),
        }
    }

    /// Whether the sender wants refusals to have no body.
    pub fn empties_refusals(&self) -> bool {
        self.0.empty_refusals
    }

    pub(crate) fn handshakes(&self) -> &[HandshakeForm] {
        &self.0.handshakes.0
    }

    /// Whether what one form signs, URL and all, could be the body of another one. A request says itself of
    /// which form it is.
    pub(crate) fn mixes_forms(&self) -> bool {
        let forms = self.0.forms.iter();
        let signs_url = |form: &Form| form.messages().any(Template::covers_url);
        let signs_body_alone = |form: &Form| {
            let mut messages = form.messages();
            messages.any(|message| message.covers_body() && !message.covers_target())
        };
        forms.clone().any(signs_url) && forms.clone().any(signs_body_alone) && forms.len() > 1
    }

    /// Every place of a body that a verdict depends on.
    pub(crate) fn json_places(&self) -> Vec<Pointer> {
        let mut places = Vec::new();
        for place in self.0.forms.iter().flat_map(Form::json_places) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    pub(crate) fn forms(&self) -> &[Form] {
        &self.0.forms
    }

    pub(crate) fn description(&self) -> &Description {
        &self.0
    }
}

impl TryFrom<Description> for Scheme {
    type Error = SchemeError;

    fn try_from(description: Description) -> Result<Self, SchemeError> {
        check::check(&description)?;
        Ok(Self(Arc::new(description)))
    }
}

impl From<Scheme> for Description {
    fn from(scheme: Scheme) -> Self {
        Arc::unwrap_or_clone(scheme.0)
    }
}
