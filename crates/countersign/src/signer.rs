//! The inverse of a verifier: for outgoing requests, for tests, for the command line.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{Entry, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use crate::element::{Source, Token};
use crate::message::Words;
use crate::plan::{Plan, is_id};
use crate::{KeyError, KeyProblem, Keyring, PublicUrl, Reason, Scheme, SchemeError};

/// Signs requests under one scheme.
///
/// Every key that is live at the time signs, so that a receiver may change to a new one whenever it
/// likes. Where the scheme has room for one signature only, the first live key's stands there.
#[derive(Clone)]
pub struct Signer {
    scheme: Scheme,
    plan: Arc<Plan>,
    base: Arc<str>,
}

impl Signer {
    /// Compiles a scheme with its keys; all of them must be able to sign.
    pub fn new(scheme: &Scheme, keys: &Keyring) -> Result<Self, SchemeError> {
        // Of several ways to sign, the one that needs no particular request.
        let mut plans = Plan::all(scheme, keys)?.into_iter();
        let plan = plans.find(|plan| plan.form().when.0.is_empty());
        let plan = plan.ok_or(SchemeError::OnlyVerifies)?;
        if let Some(key) = plan.keys().find(|key| !key.lock.can_sign()) {
            return Err(KeyError::of(&key.id, KeyProblem::Public).into());
        }
        if plan.names().signature.is_none() {
            return Err(SchemeError::OnlyVerifies);
        }
        Ok(Self {
            scheme: scheme.clone(),
            plan: Arc::new(plan),
            base: "".into(),
        })
    }

    /// Sets what stands before the request target in URLs that [`sign`](Self::sign) covers.
    ///
    /// Without it the scheme and authority of the request's own URI do.
    #[must_use]
    pub fn public_url(mut self, base: impl Into<Arc<str>>) -> Self {
        self.base = base.into();
        self
    }

    /// The scheme that is signed with.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The headers that make a message verify: signature, timestamp and id, as the scheme has them.
    pub fn headers(
        &self,
        message: &ToSign<'_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
        let template = self.plan.message(message.method)?;
        if !template.covers_body() && !message.body.is_empty() {
            return Err(SignError::UnsignedBody);
        }
        let timestamp = match self.scheme().timestamp_unit() {
            Some(unit) => Some(unit.write(message.now).ok_or(SignError::Clock)?),
            None => None,
        };
        let id = match (self.scheme().signs_id(), message.id) {
            (false, _) => None,
            (true, None) => return Err(SignError::MissingId),
            (true, Some(id)) if is_id(id.as_bytes()) => Some(id),
            (true, Some(_)) => return Err(SignError::MalformedId),
        };
        let source = Source {
            method: message.method,
            url: message.url,
            headers: message.headers,
            body: message.body,
            token: Token::default(),
            listed: &[],
        };
        let derived = template.derive(&source)?;
        let filled = template.fill(Words {
            timestamp: timestamp.as_deref().unwrap_or_default().as_bytes(),
            id: id.unwrap_or_default().as_bytes(),
            method: message.method,
            url: message.url,
            headers: message.headers,
            body: message.body,
            derived: &derived,
            secret: b"",
        })?;
        let live = self.plan.keys().filter(|key| key.is_active(message.now));
        let signatures: Vec<_> = live
            .filter_map(|key| {
                let tag = key.lock.tag(filled)?;
                Some((key.label(), tag))
            })
            .collect();
        if signatures.is_empty() {
            return Err(SignError::NoActiveKey);
        }

        let names = self.plan.names();
        let mut headers = Vec::new();
        for line in self.plan.layout().write(timestamp.as_deref(), &signatures) {
            let mut value = HeaderValue::try_from(line)?;
            value.set_sensitive(true);
            headers.extend(names.signature.clone().map(|name| (name, value)));
        }
        if let (Some(name), Some(text)) = (&names.timestamp, timestamp) {
            headers.push((name.clone(), HeaderValue::try_from(text)?));
        }
        if let (Some(name), Some(text)) = (&names.id, id) {
            headers.push((name.clone(), HeaderValue::try_from(text)?));
        }
        Ok(headers)
    }

