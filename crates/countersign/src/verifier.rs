//! Is this request genuine? One engine for every scheme.
//!
//! The signature is judged before the time is, so that "stale" in a log means genuine but old.

use std::fmt;
use std::iter;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, Method};

use crate::element::Source;
use crate::grammar::Found;
use crate::json::{Json, Pointer, Reading};
use crate::message::{Template, Words};
use crate::plan::{Checks, Plan, Texts, Token};
use crate::scheme::Form;
use crate::{
    FetchedKey, KeyId, KeyUrl, Keyring, PublicUrl, Reason, Rejection, Scheme, SchemeError, Signed,
    Validity, Verified, Window,
};

mod checks;
mod trial;

use trial::Sent;

/// Verifies requests under one scheme with one keyring.
///
/// Everything that does not depend on the request is computed when it is made; a clone shares it.
#[derive(Clone)]
pub struct Verifier {
    scheme: Scheme,
    /// One for each way in which the scheme signs, in the order in which they are looked for.
    plans: Arc<[Plan]>,
    /// Every place of a body that is looked at.
    places: Arc<[Pointer]>,
    window: Option<Window>,
    refuses_target_bodies: bool,
    refuses_url_bodies: bool,
}

impl Verifier {
    /// Compiles a scheme with its keys; the window is the scheme's own.
    pub fn new(scheme: &Scheme, keys: &Keyring) -> Result<Self, SchemeError> {
        Ok(Self {
            scheme: scheme.clone(),
            plans: Plan::all(scheme, keys)?.into(),
            places: scheme.json_places().into(),
            window: scheme.default_window(),
            refuses_target_bodies: false,
            refuses_url_bodies: scheme.mixes_forms(),
        })
    }

    /// Sets how far the signed time may lie from now; `None` leaves the time unchecked.
    ///
    /// A scheme that signs no time cannot have a window.
    pub fn with_window(mut self, window: Option<Window>) -> Result<Self, SchemeError> {
        if window.is_some() && !self.scheme.signs_time() {
            return Err(SchemeError::WindowWithoutTime);
        }
        self.window = window;
        Ok(self)
    }

    /// Refuses bodies that begin with the public address, where the scheme signs URLs too; or with a
    /// slash, where it signs targets alone.
    ///
    /// Such a scheme does not sign the method, so that a captured GET verifies as a POST whose body
    /// is the URL. A flow that takes both kinds of method needs this.
    #[must_use]
    pub fn refuse_url_bodies(mut self) -> Self {
        let without_body = |form: &Form, covers: fn(&Template) -> bool| {
            let mut messages = form.messages();
            messages.any(|message| covers(message) && !message.covers_body())
        };
        let forms = self.scheme.forms();
        self.refuses_url_bodies |= forms
            .iter()
            .any(|form| without_body(form, Template::covers_url));
        self.refuses_target_bodies = forms.iter().any(|form| {
            without_body(form, |message| {
                message.covers_target() && !message.covers_url()
            })
        });
        self
    }

    /// How far the signed time may lie from now.
    pub fn window(&self) -> Option<Window> {
        self.window
    }

    /// The keys, in order, and when each counts.
    pub fn keys(&self) -> impl Iterator<Item = (&KeyId, Validity)> {
        let mut last = None;
        let keys = self.plans.first().into_iter().flat_map(Plan::keys);
        // A key of several readings is there once for each of them, one after the other.
        keys.filter(move |key| last.replace(&key.id) != Some(&key.id))
            .map(|key| (&key.id, key.validity()))
    }

    /// The scheme that is verified.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Whether a verdict depends on this header: it holds a signature, its time or its id, or is signed.
    pub fn reads(&self, name: &HeaderName) -> bool {
        self.plans.iter().any(|plan| plan.reads(name))
    }

    /// Looks at everything that can be judged before the body is read: presence and grammar.
    pub fn check_head(&self, method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
        let source = Source {
            method,
            url: PublicUrl::default(),
            headers,
            body: b"",
            json: Json::default(),
            token: None,
            listed: &[],
        };
        self.check_keys()?;
        for plan in self.plans.iter() {
            if !plan.is_chosen_by_the_head() {
                return Ok(());
            }
            if plan.applies(&source)? {
                plan.message(method)?.check_headers(headers)?;
                return Ok(plan.check_head(headers)?);
            }
        }
        Err(Reason::UnknownForm.into())
    }

    /// Whether the key has to be fetched for each request.
    pub fn fetches_key(&self) -> bool {
        let mut plans = self.plans.iter();
        plans.any(Plan::fetches_key)
    }

    /// Where the key of a request has to be fetched from, if it has to be.
    ///
    /// It is worth asking once [`verify`](Self::verify) has refused the request with
    /// [`Reason::KeyNotFetched`]: everything that costs nothing has been looked at then.
    pub fn key_url(&self, request: &Signed<'_>) -> Result<Option<KeyUrl>, Rejection> {
        let reading = Reading::default();
        let source = self.source(request, &reading);
        let plan = self.choose(&source)?;
        Ok(plan.key_url(&source)?)
    }

    /// Judges a request.
    pub fn verify(&self, request: &Signed<'_>) -> Result<Verified, Rejection> {
        self.judge_all(request, None)
    }

    /// Judges a request with the key that was fetched for it.
    pub fn verify_with(
        &self,
        request: &Signed<'_>,
        fetched: &FetchedKey,
    ) -> Result<Verified, Rejection> {
        self.judge_all(request, Some(fetched))
    }

