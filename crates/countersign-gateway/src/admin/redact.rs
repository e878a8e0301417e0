//! Credentials of senders: the API says that they were there, never what they were.
//!
//! What carries a credential is known from the flow, as it is configured now, and from names that say so
//! themselves. Where the flow is gone, only what is known to be harmless is shown.

use std::borrow::Cow;

use countersign::Auth;
use http::HeaderName;

use crate::config::Flow;
use crate::hop;

/// What stands in a credential's place.
pub(super) const REDACTED: &str = "[redacted]";

/// What is hidden of one flow's events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Redaction<'a> {
    /// How the flow knows its senders; `None` when there is no such flow any more.
    auth: Option<&'a Auth>,
}

impl<'a> Redaction<'a> {
    /// For events of `flow`, as it is now.
    pub(super) fn new(flow: Option<&'a Flow>) -> Self {
        Self {
            auth: flow.map(|flow| flow.policy.auth()),
        }
    }

    /// Whether the value of this header is hidden.
    pub(super) fn hides(self, name: &HeaderName) -> bool {
        let own = match self.auth {
            Some(auth) => auth.parts().any(|part| reads_credential(part, name)),
            None => !is_harmless(name.as_str()),
        };
        own || hop::is_credential(name) || is_secret(name.as_str())
    }

    /// The request target, with the values of secret query parameters left out.
    pub(super) fn target(self, target: &str) -> Cow<'_, str> {
        let Some((path, query)) = target.split_once('?') else {
            return Cow::Borrowed(target);
        };
        if !query.split('&').any(|pair| self.hides_pair(pair)) {
            return Cow::Borrowed(target);
        }
        let pairs: Vec<_> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                _ if !self.hides_pair(pair) => Cow::Borrowed(pair),
                Some((name, _)) => Cow::Owned(format!("{name}={REDACTED}")),
                None => Cow::Borrowed(REDACTED),
            })
            .collect();
        Cow::Owned(format!("{path}?{}", pairs.join("&")))
    }

    fn hides_pair(self, pair: &str) -> bool {
        let Some((name, _)) = pair.split_once('=') else {
            // A lone word may be a key itself; a flow that is gone cannot say.
            return self.auth.is_none() && !pair.is_empty();
        };
        let decoded = decoded(name);
        let is_key = |part: &Auth| match part {
            Auth::ApiKey(key) => key.query_names().any(|key| name == key || decoded == key),
            _ => false,
        };
        let own = self.auth.is_none_or(|auth| auth.parts().any(is_key));
        own || is_secret(&decoded)
    }
}

/// Whether one way of knowing senders reads a credential or a signature from this header.
fn reads_credential(part: &Auth, name: &HeaderName) -> bool {
    match part {
        Auth::ApiKey(key) => key
            .header_names()
            .any(|key| hop::reads_as(name, key.as_str())),
        Auth::Signature(verifier) => verifier.reads(name) && !is_label(name.as_str()),
        _ => false,
    }
}

/// Whether a header or query parameter of this name says itself that it carries a credential or a signature.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
    WORDS.iter().any(|word| name.contains(word)) || EXACT.contains(&name.as_str())
}

/// Whether a header of this name is known to carry no credential, whoever sends it.
fn is_harmless(name: &str) -> bool {
    HARMLESS.contains(&name) || HARMLESS_STARTS.iter().any(|start| name.starts_with(start))
}

/// Whether what a signature is checked with is, by its name, an id, a time or a content header: no secret.
fn is_label(name: &str) -> bool {
    LABEL_ENDS.iter().any(|end| name.ends_with(end)) || is_harmless(name)
}

