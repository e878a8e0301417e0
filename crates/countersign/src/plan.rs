//! A way of signing and the keys for it, compiled: everything that does not depend on the request.

use std::iter;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method};

use crate::element::Source;
use crate::grammar::{Found, Label, Layout, TimestampAt};
use crate::handshake::Plain;
use crate::key::Material;
use crate::message::{Message, Template};
use crate::scheme::{Form, Place, Rule, When};
use crate::{Key, KeyError, KeyProblem, KeyUrl, Keyring, Reason, Scheme, SchemeError, Unit};

mod lock;
pub(crate) mod material;
mod read;
mod token;

pub(crate) use lock::{Checks, Lock, Opened, PlanKey};
pub(crate) use material::{read_certificate, read_public};
pub(crate) use read::{Elements, Texts, is_id};
pub(crate) use token::Token;

/// One way in which a scheme signs.
pub(crate) struct Plan {
    form: Form,
    layout: Layout,
    names: HeaderSet,
    listed: Vec<HeaderName>,
    fallbacks: Vec<HeaderSet>,
    slots: Vec<(String, HeaderName)>,
    unit: Option<Unit>,
    /// Whether an element is read from elsewhere than a header.
    reads_elsewhere: bool,
    keys: Vec<PlanKey>,
    /// What anybody may have a MAC of, by a handshake.
    challenges: Vec<Plain>,
}

/// Headers that belong together.
pub(crate) struct HeaderSet {
    pub(crate) signature: Option<HeaderName>,
    pub(crate) timestamp: Option<HeaderName>,
    pub(crate) id: Option<HeaderName>,
}

impl Plan {
    /// Compiles every way in which a scheme signs.
    pub(crate) fn all(scheme: &Scheme, keyring: &Keyring) -> Result<Vec<Self>, SchemeError> {
        if let Some(name) = scheme.missing_parameters().next() {
            return Err(SchemeError::MissingParameter(name.to_owned()));
        }
        let unsigned = scheme.handshakes().iter().filter(|form| !form.signed);
        let challenges = unsigned.filter_map(|form| form.mac.as_ref());
        let challenges: Vec<_> = challenges.map(Plain::from).collect();
        let forms = scheme.forms().iter();
        let plans = forms.map(|form| {
            let challenges = challenges.clone();
            Self::new(form, keyring).map(|plan| Self { challenges, ..plan })
        });
        plans.collect()
    }

    fn new(form: &Form, keyring: &Keyring) -> Result<Self, SchemeError> {
        let mut labels: Vec<Label> = Vec::new();
        let mut keys = Vec::new();
        for key in keyring.iter() {
            let (rule, text, materials) = match key.material() {
                Material::Fetched(_) => (fetched_rule(key, keyring, form)?, None, Vec::new()),
                _ => rule_of(key, &form.rules)
                    .map(|(rule, text, materials)| (rule, Some(text), materials))?,
            };
            let names = match (rule.label.as_slice(), rule.label_is_key) {
                (_, true) => vec![key.id().as_str().to_owned()],
                ([], false) => vec![String::new()],
                (names, false) => names.to_vec(),
            };
            let places = names.into_iter().map(|name| {
                labels
                    .iter()
                    .position(|label| label.name == name)
                    .unwrap_or_else(|| {
                        labels.push(Label {
                            name,
                            length: rule.digest.length(),
                        });
                        labels.len().saturating_sub(1)
                    })
            });
            let places: Vec<_> = places.collect();
            if let Material::Fetched(_) = key.material() {
                keys.push(PlanKey::fetched(key, rule.digest, places.clone()));
            }
            let made = materials.into_iter();
            let made = made.map(|one| PlanKey::new(key, rule.digest, one, places.clone()));
            let (usable, others): (Vec<_>, Vec<_>) = made.partition(Result::is_ok);
            // A set may have keys of other kinds in it, too.
            let count = if usable.is_empty() { others } else { usable };
            for own in count {
                keys.push(own?);
            }
            // A short text is no better for having been hashed into a long key, or for the prefix that all have.
            if let Some(text) = text {
                key.check_strength(text)?;
            }
        }
        let layout = Layout::new(&form.signature, timestamp_at(form), labels);
        let mut sets = header_sets(form).into_iter();
        let slots = form.signature.slots.iter();
        let names = sets
            .next()
            .ok_or(SchemeError::Nothing("header of the signature"))?;
        Ok(Self {
            layout,
            listed: names.timestamp.iter().chain(&names.id).cloned().collect(),
            names,
            fallbacks: sets.collect(),
            slots: slots
                .filter_map(|slot| Some((slot.label.clone(), header(&slot.from)?.clone())))
                .collect(),
            unit: form.timestamp.as_ref().map(|timestamp| timestamp.unit),
            reads_elsewhere: elements(form).any(Place::is_elsewhere),
            keys,
            challenges: Vec::new(),
            form: form.clone(),
        })
    }

    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn unit(&self) -> Option<Unit> {
        self.unit
    }

