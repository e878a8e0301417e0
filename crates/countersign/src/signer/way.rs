//! One way of signing, compiled with its keys: everything that does not depend on the request.

use std::borrow::Cow;

use http::HeaderName;

use super::draft::{Draft, Kind};
use super::key::SigningKey;
use super::line::{Signature, lines, spelled};
use super::{SignError, ToSign};
use crate::json::{Malformed, edit_each};
use crate::message::{Template, Words};
use crate::plan::is_id;
use crate::scheme::{Form, Grammar, Place};
use crate::{Keyring, Reason, Scheme, SchemeError, Unit};

pub(super) struct Way {
    form: Form,
    /// Where the form stands among all of its scheme.
    index: usize,
    keys: Vec<SigningKey>,
    /// The headers that a list of signed headers has to name.
    listed: Vec<HeaderName>,
}

impl Way {
    /// Compiles every way in which requests can be signed here.
    pub(super) fn all(scheme: &Scheme, keyring: &Keyring) -> Result<Vec<Self>, SchemeError> {
        let forms = scheme.forms().iter().enumerate();
        let forms: Vec<_> = forms.filter(|(_, form)| can_sign(form)).collect();
        if forms.is_empty() {
            return Err(SchemeError::OnlyVerifies);
        }
        if let Some(name) = scheme.missing_parameters().next() {
            return Err(SchemeError::MissingParameter(name.to_owned()));
        }
        let ways = forms.into_iter();
        ways.map(|(index, form)| Self::new(index, form, keyring))
            .collect()
    }

    fn new(index: usize, form: &Form, keyring: &Keyring) -> Result<Self, SchemeError> {
        let keys = keyring.iter().map(|key| SigningKey::new(key, &form.rules));
        let first = |places: Option<&[Place]>| match places.and_then(<[_]>::first) {
            Some(Place::Header(name)) => Some(name.clone()),
            _ => None,
        };
        let timestamp = form.timestamp.as_ref().map(|time| time.from.as_slice());
        let id = form.id.as_ref().map(|id| id.from.as_slice());
        Ok(Self {
            keys: keys.collect::<Result<_, _>>()?,
            listed: first(timestamp).into_iter().chain(first(id)).collect(),
            form: form.clone(),
            index,
        })
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        self.keys.iter()
    }

    /// Whether all that it adds to a request are headers.
    pub(super) fn adds_headers_only(&self) -> bool {
        let form = &self.form;
        let timestamp = form.timestamp.iter().flat_map(|time| time.from.iter());
        let id = form.id.iter().flat_map(|id| id.from.iter());
        let demands = form.require.iter().map(|demand| &demand.from);
        let written = form.signature.from.iter().chain(timestamp).chain(id);
        !written.chain(demands).any(Place::is_elsewhere)
    }

    /// Whether a request asks to be signed in this way, as it is.
    pub(super) fn is_asked_for(&self, draft: &Draft<'_>) -> bool {
        let source = draft.source(draft.own(), &[]);
        let conditions = &self.form.when.0;
        conditions
            .iter()
            .all(|condition| condition.applies(&source).unwrap_or(false))
    }

    /// Whether a receiver takes a request as signed in this way.
    pub(super) fn is_chosen(&self, scheme: &Scheme, draft: &Draft<'_>) -> bool {
        let [_, _, ..] = scheme.forms() else {
            return true;
        };
        let headers = draft.headers();
        let source = draft.source(&headers, &[]);
        let applies = |form: &Form| {
            let mut conditions = form.when.0.iter();
            conditions.try_fold(true, |all, when| Ok(all & when.applies(&source)?))
        };
        for (index, form) in scheme.forms().iter().enumerate() {
            match applies(form) {
                Ok(true) => return index == self.index,
                Ok(false) => {}
                Err::<_, Reason>(_) => return false,
            }
        }
        false
    }

    /// Writes all that a request lacks into it.
    pub(super) fn write(
        &self,
        draft: &mut Draft<'_>,
        message: &ToSign<'_>,
    ) -> Result<(), SignError> {
        let Some(place) = &self.form.each else {
            return self.sign(draft, message);
        };
        let mut any = false;
        let body = edit_each(draft.body(), place, |item| {
            any = true;
            let mut part = draft.around(item);
            self.sign(&mut part, message)?;
            Ok(part.body().to_vec())
        });
        let unfit = |unedited| match unedited {
            Unedited::Refused(error) => error,
            Unedited::Malformed => SignError::Unwritable(format!("json:{place}")),
        };
        draft.set_body(body.map_err(unfit)?);
        match any {
            true => Ok(()),
            false => Err(SignError::Missing(format!("json:{place}"))),
        }
    }

