//! One way of signing, compiled with its keys: everything that does not depend on the request.

use std::borrow::Cow;

use http::HeaderName;

use super::draft::Draft;
use super::key::SigningKey;
use super::line::{Signature, spelled};
use super::{SignError, ToSign};
use crate::json::{Malformed, edit_each};
use crate::message::{Template, Words};
use crate::scheme::{Form, Grammar, Place};
use crate::{Keyring, Reason, Scheme, SchemeError};

mod put;

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
        if template.may_be_lengthened(source.body) {
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