    pub(crate) fn keys(&self) -> &[PlanKey] {
        &self.keys
    }

    /// Whether the head of a request tells that it is signed in this way.
    pub(crate) fn is_chosen_by_the_head(&self) -> bool {
        self.form.when.0.iter().all(When::is_of_the_head)
    }

    /// Looks at what stands in the head: presence and grammar.
    pub(crate) fn check_head(&self, headers: &HeaderMap) -> Result<(), Reason> {
        let mut places = elements(&self.form);
        if !places.all(|place| place.is_of_the_head() && !place.is_elsewhere()) {
            return Ok(());
        }
        let mut found = Found::default();
        self.read_signatures(headers, None, &mut found)?;
        self.read(headers, &Texts::default(), &found)?;
        self.layout.check(&found)
    }

    /// Whether this message is enough for a request with this body: it has the body in it, or the scheme says why not.
    #[inline]
    pub(crate) fn is_signed_by(&self, message: &Template, body: &[u8]) -> bool {
        let lax = || self.form.unsigned_body.is_some() || self.form.demands_body();
        body.is_empty() || message.covers_body() || lax()
    }

    /// Whether the key has to be fetched.
    pub(crate) fn fetches_key(&self) -> bool {
        self.keys
            .first()
            .is_some_and(|key| key.to_fetch().is_some())
    }

    /// Where the key of this request has to be fetched from, if it has to be.
    #[inline]
    pub(crate) fn key_url(&self, source: &Source<'_>) -> Result<Option<KeyUrl>, Reason> {
        let key = self.keys.first().and_then(PlanKey::to_fetch);
        match (key, &self.form.key_url) {
            (Some((key, digest)), Some(form)) => form.url(source, key, digest).map(Some),
            _ => Ok(None),
        }
    }

    /// The headers that a list of signed headers has to name.
    pub(crate) fn listed(&self) -> &[HeaderName] {
        &self.listed
    }

    /// Whether a request is signed in this way.
    pub(crate) fn applies(&self, source: &Source<'_>) -> Result<bool, Reason> {
        for condition in &self.form.when.0 {
            if !condition.applies(source)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The signed message of requests with this method.
    #[inline]
    pub(crate) fn message(&self, method: &Method) -> Result<&Template, Reason> {
        self.form.message(method).ok_or(Reason::MethodNotSigned)
    }

    /// Whether a verdict depends on this header.
    pub(crate) fn reads(&self, name: &HeaderName) -> bool {
        let mut sets = iter::once(&self.names).chain(&self.fallbacks);
        let numbered = self.form.signature.from.iter().any(
            |place| matches!(place, Place::Numbered(prefix) if name.as_str().starts_with(prefix)),
        );
        let conditions = self.form.when.0.iter();
        let conditions = conditions.flat_map(When::places);
        let demands = self.form.require.iter().map(|demand| &demand.from);
        let key = self.form.key_url.iter().flat_map(|form| &form.from);
        let demands = demands.chain(key);
        let by_type = || {
            let mut conditions = self.form.when.0.iter();
            conditions.any(|when| !when.content_type.is_empty())
        };
        sets.any(|set| set.names().any(|header| header == name))
            || numbered
            || *name == CONTENT_TYPE && by_type()
            || self.slots.iter().any(|(_, header)| header == name)
            || conditions
                .chain(demands)
                .filter_map(header)
                .any(|header| header == name)
            || self.form.messages().any(|message| message.reads(name))
    }

    /// Whether a handshake would make the MAC of this message for anybody, so that it proves nothing.
    #[inline]
    pub(crate) fn seals_for_anybody(&self, message: Message<'_>) -> bool {
        let mut challenges = self.challenges.iter();
        !self.challenges.is_empty() && challenges.any(|plain| plain.is(message.pieces()))
    }

    /// The first set of headers that has anything in the request.
    fn header_set(&self, headers: &HeaderMap) -> &HeaderSet {
        if self.fallbacks.is_empty() || self.names.is_in(headers) {
            return &self.names;
        }
        let mut fallbacks = self.fallbacks.iter();
        fallbacks
            .find(|set| set.is_in(headers))
            .unwrap_or(&self.names)
    }
}

impl HeaderSet {
    fn is_in(&self, headers: &HeaderMap) -> bool {
        self.names().any(|name| headers.contains_key(name))
    }

    fn names(&self) -> impl Iterator<Item = &HeaderName> {
        iter::empty()
            .chain(&self.signature)
            .chain(&self.timestamp)
            .chain(&self.id)
    }
}

/// The rule of a key that is fetched, if the scheme says from where.
fn fetched_rule<'a>(key: &Key, keyring: &Keyring, form: &'a Form) -> Result<&'a Rule, KeyError> {
    let problem = |why| KeyError::of(key.id(), KeyProblem::NotFetchable(why));
    let key_url = form.key_url.as_ref();
    let key_url = key_url.ok_or_else(|| problem("the scheme does not say where keys are"))?;
    if keyring.iter().count() > 1 {
        return Err(problem("it has to be the only key"));
    }
    match (key.url(), &key_url.from) {
        (Some(_), Some(_)) => return Err(problem("each request says where its key is")),
        (Some(own), None) if !key_url.https.allows(own.as_bytes()) => {
            return Err(problem("its URL is not one that the scheme allows"));
        }
        _ => {}
    }
    let rule = form.rules.first();
    rule.ok_or_else(|| problem("the scheme has no rule for it"))
}