fn decoded(name: &str) -> String {
    url::form_urlencoded::parse(name.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

const WORDS: [&str; 11] = [
    "api-key",
    "apikey",
    "authoriz",
    "cookie",
    "credential",
    "hmac",
    "jwt",
    "password",
    "secret",
    "signature",
    "token",
];

const EXACT: [&str; 3] = ["key", "sig", "x-auth-key"];

const HARMLESS: [&str; 16] = [
    "cache-control",
    "date",
    "forwarded",
    "from",
    "host",
    "idempotency-key",
    "origin",
    "referer",
    "traceparent",
    "tracestate",
    "user-agent",
    "via",
    "webhook-id",
    "webhook-timestamp",
    "x-real-ip",
    "x-request-id",
];

const LABEL_ENDS: [&str; 3] = ["-id", "-time", "-timestamp"];

const HARMLESS_STARTS: [&str; 3] = ["accept", "content-", "x-forwarded-"];

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;

    fn flow(auth: &str) -> Arc<Flow> {
        let text = format!("[[flows]]\nid = \"shop\"\nauth = {auth}\n");
        let config = Config::parse(&text, Path::new("countersign.toml")).unwrap();
        Arc::clone(&config.flows[0])
    }

    fn open() -> Arc<Flow> {
        flow("{ mode = \"none\" }")
    }

    fn header(name: &str) -> HeaderName {
        name.parse().unwrap()
    }

    #[test]
    fn names_of_credentials_and_signatures_are_known() {
        let flow = open();
        let redaction = Redaction::new(Some(&flow));

        for name in [
            "Authorization",
            "proxy-authorization",
            "proxy-anything",
            "Cookie",
            "X-API-Key",
            "x_api_key",
            "X-Hub-Signature-256",
            "stripe-signature",
            "x-shopify-hmac-sha256",
            "x-gitlab-token",
        ] {
            assert!(redaction.hides(&header(name)), "{name}");
        }
        for name in [
            "content-type",
            "user-agent",
            "x-github-event",
            "webhook-id",
            "webhook-timestamp",
            "host",
        ] {
            assert!(!redaction.hides(&header(name)), "{name}");
        }
    }

    #[test]
    fn the_header_of_a_flow_s_api_key_is_hidden_whatever_its_name() {
        let flow = flow(
            "{ mode = \"api_key\", header = \"X-Shop\", keys = [{ secret = \"a key of some length\" }] }",
        );
        let redaction = Redaction::new(Some(&flow));

        assert!(redaction.hides(&header("x-shop")));
        assert!(redaction.hides(&header("x_shop")));
        assert!(!redaction.hides(&header("x-shop-id")));
    }

    #[test]
    fn the_signature_of_a_flow_s_own_scheme_is_hidden_whatever_its_header() {
        let text = "[schemes.acme]\nsign = \"{timestamp}.{body}\"\n\
                    signature = { from = \"header:acme-seal\", grammar = \"bare\", encoding = \"hex\" }\n\
                    timestamp = { from = \"header:acme-time\", unit = \"seconds\" }\n\
                    rules = [{ digest = \"hmac-sha256\" }]\n[[flows]]\nid = \"acme\"\n\
                    auth = { scheme = \"acme\", keys = [{ secret = \"a key of some length\" }] }\n";
        let config = Config::parse(text, Path::new("countersign.toml")).unwrap();
        let redaction = Redaction::new(Some(&config.flows[0]));

        assert!(redaction.hides(&header("acme-seal")));
        assert!(!redaction.hides(&header("acme-time")));
        assert!(!redaction.hides(&header("acme-event")));
    }

    #[test]
    fn the_parameter_of_a_flow_s_api_key_is_hidden_whatever_its_name() {
        let flow = flow(
            "{ mode = \"api_key\", query = \"k\", keys = [{ secret = \"a key of some length\" }] }",
        );
        let redaction = Redaction::new(Some(&flow));

        assert_eq!(redaction.target("/a?b=1&k=xyz"), "/a?b=1&k=[redacted]");
        assert_eq!(redaction.target("/a?%6b=xyz"), "/a?%6b=[redacted]");
    }

    #[test]
    fn of_a_flow_that_is_gone_only_what_is_harmless_is_shown() {
        let redaction = Redaction::new(None);

        assert_eq!(
            redaction.target("/a?b=1&c&api_key=2&"),
            "/a?b=[redacted]&[redacted]&api_key=[redacted]&"
        );
        for name in ["x-shop", "shop", "authorization", "x-api-key"] {
            assert!(redaction.hides(&header(name)), "{name}");
        }
        for name in ["content-type", "user-agent", "x-forwarded-for", "host"] {
            assert!(!redaction.hides(&header(name)), "{name}");
        }
    }

    #[test]
    fn only_secret_parameters_lose_their_values() {
        let flow = open();
        let redaction = Redaction::new(Some(&flow));

        for (target, shown) in [
            ("/hooks/a", "/hooks/a"),
            ("/hooks/a?b=1&c", "/hooks/a?b=1&c"),
            ("/a?b=1&api_key=xyz&c=2", "/a?b=1&api_key=[redacted]&c=2"),
            ("/a?%61pi_key=xyz", "/a?%61pi_key=[redacted]"),
        ] {
            assert_eq!(redaction.target(target), shown);
        }
    }
}
