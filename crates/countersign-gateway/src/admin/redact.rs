//! Credentials of senders: the API says that they were there, never what they were.

use std::borrow::Cow;

/// What stands in a credential's place.
pub(super) const REDACTED: &str = "[redacted]";

/// Whether a header or query parameter of this name carries a credential or a signature.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
    WORDS.iter().any(|word| name.contains(word)) || EXACT.contains(&name.as_str())
}

/// The request target, with the values of secret query parameters left out.
pub(super) fn target(target: &str) -> Cow<'_, str> {
    let Some((path, query)) = target.split_once('?') else {
        return Cow::Borrowed(target);
    };
    let secret = |pair: &str| {
        pair.split_once('=')
            .is_some_and(|(name, _)| is_secret(&decoded(name)))
    };
    if !query.split('&').any(secret) {
        return Cow::Borrowed(target);
    }
    let pairs: Vec<_> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if secret(pair) => Cow::Owned(format!("{name}={REDACTED}")),
            _ => Cow::Borrowed(pair),
        })
        .collect();
    Cow::Owned(format!("{path}?{}", pairs.join("&")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_and_signatures_are_known() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "Cookie",
            "X-API-Key",
            "x_api_key",
            "X-Hub-Signature-256",
            "stripe-signature",
            "x-shopify-hmac-sha256",
            "x-gitlab-token",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "content-type",
            "user-agent",
            "x-github-event",
            "webhook-id",
            "webhook-timestamp",
            "host",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn only_secret_parameters_lose_their_values() {
        assert_eq!(target("/hooks/a"), "/hooks/a");
        assert_eq!(target("/hooks/a?b=1&c"), "/hooks/a?b=1&c");
        assert_eq!(
            target("/a?b=1&api_key=xyz&c=2"),
            "/a?b=1&api_key=[redacted]&c=2"
        );
        assert_eq!(target("/a?%61pi_key=xyz"), "/a?%61pi_key=[redacted]");
    }
}