/// What is in a key under the rule for it.
pub(crate) fn read_key(key: &Key, form: &Form) -> Result<Vec<material::Material>, KeyError> {
    rule_of(key, &form.rules).map(|(_, _, materials)| materials)
}

/// Whether the rule for a key has it verify and not sign.
pub(crate) fn is_public(key: &Key, form: &Form) -> bool {
    rule_of(key, &form.rules).is_ok_and(|(rule, ..)| rule.digest.is_public())
}

/// The first rule whose form of key this key has, its text without the prefix, and what is in it.
fn rule_of<'k, 'r>(
    key: &'k Key,
    rules: &'r [Rule],
) -> Result<(&'r Rule, &'k [u8], Vec<material::Material>), KeyError> {
    let problem = |problem| KeyError::of(key.id(), problem);
    let Material::Secret(secret) = key.material() else {
        return Err(problem(KeyProblem::Hashed));
    };
    let whole = secret.expose();
    let mut forms = rules.iter().filter_map(|rule| {
        let owner = rule.key.id.as_deref();
        if owner.is_some_and(|id| id != key.id().as_str()) {
            return None;
        }
        let prefix = rule.key.prefix.as_deref().unwrap_or_default();
        match whole.strip_prefix(prefix.as_bytes()) {
            None if !rule.key.optional => None,
            bare => Some((rule, bare.unwrap_or(whole))),
        }
    });
    let (rule, text) = forms
        .next()
        .ok_or_else(|| problem(KeyProblem::UnknownPrefix))?;
    let materials = material::read(&rule.key, text, whole).map_err(problem)?;
    Ok((rule, text, materials))
}

fn timestamp_at(form: &Form) -> TimestampAt {
    let place = form
        .timestamp
        .as_ref()
        .and_then(|timestamp| timestamp.from.iter().next());
    match place {
        Some(Place::First) => TimestampAt::First,
        Some(Place::Pair(name)) => TimestampAt::Pair(name.clone()),
        _ => TimestampAt::Elsewhere,
    }
}

/// Every place that a form reads an element from.
fn elements(form: &Form) -> impl Iterator<Item = &Place> {
    let timestamp = form.timestamp.iter();
    let timestamp = timestamp.flat_map(|timestamp| timestamp.from.iter());
    let id = form.id.iter().flat_map(|id| id.from.iter());
    form.signature.from.iter().chain(timestamp).chain(id)
}

fn header(place: &Place) -> Option<&HeaderName> {
    match place {
        Place::Header(name) => Some(name),
        _ => None,
    }
}

fn header_sets(form: &Form) -> Vec<HeaderSet> {
    let at = |places: Option<&[Place]>, index| header(places?.get(index)?).cloned();
    let signature = form.signature.from.as_slice();
    let timestamp = form
        .timestamp
        .as_ref()
        .map(|timestamp| timestamp.from.as_slice());
    let id = form.id.as_ref().map(|id| id.from.as_slice());
    let set = |index| HeaderSet {
        signature: at(Some(signature), index),
        timestamp: at(timestamp, index),
        id: at(id, index),
    };
    (0..signature.len().max(1)).map(set).collect()
}
