//! What of a request let its sender in: it was meant for us, so no step gets to see it.
//!
//! An API key may sit in any header or query parameter. Which one it is, the flow's auth itself is asked: a part
//! that satisfies it all alone is the key's.

use std::borrow::Cow;
use std::time::SystemTime;

use countersign::{Auth, PublicUrl, Reason, Signed};
use http::header::{HeaderMap, HeaderName};
use http::{Method, Request};

use crate::hop;

/// The parts of one request that carry credentials.
#[derive(Debug)]
pub(super) struct Credentials<'a> {
    auth: &'a Auth,
    /// The header of the API key, if the key is in one.
    header: Option<HeaderName>,
    in_query: bool,
}

impl<'a> Credentials<'a> {
    /// The credentials of a request with these headers in a flow with this `auth`.
    pub(super) fn new(auth: &'a Auth, method: &Method, headers: &HeaderMap) -> Self {
        let is_key = matches!(auth, Auth::ApiKey(_));
        let passes = |headers: &HeaderMap| auth.check_head(method, headers).is_ok();
        // A head without any header passes where the key is looked for elsewhere.
        let in_query = is_key && passes(&HeaderMap::new());
        let in_header = is_key && !in_query;
        let header = in_header
            .then(|| {
                headers
                    .keys()
                    .find(|name| passes(&alone(headers, name)))
                    .cloned()
            })
            .flatten();
        Self {
            auth,
            header,
            in_query,
        }
    }

    /// Removes every header that carries credentials.
    pub(super) fn remove_from(&self, headers: &mut HeaderMap) {
        let is_key = |name: &HeaderName| {
            let key = self.header.as_ref();
            key.is_some_and(|key| hop::reads_as(name, key.as_str()))
        };
        let names: Vec<_> = headers
            .keys()
            .filter(|name| hop::is_credential(name) || is_key(name))
            .cloned()
            .collect();
        for name in names {
            headers.remove(name);
        }
    }

    /// The request target without the parameter that carries the key.
    pub(super) fn strip<'t>(&self, target: &'t str) -> Cow<'t, str> {
        match target.split_once('?') {
            Some((path, query)) if self.in_query => {
                let kept: Vec<_> = query.split('&').filter(|pair| !self.is_key(pair)).collect();
                let mark = if kept.is_empty() { "" } else { "?" };
                Cow::Owned(format!("{path}{mark}{}", kept.join("&")))
            }
            _ => Cow::Borrowed(target),
        }
    }

    /// Whether this pair of a query is in the key's place, whatever its value.
    fn is_key(&self, pair: &str) -> bool {
        let (request, target) = (Request::new(()), format!("?{pair}"));
        let verdict = self.auth.verify(&Signed {
            method: request.method(),
            url: PublicUrl::new("", &target),
            headers: request.headers(),
            body: &[],
            now: SystemTime::UNIX_EPOCH,
        });
        // An empty value is missing, too, and gives nothing away.
        verdict.is_ok_and(|_| true) 
    }
}

fn alone(headers: &HeaderMap, name: &HeaderName) -> HeaderMap {
    let lines = headers.get_all(name).iter().cloned();
    lines.map(|line| (name.clone(), line)).collect()
}
