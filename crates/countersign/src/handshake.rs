//! How senders make sure of their receiver before they send: handshakes, said as data.
//!
//! One engine answers all of them. A handshake without a signature is answered from the head of a request,
//! exactly as it is described, and never with more than the sender's own words or a MAC of them; one with
//! a signature is looked at only after the verdict. Whatever is no handshake goes its usual way.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use crate::element::Source;
use crate::json::{Json, Pointer, Reading};
use crate::mac;
use crate::scheme::Place;
use crate::{Auth, Scheme, SchemeError, Secret, Signed, Verified, Verifier};

mod answer;
mod check;
mod description;
mod echo;
mod plain;
mod preset;
mod proof;

pub use answer::HandshakeAnswer;
pub(crate) use check::check;
pub(crate) use description::HandshakeForm;
pub(crate) use echo::Echo;
use echo::Words;
pub(crate) use plain::Plain;
pub(crate) use proof::Expected;

/// The handshakes that a receiver answers: those of its flow's scheme, and others beside them.
#[derive(Clone, Default)]
pub struct Handshakes {
    forms: Arc<[HandshakeForm]>,
    parameters: Parameters,
    /// Every place of a body that is looked at, so that a body is read once.
    places: Arc<[Pointer]>,
}

/// Texts that the receiver's configuration gives, some of them secret.
type Parameters = BTreeMap<String, Secret>;

/// A handshake with a token that is not the receiver's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WrongToken(());

impl Handshakes {
    /// The handshakes of a scheme; many have none.
    ///
    /// Where others can make genuine requests too, no URL is visited for them: fill the parameter in first that tells
    /// one's own requests from theirs.
    pub fn of(scheme: &Scheme) -> Self {
        let shared = scheme.shared_key().is_some();
        let forms = scheme.handshakes().iter();
        let forms = forms.filter(|form| form.visit.is_none() || !shared);
        Self::new(forms.cloned().collect(), Parameters::new())
    }

    /// A handshake that goes with any scheme, by name.
    pub fn preset(name: &str) -> Option<Self> {
        preset::find(name).map(|forms| Self::new(forms, Parameters::new()))
    }

    fn new(forms: Vec<HandshakeForm>, parameters: Parameters) -> Self {
        let places = forms.iter().flat_map(HandshakeForm::places);
        let places = places.filter_map(|place| match place {
            Place::Json(pointer) => Some(pointer.clone()),
            _ => None,
        });
        Self {
            places: places.collect(),
            forms: forms.into(),
            parameters,
        }
    }