    fn sign(&self, draft: &mut Draft<'_>, message: &ToSign<'_>) -> Result<(), SignError> {
        let template = self.form.message(message.method);
        let template = template.ok_or(SignError::MethodNotSigned)?;
        self.check_body(template, draft.body())?;
        self.meet_demands(draft)?;
        let timestamp = self.put_timestamp(draft, message)?;
        let id = self.put_id(draft, message)?;
        self.put_list(template, draft)?;
        self.put_digests(draft)?;
        let signatures = self.signatures(template, draft, message, &timestamp, &id)?;
        self.put_signatures(draft, &timestamp, &signatures)
    }

    fn check_body(&self, template: &Template, body: &[u8]) -> Result<(), SignError> {
        let form = &self.form;
        let lax = form.unsigned_body.is_some() || form.demands_body();
        if !template.covers_body() && !body.is_empty() && !lax {
            return Err(SignError::UnsignedBody);
        }
        match body.is_empty() && form.needs_body {
            true => Err(SignError::EmptyBody),
            false => Ok(()),
        }
    }

    /// Writes the texts that are known: of the conditions for this way, and of what is demanded.
    fn meet_demands(&self, draft: &mut Draft<'_>) -> Result<(), SignError> {
        let conditions = self.form.when.0.iter();
        let conditions = conditions.filter_map(|when| Some((when.from.as_ref()?, &when.is)));
        let demands = self.form.require.iter();
        let demands = demands.map(|demand| (&demand.from, &demand.is));
        for (place, texts) in conditions.chain(demands) {
            let Some(wanted) = texts.as_slice().first() else {
                continue;
            };
            match draft.read(place) {
                Some(found) if texts.iter().any(|text| *text.as_bytes() == *found) => {}
                Some(_) => return Err(SignError::Contradiction(place.to_string())),
                None => draft.put(place, wanted.as_bytes(), Kind::Text)?,
            }
        }
        Ok(())
    }

    fn put_timestamp(
        &self,
        draft: &mut Draft<'_>,
        message: &ToSign<'_>,
    ) -> Result<String, SignError> {
        let Some(timestamp) = &self.form.timestamp else {
            return Ok(String::new());
        };
        let text = timestamp.unit.write(message.now).ok_or(SignError::Clock)?;
        // Beside a signature that is a text in the body, a time is one too.
        let is_beside = matches!(self.form.signature.from.as_slice(), [Place::Json(_)]);
        let kind = match timestamp.unit {
            Unit::Rfc3339 => Kind::Text,
            _ if is_beside => Kind::Text,
            _ => Kind::Number,
        };
        match timestamp.from.iter().next() {
            None | Some(Place::Pair(_) | Place::First) => {}
            Some(place) => draft.put(place, text.as_bytes(), kind)?,
        }
        Ok(text)
    }

    /// Writes the id that the caller gives, else keeps the one that the request has.
    fn put_id(&self, draft: &mut Draft<'_>, message: &ToSign<'_>) -> Result<String, SignError> {
        let Some(form) = &self.form.id else {
            return Ok(String::new());
        };
        let given = message.id.map(|id| id.as_bytes().to_vec());
        let own = || form.from.iter().find_map(|place| draft.read(place));
        let id = given.or_else(own).ok_or(SignError::MissingId)?;
        let id = String::from_utf8(id).ok().filter(|id| is_id(id.as_bytes()));
        let id = id.ok_or(SignError::MalformedId)?;
        if let Some(place) = form.from.iter().next() {
            draft.put(place, id.as_bytes(), Kind::Text)?;
        }
        Ok(id)
    }

    /// Writes the list of signed headers, where the scheme has one and the request does not.
    fn put_list(&self, template: &Template, draft: &mut Draft<'_>) -> Result<(), SignError> {
        let Some(name) = template.list() else {
            return Ok(());
        };
        let place = Place::Header(name.clone());
        if draft.own().contains_key(name) {
            return Ok(());
        }
        let names = [name].into_iter().chain(&self.listed);
        let names: Vec<_> = names.map(HeaderName::as_str).collect();
        draft.put(&place, names.join(",").as_bytes(), Kind::Text)
    }

