//! A request while it is being signed: what is added to it, wherever that stands.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{SignError, ToSign, Written};
use crate::element::Source;
use crate::json::Json;
use crate::scheme::Place;
use crate::{PublicUrl, form, json};

/// A request, and what was written into it so far.
#[derive(Clone)]
pub(super) struct Draft<'a> {
    method: &'a Method,
    base: &'a str,
    target: Cow<'a, str>,
    own: &'a HeaderMap,
    added: Vec<(HeaderName, HeaderValue)>,
    body: Cow<'a, [u8]>,
}

/// How a text is written where there is more than one way.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Kind {
    /// As a number, unless a text stands there already.
    Number,
    Text,
}

impl<'a> Draft<'a> {
    pub(super) fn new(message: &ToSign<'a>) -> Self {
        Self {
            method: message.method,
            base: message.url.base,
            target: message.url.target.into(),
            own: message.headers,
            added: Vec::new(),
            body: message.body.into(),
        }
    }

    /// The same request around another body.
    pub(super) fn around<'b>(&'b self, body: &'b [u8]) -> Draft<'b> {
        Draft {
            body: body.into(),
            target: Cow::Borrowed(&self.target),
            ..self.clone()
        }
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn set_body(&mut self, body: Vec<u8>) {
        self.body = body.into();
    }

    /// The request's own headers.
    pub(super) fn own(&self) -> &'a HeaderMap {
        self.own
    }

    /// The request's headers, with those that were added in the place of its own.
    pub(super) fn headers(&self) -> Cow<'a, HeaderMap> {
        if self.added.is_empty() {
            return Cow::Borrowed(self.own);
        }
        let mut headers = self.own.clone();
        for (name, _) in &self.added {
            headers.remove(name);
        }
        for (name, value) in &self.added {
            headers.append(name, value.clone());
        }
        Cow::Owned(headers)
    }

    /// The request for reading from, with these headers.
    pub(super) fn source<'b>(
        &'b self,
        headers: &'b HeaderMap,
        listed: &'b [HeaderName],
    ) -> Source<'b> {
        Source {
            method: self.method,
            url: PublicUrl::new(self.base, &self.target),
            headers,
            body: &self.body,
            json: Json::default(),
            token: None,
            listed,
        }
    }

    /// What stands at a place; what cannot be read does not stand there.
    pub(super) fn read(&self, place: &Place) -> Option<Vec<u8>> {
        if let Place::Header(name) = place
            && let Some((_, value)) = self.added.iter().find(|(added, _)| added == name)
        {
            return Some(value.as_bytes().to_vec());
        }
        let found = place.read(&self.source(self.own, &[])).ok().flatten();
        found.map(Cow::into_owned)
    }

    /// Adds a header in front of those that were added before.
    pub(super) fn add_first(&mut self, name: HeaderName, text: &[u8]) -> Result<(), SignError> {
        let mut value = HeaderValue::from_bytes(text)?;
        value.set_sensitive(true);
        self.added.insert(0, (name, value));
        Ok(())
    }

    /// Writes a text at a place, over what stands there.
    pub(super) fn put(&mut self, place: &Place, text: &[u8], kind: Kind) -> Result<(), SignError> {
        let unwritable = || SignError::Unwritable(place.to_string());
        match place {
            Place::Header(name) => {
                self.added.retain(|(added, _)| added != name);
                let value = HeaderValue::from_bytes(text)?;
                self.added.push((name.clone(), value));
            }
            Place::Form(name) => {
                let body = form::put(&self.body, name, text).map_err(|_| unwritable())?;
                self.body = body.into();
            }
            Place::Query(name) => {
                let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
                let query = form::put(query.as_bytes(), name, text).map_err(|_| unwritable())?;
                let query = String::from_utf8(query).map_err(|_| unwritable())?;
                self.target = format!("{path}?{query}").into();
            }
            Place::Json(pointer) => {
                let is_text = kind == Kind::Text || json::is_text(&self.body, pointer);
                let value = match is_text {
                    true => json::quoted(text).ok_or_else(unwritable)?,
                    false => text.to_vec(),
                };
                let body = json::put(&self.body, pointer, &value).map_err(|_| unwritable())?;
                self.body = body.into();
            }
            Place::Claim(_) | Place::First | Place::Numbered(_) | Place::Pair(_) => {
                return Err(unwritable());
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Written {
        Written {
            headers: self.added,
            body: match self.body {
                Cow::Borrowed(_) => None,
                Cow::Owned(body) => Some(body),
            },
            target: match self.target {
                Cow::Borrowed(_) => None,
                Cow::Owned(target) => Some(target),
            },
        }
    }
}
