//! The inverse of a verifier: for outgoing requests, for tests, for the command line.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::Entry;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use crate::{Keyring, PublicUrl, Scheme, SchemeError};

mod draft;
mod error;
mod key;
mod line;
mod way;

use draft::Draft;
pub use error::SignError;
use way::Way;

/// Signs requests under one scheme: those of MACs, of plain hashes, of Ed25519 and of shared tokens.
///
/// Every key that is live at the time signs, so that a receiver may change to a new one whenever it
/// likes. Where the scheme has room for one signature only, the first live key's stands there.
///
/// A key is the receiver's, except under Ed25519: there it is the private key, 64 bytes of seed and
/// public key, in the encoding of the public one (`whsk_…` under Standard Webhooks).
#[derive(Clone)]
pub struct Signer {
    scheme: Scheme,
    /// One for each way in which requests can be signed here.
    ways: Arc<[Way]>,
    base: Arc<str>,
}

impl Signer {
    /// Compiles a scheme with its keys; all of them must be able to sign.
    pub fn new(scheme: &Scheme, keys: &Keyring) -> Result<Self, SchemeError> {
        Ok(Self {
            scheme: scheme.clone(),
            ways: Way::all(scheme, keys)?.into(),
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

    /// Whether signing adds headers and nothing else; some schemes sign inside the body or the URL.
    pub fn adds_headers_only(&self) -> bool {
        self.ways.iter().all(Way::adds_headers_only)
    }

    /// The headers that make a message verify: signature, timestamp and id, as the scheme has them,
    /// and what else it demands. They go in the place of the request's own of the same names.
    ///
    /// A scheme that signs inside the body or the URL needs [`write`](Self::write).
    pub fn headers(
        &self,
        message: &ToSign<'_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
        match self.write(message)? {
            Written { body: Some(_), .. } => Err(SignError::InBody),
            Written {
                target: Some(_), ..
            } => Err(SignError::InUrl),
            Written { headers, .. } => Ok(headers),
        }
    }

    /// All that makes a message verify, wherever it stands: headers, a body, a request target.
    ///
    /// Of several ways to sign, the one that the request asks for by its method, its media type or
    /// its headers is taken, else the first that can be written into it.
    pub fn write(&self, message: &ToSign<'_>) -> Result<Written, SignError> {
        let own = Draft::new(message);
        let mut refused = None;
        for asked in [true, false] {
            let mut ways = self.ways.iter();
            while let Some(way) = ways.find(|way| way.is_asked_for(&own) == asked) {
                let mut draft = own.clone();
                match way.write(&mut draft, message) {
                    Ok(()) if way.is_chosen(&self.scheme, &draft) => return Ok(draft.finish()),
                    Ok(()) => {}
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
        }
        Err(refused.unwrap_or(SignError::NoWay))
    }

    /// Signs a request in place, over the headers it already has.
    ///
    /// A scheme that signs an id takes it from the request's own. A scheme that signs inside the body
    /// needs [`write`](Self::write).
    pub fn sign<B: AsRef<[u8]>>(
        &self,
        request: &mut Request<B>,
        now: SystemTime,
    ) -> Result<(), SignError> {
        let uri = request.uri();
        let base = match (uri.scheme_str(), uri.authority()) {
            _ if !self.base.is_empty() => Cow::Borrowed(&*self.base),
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}").into(),
            _ => "".into(),
        };
        let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let written = self.write(&ToSign {
            method: request.method(),
            url: PublicUrl {
                base: &base,
                target,
            },
            headers: request.headers(),
            body: request.body().as_ref(),
            id: None,
            now,
        })?;
        if written.body.is_some() {
            return Err(SignError::InBody);
        }
        if let Some(target) = written.target {
            *request.uri_mut() = with_target(request.uri(), &target)?;
        }
        for (name, _) in &written.headers {
            request.headers_mut().remove(name);
        }
        for (name, value) in written.headers {
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
        let first = self.ways.first().into_iter();
        let keys: Vec<_> = first.flat_map(Way::keys).map(|key| &key.id).collect();
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
    /// The message's id, where the scheme signs one and the request has none: `[A-Za-z0-9_-]{1,128}`.
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

/// What signing adds to a request.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Written {
    /// Headers, in the place of the request's own of the same names; a name may be there twice.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body to send, where the scheme signs inside it.
    pub body: Option<Vec<u8>>,
    /// The request target to send, where the scheme signs inside the URL.
    pub target: Option<String>,
}

/// What was signed with may be sent along: only names and measures are shown.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Written")
            .field("headers", &names)
            .field("body", &self.body.as_ref().map(Vec::len))
            .field("target", &self.target.as_ref().map(String::len))
            .finish()
    }
}

fn with_target(uri: &Uri, target: &str) -> Result<Uri, SignError> {
    let unwritable = || SignError::Unwritable("query".to_owned());
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse().map_err(|_| unwritable())?);
    Uri::from_parts(parts).map_err(|_| unwritable())
}
