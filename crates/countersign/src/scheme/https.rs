//! URLs that a request may name.

use serde::{Deserialize, Serialize};

use crate::MAX_HEADER;

/// URLs that may be named: `https`, a host whose labels fit, a path with this beginning and end.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Https {
    pub(crate) hosts: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) path_begins: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) path_ends: String,
}

impl Https {
    /// Whether a URL is on one of the hosts, without user, query or fragment.
    pub(crate) fn allows(&self, url: &[u8]) -> bool {
        self.read(url).is_some()
    }

    /// Whether a URL is on one of the hosts, without user, port or fragment, whatever its query.
    pub(crate) fn allows_with_query(&self, url: &[u8]) -> bool {
        let mut halves = url.splitn(2, |byte| *byte == b'?');
        let place = halves.next().unwrap_or_default();
        let query = halves.next().unwrap_or_default();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"%&+-./:=_~".contains(byte);
        url.len() <= MAX_HEADER && query.iter().all(plain) && self.allows(place)
    }

    /// The URL, and what each `*` of the host stands for.
    pub(super) fn read<'u>(&self, url: &'u [u8]) -> Option<(&'u str, Vec<&'u str>)> {
        let url = str::from_utf8(url).ok()?;
        let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
        let inside = path.strip_prefix(self.path_begins.trim_start_matches('/'))?;
        let fits = path.bytes().all(plain) && inside.ends_with(self.path_ends.as_str());
        // One place has one spelling, so that nobody names the same one in any number of ways.
        let wanders = path.starts_with('/')
            || path.contains("//")
            || path.split('/').any(|step| matches!(step, "." | ".."));
        let mut hosts = self.hosts.iter();
        let stars = hosts.find_map(|pattern| stars(host, pattern))?;
        (fits && !wanders).then_some((url, stars))
    }
}

/// Whether the labels of a host are those of the pattern, where `*` stands for any one of them.
pub(crate) fn is_host(host: &str, pattern: &str) -> bool {
    stars(host, pattern).is_some()
}

/// What each `*` of the pattern stands for, a label each, if the host fits; `*-*` is a label of several words, such as
/// a region of a cloud. A port is there only where the pattern has the same.
fn stars<'h>(host: &'h str, pattern: &str) -> Option<Vec<&'h str>> {
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let (pattern, wanted_port) = pattern.split_once(':').unwrap_or((pattern, ""));
    if port != wanted_port {
        return None;
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(fits);
    if host.split('.').count() != pattern.split('.').count() {
        return None;
    }
    let mut found = Vec::new();
    for (label, wanted) in host.split('.').zip(pattern.split('.')) {
        match wanted {
            _ if !is_label(label) => return None,
            "*" => found.push(label),
            "*-*" if is_region(label) => found.push(label),
            wanted if label.eq_ignore_ascii_case(wanted) => {}
            _ => return None,
        }
    }
    Some(found)
}

/// Whether a label is of several words, of which no one but the last has digits: `us-west-2` is, and neither is `s3` nor
/// `s3-us-west-2`, below which anybody has a bucket.
fn is_region(label: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    label
        .rsplit_once('-')
        .is_some_and(|(words, last)| !last.is_empty() && words.split('-').all(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_goes_to_a_known_host_whatever_it_asks_there() {
        let https = Https {
            hosts: vec!["sns.*.amazonaws.com".into()],
            ..Https::default()
        };
        for (url, allowed) in [
            (
                "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-west-2:1:T&Token=2336",
                true,
            ),
            ("https://sns.us-west-2.amazonaws.com/", true),
            ("https://sns.us-west-2.amazonaws.com?Action=x", false),
            ("https://sns.us-west-2.amazonaws.com/?a=1#b", false),
            ("https://sns.us-west-2.amazonaws.com/?a=1 HTTP/1.1", false),
            ("https://sns.us-west-2.amazonaws.com/?a=1\r\nb: c", false),
            (
                "https://evil.example/?https://sns.us-west-2.amazonaws.com/",
                false,
            ),
            (
                "https://sns.us-west-2.amazonaws.com@evil.example/?a=1",
                false,
            ),
            ("http://sns.us-west-2.amazonaws.com/?a=1", false),
        ] {
            assert_eq!(https.allows_with_query(url.as_bytes()), allowed, "{url}");
        }
    }

    #[test]
    fn a_certificate_comes_from_a_known_host_or_not_at_all() {
        let https = Https {
            hosts: vec!["sns.*.amazonaws.com".into()],
            path_ends: ".pem".into(),
            ..Https::default()
        };
        for url in [
            "https://sns.us-west-2.amazonaws.com/a.pem",
            "https://SNS.eu-1.amazonaws.com/a/b.pem",
        ] {
            assert!(https.allows(url.as_bytes()), "{url}");
        }
        for url in [
            "http://sns.us-west-2.amazonaws.com/a.pem",
            "https://sns.us-west-2.amazonaws.com.evil.example/x.pem",
            "https://sns.us-west-2.amazonaws.com/a.pem?x=1",
            "https://sns.us-west-2.amazonaws.com/a.pem#x",
            "https://sns.us-west-2.amazonaws.com:444/a.pem",
            "https://user@sns.us-west-2.amazonaws.com/a.pem",
            "https://evil.example\\@sns.us-west-2.amazonaws.com/a.pem",
            "https://evil.example#.sns.us-west-2.amazonaws.com/a.pem",
            "https://sns.a.b.amazonaws.com/a.pem",
            "https://sns..amazonaws.com/a.pem",
            "https://s3.us-west-2.amazonaws.com/a.pem",
            "https://sns.us-west-2.amazonaws.com",
            "https://sns.us-west-2.amazonaws.com/a.cer",
        ] {
            assert!(!https.allows(url.as_bytes()), "{url}");
        }
    }

    #[test]
    fn a_path_begins_and_ends_as_it_has_to_and_does_not_climb() {
        let https = Https {
            hosts: vec!["api.example.com".into(), "keys.localhost:8443".into()],
            path_begins: "/v1/certs/".into(),
            path_ends: ".pem".into(),
        };
        for (url, allowed) in [
            ("https://api.example.com/v1/certs/a.pem", true),
            ("https://api.example.com/v1/certs/a.b/c.pem", true),
            ("https://api.example.com/v2/certs/a.pem", false),
            ("https://api.example.com/x/v1/certs/a.pem", false),
            ("https://api.example.com/v1/certs/../../a.pem", false),
            ("https://api.example.com/v1/certs/./a.pem", false),
            ("https://api.example.com/v1/certs//a.pem", false),
            ("https://api.example.com//v1/certs/a.pem", false),
            ("https://keys.localhost:8443/v1/certs/a.pem", true),
            ("https://keys.localhost/v1/certs/a.pem", false),
            ("https://keys.localhost:8444/v1/certs/a.pem", false),
            ("https://api.example.com:8443/v1/certs/a.pem", false),
        ] {
            assert_eq!(https.allows(url.as_bytes()), allowed, "{url}");
        }
    }

    #[test]
    fn a_star_is_told_for_what_it_stands_for() {
        assert_eq!(
            stars("sns.eu-1.example", "sns.*.example"),
            Some(vec!["eu-1"])
        );
        assert_eq!(stars("a.b.example", "*.*.example"), Some(vec!["a", "b"]));
        assert_eq!(stars("sns.a.b.example", "sns.*.example"), None);
    }
}