    /// The names of the handshakes that go with any scheme, in order.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        preset::names()
    }

    /// These and others.
    #[must_use]
    pub fn and(self, others: &Self) -> Self {
        let forms = self.forms.iter().chain(others.forms.iter());
        let mut parameters = self.parameters;
        parameters.extend(others.parameters.clone());
        Self::new(forms.cloned().collect(), parameters)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// The texts that handshakes need and a receiver's configuration has to give. A handshake that lacks one
    /// is not answered.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.forms.iter().flat_map(HandshakeForm::parameters)
    }

    /// The parameters that have no value yet.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        let known = |name: &&str| !self.parameters.contains_key(*name);
        self.parameters().filter(known)
    }

    /// The same with this value for the parameter of this name.
    pub fn with_parameter(mut self, name: &str, value: Secret) -> Result<Self, SchemeError> {
        if !self.parameters().any(|known| known == name) {
            return Err(SchemeError::UnknownParameter(name.to_owned()));
        }
        self.parameters.insert(name.to_owned(), value);
        Ok(self)
    }

    /// Whether one of them brings a key for the flow.
    pub fn bring_a_secret(&self) -> bool {
        self.forms.iter().any(|form| form.takes.is_some())
    }

    /// Whether anything stands in the head of this request where one of them has a secret or a token, be the request
    /// that handshake or not. Whoever keeps requests does not keep those.
    pub fn find_a_secret_in(&self, request: &Signed<'_>) -> bool {
        let reading = Reading::default();
        let source = self.asked(&Auth::None, request, &reading).source;
        let forms = self.forms.iter();
        let mut places = forms.flat_map(|form| {
            let token = form.token.iter().map(|token| &token.from);
            token.chain(&form.takes)
        });
        // What is there twice is there.
        places.any(|place| !matches!(place.read(&source), Ok(None)))
    }

    /// Whether one of them makes the MAC of a text for whoever asks.
    ///
    /// A verifier of its own scheme takes no such text for an event; one of another scheme with the same secret would.
    pub fn seal_for_anybody(&self) -> bool {
        let mut forms = self.forms.iter();
        forms.any(|form| !form.signed && form.mac.is_some())
    }

    /// The answer to a request from this address whose head is a handshake, before its body is read or anything
    /// verified.
    ///
    /// # Errors
    ///
    /// It is one in everything but the token that proves the sender.
    pub fn greet(
        &self,
        auth: &Auth,
        client: Option<IpAddr>,
        request: &Signed<'_>,
    ) -> Result<Option<HandshakeAnswer>, WrongToken> {
        let reading = Reading::default();
        let asked = self.asked(auth, request, &reading);
        let mut wrong = Ok(None);
        for form in self.forms.iter() {
            if form.signed || form.takes.is_some() || !asked.is(form) {
                continue;
            }
            if !auth.greets(client, form) {
                continue;
            }
            if self.has_token(form, &asked) == Some(false) {
                wrong = Err(WrongToken(()));
                continue;
            }
            if let Some(answer) = self.answer(form, &asked, None) {
                return Ok(Some(answer));
            }
        }
        wrong
    }

    /// The answer to a genuine request that is a handshake, and so no event.
    ///
    /// Of several auths only the one whose handshake it is makes it genuine: give each key an id of its own.
    pub fn confirm(
        &self,
        auth: &Auth,
        request: &Signed<'_>,
        verified: &Verified,
    ) -> Option<HandshakeAnswer> {
        if request.body.len() > LARGEST {
            return None;
        }
        let reading = Reading::default();
        let asked = self.asked(auth, request, &reading);
        let mut signed = self.forms.iter().filter(|form| form.signed);
        signed.find_map(|form| {
            let fits = asked.is(form) && auth.vouches(verified.key(), form);
            fits.then(|| self.answer(form, &asked, Some(verified)))?
        })
    }

    /// The secret that a request from this address brings, and what is answered once it is kept.
    ///
    /// Nothing proves who brings it: ask only while somebody has said that the sender is about to.
    pub fn offer(
        &self,
        auth: &Auth,
        client: Option<IpAddr>,
        request: &Signed<'_>,
    ) -> Option<(Secret, HandshakeAnswer)> {
        let reading = Reading::default();
        let asked = self.asked(auth, request, &reading);
        let mut forms = self.forms.iter();
        forms.find_map(|form| {
            let meant = || asked.is(form) && auth.greets(client, form);
            let place = form.takes.as_ref().filter(|_| meant())?;
            let secret = Plain::default().read(place, &asked.source)?;
            let answer = self.answer(form, &asked, None)?;
            Some((Secret::new(secret), answer))
        })
    }

    fn asked<'a>(
        &'a self,
        auth: &'a Auth,
        request: &Signed<'a>,
        reading: &'a Reading,
    ) -> Asked<'a> {
        Asked {
            auth,
            now: request.now,
            source: Source {
                method: request.method,
                url: request.url,
                headers: request.headers,
                body: request.body,
                json: Json::new(&self.places, reading),
                token: None,
                listed: &[],
            },
        }
    }

    /// Whether the token is the receiver's; nothing where there is none to compare with.
    fn has_token(&self, form: &HandshakeForm, asked: &Asked<'_>) -> Option<bool> {
        let token = form.token.as_ref()?;
        let own = self.parameters.get(&token.parameter)?;
        let sent = token.from.read(&asked.source).ok()??;
        Some(mac::same(own.expose(), &sent))
    }

    fn answer(
        &self,
        form: &HandshakeForm,
        asked: &Asked<'_>,
        verified: Option<&Verified>,
    ) -> Option<HandshakeAnswer> {
        if form.token.is_some() && self.has_token(form, asked) != Some(true) {
            return None;
        }
        let visit = match &form.visit {
            None => None,
            Some(visit) => {
                let url = visit.from.read(&asked.source).ok()??;
                let fits = visit.https.allows_with_query(&url);
                Some(String::from_utf8(url.into_owned()).ok().filter(|_| fits)?)
            }
        };
        let (key, mac) = match &form.mac {
            None => Default::default(),
            Some(mac) => {
                let challenge = Plain::from(mac).read(&mac.of, &asked.source)?;
                let by = verified.and_then(Verified::key);
                // Only the scheme's own keys: another's verifier would take what is sealed here for genuine.
                let own = asked.verifiers();
                let mut own = own.filter(|own| own.scheme().handshakes().contains(form));
                let (key, tag) =
                    own.find_map(|own| own.seal(by, asked.now, challenge.as_bytes()))?;
                (key.as_str(), mac.encoding.encode(&tag))
            }
        };
        let words = Words {
            source: &asked.source,
            key,
            mac: &mac,
            parameters: &self.parameters,
        };
        HandshakeAnswer::new(&form.answer, words, visit)
    }
}

/// One request, and who it is addressed to.
struct Asked<'a> {
    auth: &'a Auth,
    now: SystemTime,
    source: Source<'a>,
}

impl Asked<'_> {
    /// Whether it is this handshake; what cannot be read is none.
    fn is(&self, form: &HandshakeForm) -> bool {
        let mut conditions = form.when.0.iter();
        conditions.all(|when| when.applies(&self.source) == Ok(true))
    }

    fn verifiers(&self) -> impl Iterator<Item = &Verifier> {
        self.auth.parts().filter_map(|part| match part {
            Auth::Signature(verifier) => Some(verifier),
            _ => None,
        })
    }
}

/// Parameters may be secret: only their names are shown.
impl fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshakes")
            .field("handshakes", &self.forms.len())
            .field("parameters", &self.parameters.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl fmt::Display for WrongToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the handshake's token is not the one that is configured")
    }
}

impl std::error::Error for WrongToken {}

/// Larger bodies are events.
const LARGEST: usize = 16 * 1024;
