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
        // Also a key that is wrong, or not valid any more, is one. An empty value gives nothing away.
        !verdict.is_err_and(|rejection| rejection.reason() == Reason::MissingCredentials)
    }
}

fn alone(headers: &HeaderMap, name: &HeaderName) -> HeaderMap {
    let lines = headers.get_all(name).iter().cloned();
    lines.map(|line| (name.clone(), line)).collect()
}

#[cfg(test)]
mod tests {
    use countersign::{ApiKey, Keyring, Secret};
    use http::HeaderValue;

    use super::*;

    fn api_key() -> ApiKey {
        ApiKey::new(&Keyring::single(Secret::new("a key of some length"))).unwrap()
    }

    fn headers(names: &[&'static str]) -> HeaderMap {
        let value = HeaderValue::from_static("a key of some length");
        let names = names.iter().copied().map(HeaderName::from_static);
        names.map(|name| (name, value.clone())).collect()
    }

    fn left(auth: &Auth, names: &[&'static str]) -> Vec<String> {
        let mut headers = headers(names);
        Credentials::new(auth, &Method::POST, &headers.clone()).remove_from(&mut headers);
        headers.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn the_header_of_an_api_key_is_found_whatever_its_name() {
        let name = HeaderName::from_static("x-shop-key");
        let auth = Auth::ApiKey(api_key().header(name));

        let left = left(&auth, &["x-a", "x-shop-key", "x_shop.key", "x-api-key"]);

        assert_eq!(left, ["x-a", "x-api-key"]);
    }

    #[test]
    fn without_an_api_key_only_the_usual_headers_are_credentials() {
        assert_eq!(
            left(&Auth::None, &["x-api-key", "authorization", "cookie"]),
            ["x-api-key"]
        );
        assert_eq!(
            left(&Auth::ApiKey(api_key().bearer()), &["authorization", "x-a"]),
            ["x-a"]
        );
    }

    #[test]
    fn the_query_parameter_of_an_api_key_is_left_out() {
        let auth = Auth::ApiKey(api_key().query("key"));
        let credentials = Credentials::new(&auth, &Method::POST, &headers(&["x-a"]));

        for (target, stripped) in [
            ("/hooks/orders", "/hooks/orders"),
            ("/hooks/orders?key=wrong", "/hooks/orders"),
            ("/hooks/orders?a=1&key=a%20b&b=2", "/hooks/orders?a=1&b=2"),
            (
                "/hooks/orders?keys=1&KEY=2&akey=3",
                "/hooks/orders?keys=1&KEY=2&akey=3",
            ),
        ] {
            assert_eq!(credentials.strip(target), stripped);
        }
        let mut kept = headers(&["x-a"]);
        credentials.remove_from(&mut kept);
        assert_eq!(kept.len(), 1);
    }

    #[test]
    fn a_target_goes_on_as_it_is_where_the_key_is_elsewhere() {
        let auth = Auth::ApiKey(api_key());
        let credentials = Credentials::new(&auth, &Method::POST, &headers(&["x-api-key"]));

        assert_eq!(
            credentials.strip("/hooks/orders?x-api-key=1"),
            "/hooks/orders?x-api-key=1"
        );
    }
}