    /// Signs a request in place, over the headers it already has.
    ///
    /// A scheme that signs an id takes it from the request's own id header.
    pub fn sign<B: AsRef<[u8]>>(
        &self,
        request: &mut Request<B>,
        now: SystemTime,
    ) -> Result<(), SignError> {
        let own_base = match (request.uri().scheme_str(), request.uri().authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
            _ => String::new(),
        };
        let base = if self.base.is_empty() {
            &own_base
        } else {
            &*self.base
        };
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let id = match self
            .plan
            .names()
            .id
            .as_ref()
            .and_then(|name| request.headers().get(name))
        {
            Some(value) => Some(value.to_str().map_err(|_| SignError::MalformedId)?),
            None => None,
        };
        let headers = self.headers(&ToSign {
            method: request.method(),
            url: PublicUrl { base, target },
            headers: request.headers(),
            body: request.body().as_ref(),
            id,
            now,
        })?;
        for (name, _) in &headers {
            request.headers_mut().remove(name);
        }
        for (name, value) in headers {
            match request.headers_mut().entry(name) {
                Entry::Vacant(place) => drop(place.insert(value)),
                Entry::Occupied(mut lines) => lines.append(value),
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.plan.keys().map(|key| key.id.as_str()).collect();
        f.debug_struct("Signer")
            .field("scheme", &self.scheme.name())
            .field("keys", &keys)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// Everything that a signature depends on.
#[derive(Clone, Copy)]
pub struct ToSign<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The URL as the receiver knows it.
    pub url: PublicUrl<'a>,
    /// The request's headers, where the scheme signs some.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
    /// The message's id, where the scheme signs one: `[A-Za-z0-9_-]{1,128}`.
    pub id: Option<&'a str>,
    /// The time to sign.
    pub now: SystemTime,
}

/// Headers, query and body may hold credentials: only their measures are shown.
impl fmt::Debug for ToSign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToSign")
            .field("method", self.method)
            .field("url", &self.url)
            .field("headers", &self.headers.len())
            .field("body", &self.body.len())
            .field("id", &self.id)
            .field("now", &self.now)
            .finish()
    }
}

/// A request that the scheme cannot sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignError {
    /// The time is one that the scheme has no text for.
    Clock,
    /// A signed header cannot be read.
    Header(Reason),
    /// The id breaks the grammar `[A-Za-z0-9_-]{1,128}`.
    MalformedId,
    /// The scheme says nothing about how this method is signed.
    MethodNotSigned,
    /// The scheme signs an id and there is none.
    MissingId,
    /// Every key is before or after its time.
    NoActiveKey,
    /// The scheme signs the URL and only its path is known.
    UnknownUrl,
    /// The scheme has a text in it that no header can carry.
    Unprintable,
    /// There is a body and the signature would not cover it.
    UnsignedBody,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock => f.write_str("the scheme has no text for this time"),
            Self::Header(reason) => write!(f, "a signed header cannot be read: {reason}"),
            Self::MalformedId => f.write_str(
                "the message id has other than letters, digits, `-` and `_`, or over 128",
            ),
            Self::MethodNotSigned => f.write_str("the scheme does not sign this method"),
            Self::MissingId => f.write_str("the scheme signs a message id and there is none"),
            Self::NoActiveKey => f.write_str("every key is before or after its time"),
            Self::UnknownUrl => {
                f.write_str("the scheme signs the whole URL; give it one with scheme and host")
            }
            Self::Unprintable => f.write_str("the scheme has a text that no header can carry"),
            Self::UnsignedBody => f.write_str("the scheme does not sign a body with this method"),
        }
    }
}

impl Error for SignError {}

impl From<Reason> for SignError {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::MethodNotSigned => Self::MethodNotSigned,
            Reason::UnknownUrl => Self::UnknownUrl,
            other => Self::Header(other),
        }
    }
}

impl From<InvalidHeaderValue> for SignError {
    fn from(_: InvalidHeaderValue) -> Self {
        Self::Unprintable
    }
}
