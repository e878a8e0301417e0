//! What of a request let its sender in: it was meant for us, so no step gets to see it.

use std::borrow::Cow;

use countersign::{ApiKey, Auth};
use http::header::{HeaderMap, HeaderName};

use crate::hop;

/// The parts of a flow's requests that carry credentials.
#[derive(Debug)]
pub(super) struct Credentials<'a> {
    /// The headers of their own that API keys have.
    headers: Vec<&'a HeaderName>,
    /// The query parameters that API keys have.
    queries: Vec<&'a str>,
}

impl<'a> Credentials<'a> {
    /// The credentials that `auth` asks for.
    pub(super) fn new(auth: &'a Auth) -> Self {
        let keys = || {
            auth.parts().filter_map(|part| match part {
                Auth::ApiKey(key) => Some(key),
                _ => None,
            })
        };
        Self {
            headers: keys().flat_map(ApiKey::header_names).collect(),
            queries: keys().flat_map(ApiKey::query_names).collect(),
        }
    }

    /// Removes every header that carries credentials.
    pub(super) fn remove_from(&self, headers: &mut HeaderMap) {
        let is_key = |name: &HeaderName| {
            let mut keys = self.headers.iter();
            keys.any(|key| hop::reads_as(name, key.as_str()))
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

    /// The request target without the parameters that carry a key.
    pub(super) fn strip<'t>(&self, target: &'t str) -> Cow<'t, str> {
        let Some((path, query)) = target.split_once('?').filter(|_| !self.queries.is_empty())
        else {
            return Cow::Borrowed(target);
        };
        let is_key = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            self.queries.contains(&name)
        };
        let kept: Vec<_> = query.split('&').filter(|pair| !is_key(pair)).collect();
        let mark = if kept.is_empty() { "" } else { "?" };
        Cow::Owned(format!("{path}{mark}{}", kept.join("&")))
    }
}

#[cfg(test)]
mod tests {
    use countersign::{Keyring, Secret};
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
        Credentials::new(auth).remove_from(&mut headers);
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
        let credentials = Credentials::new(&auth);

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
    fn every_place_of_every_key_of_several_auths_is_found() {
        let one = api_key()
            .header(HeaderName::from_static("x-one"))
            .query("k");
        let other = api_key().query("key").bearer();
        let auth = Auth::any([Auth::ApiKey(one), Auth::ApiKey(other), Auth::None]).unwrap();
        let credentials = Credentials::new(&auth);

        assert_eq!(left(&auth, &["x-a", "x-one", "authorization"]), ["x-a"]);
        assert_eq!(credentials.strip("/in?a=1&k=x&key=y"), "/in?a=1");
    }

    #[test]
    fn a_target_goes_on_as_it_is_where_the_key_is_elsewhere() {
        let auth = Auth::ApiKey(api_key());
        let credentials = Credentials::new(&auth);

        assert_eq!(
            credentials.strip("/hooks/orders?x-api-key=1"),
            "/hooks/orders?x-api-key=1"
        );
    }
}