    /// Writes the body's hash where the scheme wants it in a header or in the URL.
    fn put_digests(&self, draft: &mut Draft<'_>) -> Result<(), SignError> {
        for demand in &self.form.require {
            if let (Some(digest), Place::Header(_) | Place::Query(_)) = (demand.body, &demand.from)
            {
                let text = digest.text(draft.body());
                draft.put(&demand.from, text.as_bytes(), Kind::Text)?;
            }
        }
        Ok(())
    }

    fn signatures(
        &self,
        template: &Template,
        draft: &Draft<'_>,
        message: &ToSign<'_>,
        timestamp: &str,
        id: &str,
    ) -> Result<Vec<Signature>, SignError> {
        let headers = match template.reads_headers() || !self.form.require.is_empty() {
            true => draft.headers(),
            false => Cow::Borrowed(draft.own()),
        };
        let source = draft.source(&headers, &self.listed);
        for demand in &self.form.require {
            demand.check(&source).map_err(|reason| match reason {
                Reason::MissingElement => SignError::Missing(demand.from.to_string()),
                _ => SignError::Contradiction(demand.from.to_string()),
            })?;
        }
        let unfit = |reason| match reason {
            Reason::UnknownUrl => SignError::UnknownUrl,
            reason => SignError::Unfit {
                message: template.to_string(),
                reason,
            },
        };
        if template.begins_with_secret() && str::from_utf8(source.body).is_err() {
            return Err(unfit(Reason::MalformedBody));
        }
        let derived = template.derive(&source).map_err(unfit)?;
        let words = Words {
            timestamp: timestamp.as_bytes(),
            id: id.as_bytes(),
            method: source.method,
            url: source.url,
            headers: source.headers,
            body: source.body,
            derived: &derived,
        };
        let filled = template.fill(&words).map_err(unfit)?;
        let mut live: Vec<&SigningKey> = Vec::new();
        let mut signatures = Vec::new();
        for key in self.keys.iter().filter(|key| key.is_active(message.now)) {
            let before = live.iter().filter(|other| other.is_like(key)).count();
            let text = spelled(self.form.signature.encoding, key.sign(filled));
            signatures.push((key.label(before).to_owned(), text));
            live.push(key);
        }
        match signatures.is_empty() {
            true => Err(SignError::NoActiveKey),
            false => Ok(signatures),
        }
    }

    fn put_signatures(
        &self,
        draft: &mut Draft<'_>,
        timestamp: &str,
        signatures: &[Signature],
    ) -> Result<(), SignError> {
        for slot in self.form.signature.slots.iter().rev() {
            let mut fitting = signatures.iter();
            if let (Some((_, text)), Place::Header(name)) =
                (fitting.find(|(label, _)| *label == slot.label), &slot.from)
            {
                draft.add_first(name.clone(), text)?;
            }
        }
        let Some(place) = self.form.signature.from.iter().next() else {
            return Ok(());
        };
        let lines = lines(&self.form, timestamp, signatures);
        for (index, line) in lines.into_iter().enumerate().rev() {
            match place {
                Place::Header(name) => draft.add_first(name.clone(), &line)?,
                Place::Numbered(prefix) => {
                    let name = format!("{prefix}{}", index.saturating_add(1));
                    let name = name.parse().map_err(|_| SignError::Unprintable)?;
                    draft.add_first(name, &line)?;
                }
                place => draft.put(place, &line, Kind::Text)?,
            }
        }
        Ok(())
    }
}

/// Why an array was not edited.
enum Unedited {
    Malformed,
    Refused(SignError),
}

impl From<Malformed> for Unedited {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<SignError> for Unedited {
    fn from(error: SignError) -> Self {
        Self::Refused(error)
    }
}

/// Whether signatures of this form can be made here, and do not stand in what they cover.
fn can_sign(form: &Form) -> bool {
    let covers_itself = |message: &Template| {
        form.signature.from.iter().any(|place| match place {
            Place::Form(_) | Place::Json(_) => message.covers_body(),
            Place::Query(_) => message.covers_target(),
            _ => false,
        })
    };
    !matches!(form.signature.grammar, Grammar::Token(_))
        && form.rules.iter().any(|rule| rule.digest.can_sign())
        && !form.messages().any(covers_itself)
}