    fn source<'a>(&'a self, request: &Signed<'a>, reading: &'a Reading) -> Source<'a> {
        Source {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            json: Json::new(&self.places, reading),
            token: None,
            listed: &[],
        }
    }

    fn judge_all(
        &self,
        request: &Signed<'_>,
        fetched: Option<&FetchedKey>,
    ) -> Result<Verified, Rejection> {
        self.check_keys()?;
        let reading = Reading::default();
        let mut source = self.source(request, &reading);
        let plan = self.choose(&source)?;
        source.listed = plan.listed();
        let mut checks = Checks::of_a_request();
        let Some(place) = &plan.form().each else {
            return self.judge(plan, &source, fetched, request.now, &mut checks);
        };
        let items = source.find(place)?.ok_or(Reason::MissingElement)?;
        let items = items.elements().map_err(|_| Reason::MalformedBody)?;
        let mut verdicts = Vec::with_capacity(items.len());
        for item in items {
            let reading = Reading::default();
            let source = Source {
                body: item,
                json: Json::new(&self.places, &reading),
                ..source
            };
            verdicts.push(self.judge(plan, &source, fetched, request.now, &mut checks)?);
        }
        Ok(Verified::all(verdicts)?)
    }

    /// The MAC of a challenge, under this key or the first that counts, and the id of that key.
    pub(crate) fn seal(
        &self,
        key: Option<&KeyId>,
        now: SystemTime,
        challenge: &[u8],
    ) -> Option<(&KeyId, Vec<u8>)> {
        let mut keys = self.plans.first()?.keys().iter();
        keys.find_map(|own| {
            let meant = key.is_none_or(|key| *key == own.id) && own.is_active(now);
            let mac = own.lock.seal(challenge).filter(|_| meant)?;
            Some((&own.id, mac))
        })
    }

    /// Whether there is a key at all: without one no request is worth a look.
    fn check_keys(&self) -> Result<(), Reason> {
        match self.plans.iter().all(|plan| plan.keys().is_empty()) {
            true => Err(Reason::NoActiveKey),
            false => Ok(()),
        }
    }

    /// The way in which a request is signed: the first that applies to it.
    fn choose(&self, source: &Source<'_>) -> Result<&Plan, Reason> {
        for plan in self.plans.iter() {
            if plan.applies(source)? {
                return Ok(plan);
            }
        }
        Err(Reason::UnknownForm)
    }

    fn judge(
        &self,
        plan: &Plan,
        source: &Source<'_>,
        fetched: Option<&FetchedKey>,
        now: SystemTime,
        checks: &mut Checks,
    ) -> Result<Verified, Rejection> {
        let template = plan.message(source.method)?;
        let mut found = Found::default();
        let text = match plan.reads_elsewhere() {
            true => plan.signature_text(source)?,
            false => None,
        };
        plan.read_signatures(source.headers, text.as_deref(), &mut found)?;
        let token = plan.token(&found)?;
        let with_token;
        let source = match &token {
            None => source,
            Some(token) => {
                with_token = Source {
                    token: Some(token),
                    ..*source
                };
                &with_token
            }
        };
        let texts = match plan.reads_elsewhere() {
            true => plan.texts(source)?,
            false => Texts::default(),
        };
        let elements = plan.read(source.headers, &texts, &found)?;
        for demand in &plan.form().require {
            demand.check(source)?;
        }
        if let Some(key_url) = &plan.form().key_url {
            key_url.demand(source)?;
        }
        self.check_body(plan, template, source.url, source.body)?;
        let fetched = match plan.key_url(source)? {
            None => None,
            Some(url) => match fetched.filter(|key| key.is_from(&url)) {
                None => return Err(Reason::KeyNotFetched.into()),
                Some(fetched) if !fetched.covers(now) => return Err(Reason::UntrustedKey.into()),
                Some(fetched) => Some(fetched),
            },
        };
        let sent = Sent {
            found: &found,
            named: token.as_ref().and_then(Token::key),
            id: elements.id,
            fetched,
        };
        let mut outcome = Err(Reason::BadSignature);
        let others = plan.form().or.iter();
        let others = others.filter(|other| {
            plan.is_signed_by(other, source.body) && !other.may_be_lengthened(source.body)
        });
        for template in iter::once(template).chain(others) {
            let derived = match template.derives() {
                true => template.derive(source)?,
                false => Vec::new(),
            };
            let words = Words {
                timestamp: elements.timestamp,
                id: elements.id,
                method: source.method,
                url: source.url,
                headers: source.headers,
                body: source.body,
                derived: &derived,
            };
            let message = template.fill(&words)?;
            outcome = sent.matching(plan, message, now, checks);
            if outcome.is_ok() && plan.seals_for_anybody(message) {
                return Err(Reason::ChallengeBody.into());
            }
            if outcome != Err(Reason::BadSignature) {
                break;
            }
        }
        let (key, replay_key) =
            outcome.map_err(|reason| Rejection::from(reason).signed_at(elements.time, now))?;
        self.check_time(plan, &elements, source.body, now)?;
        Ok(Verified::signed(key.clone(), elements.time, replay_key))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plans.first().into_iter();
        let keys: Vec<_> = plan
            .flat_map(|plan| plan.keys().iter().map(|key| key.id.as_str()))
            .collect();
        f.debug_struct("Verifier")
            .field("scheme", &self.scheme.name())
            .field("keys", &keys)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
