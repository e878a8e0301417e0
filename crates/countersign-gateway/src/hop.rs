//! Which headers may travel on, in forward mode and to a step.
//!
//! Pure. Names are compared as a receiver might read them: servers behind CGI, WSGI or PHP see `_` where
//! we see `-` and some see `.` likewise, so a name that *reads as* one of ours is one of ours.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The prefix of every header the gateway sets in its own name.
pub(crate) const RESERVED: &str = "countersign-";

/// The headers of `inbound` that may travel on to the next hop.
///
/// Gone are hop-by-hop headers, what `Connection` lists, message framing, `Host`, and every name that reads
/// as one of ours. Credentials stay: forward mode passes them to the upstream they were meant for.
/// `pinned` says which names `Connection` may not remove besides the content headers: what a signature covers.
pub(crate) fn end_to_end(inbound: &HeaderMap, pinned: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let mut onward = HeaderMap::with_capacity(inbound.keys_len() + 8);
    for (name, value) in inbound {
        let listed = || is_listed(inbound, name) && !is_content(name) && !pinned(name);
        if !(is_hop_by_hop(name) || is_framing(name) || is_reserved(name) || listed()) {
            onward.append(name.clone(), value.clone());
        }
    }
    onward
}

/// The headers of an upstream's answer that may travel back.
///
/// `Content-Length` stays, for it is also what a `HEAD` is asked for; but where there was a
/// `Transfer-Encoding` the body was measured by that, and the length may be a lie.
pub(crate) fn end_to_end_answer(answer: &HeaderMap) -> HeaderMap {
    let mut back = HeaderMap::with_capacity(answer.keys_len());
    let encoded = answer.contains_key(header::TRANSFER_ENCODING);
    for (name, value) in answer {
        let listed = || is_listed(answer, name) && !is_content(name);
        let untrue = encoded && *name == header::CONTENT_LENGTH;
        if !(is_hop_by_hop(name) || is_reserved(name) || untrue || listed()) {
            back.append(name.clone(), value.clone());
        }
    }
    back
}

/// The value of [`HOPS`] for the next hop of a message with these headers.
///
/// # Errors
///
/// The message has gone through as many gateways as it may.
pub(crate) fn next_hop(headers: &HeaderMap) -> Result<HeaderValue, TooManyHops> {
    let before = headers
        .get_all(HOPS)
        .iter()
        .filter_map(|line| line.to_str().ok()?.parse::<u32>().ok())
        .max()
        .unwrap_or(0);
    if before < MAX_HOPS {
        Ok(HeaderValue::from(before + 1))
    } else {
        Err(TooManyHops)
    }
}

/// A message that goes in circles.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("it has gone through {MAX_HOPS} gateways already; two flows may be sending to each other")]
pub(crate) struct TooManyHops;

/// How many gateways a message has gone through, in forward mode and by way of steps alike.
pub(crate) const HOPS: HeaderName = HeaderName::from_static("countersign-hops");

/// How many gateways a message may go through.
const MAX_HOPS: u32 = 8;

/// Sets `name`, after removing everything that reads as it.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    remove_readings(headers, &name);
    headers.insert(name, value);
}

/// Removes every header that reads as `name`.
pub(crate) fn remove_readings(headers: &mut HeaderMap, name: &HeaderName) {
    headers.remove(name);
    while let Some(other) = headers
        .keys()
        .find(|other| reads_as(other, name.as_str()))
        .cloned()
    {
        headers.remove(other);
    }
}

/// Whether the header belongs to one connection and never travels on.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    const NAMES: [&str; 10] = [
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.iter().any(|known| reads_as(name, known))
}

/// Whether the header says how a message was framed or for whom; the client that sends sets its own.
pub(crate) fn is_framing(name: &HeaderName) -> bool {
    ["content-length", "expect", "host"]
        .iter()
        .any(|known| reads_as(name, known))
}

/// Whether the name reads as one that only the gateway may set.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    begins_as(name, RESERVED)
}

/// Whether the name reads as one that carries the sender's credentials.
pub(crate) fn is_credential(name: &HeaderName) -> bool {
    ["authorization", "cookie", "cookie2"]
        .iter()
        .any(|secret| reads_as(name, secret))
        || is_for_proxies(name)
}

/// Whether the name reads as one that a sender and its proxy speak of.
pub(crate) fn is_for_proxies(name: &HeaderName) -> bool {
    begins_as(name, "proxy-")
}

/// Whether a receiver might read the two names as one.
pub(crate) fn same(left: &HeaderName, right: &HeaderName) -> bool {
    same_reading(left.as_str().as_bytes(), right.as_str().as_bytes())
}

/// Whether a receiver might read `name` as `other` (which is in lower case).
pub(crate) fn reads_as(name: &HeaderName, other: &str) -> bool {
    same_reading(name.as_str().as_bytes(), other.as_bytes())
}

fn begins_as(name: &HeaderName, prefix: &str) -> bool {
    let start = name.as_str().as_bytes().get(..prefix.len());
    start.is_some_and(|start| same_reading(start, prefix.as_bytes()))
}

fn same_reading(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| dash(*left) == dash(*right))
}

/// `HeaderName` is lower case already; what is left is the separators.
fn dash(byte: u8) -> u8 {
    if matches!(byte, b'_' | b'.') {
        b'-'
    } else {
        byte
    }
}

/// Whether a `Connection` header names this one.
fn is_listed(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .any(|listed| {
            listed
                .trim_ascii()
                .eq_ignore_ascii_case(name.as_str().as_bytes())
        })
}

/// What the body means; no `Connection` header may take that away.
fn is_content(name: &HeaderName) -> bool {
    *name == header::CONTENT_TYPE
        || *name == header::CONTENT_ENCODING
        || *name == header::CONTENT_LANGUAGE
        || *name == header::CONTENT_LENGTH
        || name.as_str() == "content-digest"
        || name.as_str() == "digest"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn hop_by_hop_framing_and_listed_headers_stay_behind() {
        let inbound = headers(&[
            ("connection", "close, X-Secret-Marker"),
            ("connection", " x-other ,"),
            ("content-length", "4"),
            ("expect", "100-continue"),
            ("host", "hooks.example.com"),
            ("http2-settings", "AAMAAABkAAQAAP__"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic Zm9v"),
            ("te", "trailers"),
            ("trailer", "x-late"),
            ("transfer-encoding", "chunked"),
            ("transfer_encoding", "chunked"),
            ("content_length", "99"),
            ("upgrade", "h2c"),
            ("user-agent", "sender/1"),
            ("x-other", "gone"),
            ("x-secret-marker", "gone"),
        ]);

        assert_eq!(names(&end_to_end(&inbound, |_| false)), ["user-agent"]);
    }

    #[test]
    fn connection_cannot_take_away_what_the_body_means_or_what_was_signed() {
        let inbound = headers(&[
            (
                "connection",
                "content-type, content-encoding, x-signature, x-free",
            ),
            ("content-encoding", "gzip"),
            ("content-type", "application/json"),
            ("x-free", "1"),
            ("x-signature", "abc"),
        ]);

        let onward = end_to_end(&inbound, |name| name.as_str() == "x-signature");

        assert_eq!(
            names(&onward),
            ["content-encoding", "content-type", "x-signature"]
        );
    }

    #[test]
    fn names_that_read_as_ours_are_dropped() {
        for name in [
            "countersign-event",
            "countersign_event",
            "countersign.verified-at",
            "countersign-",
            "countersign_",
        ] {
            assert!(is_reserved(&HeaderName::from_static(name)), "{name}");
        }
        for name in [
            "countersign",
            "countersigned-by",
            "x-countersign-event",
            "c",
        ] {
            assert!(!is_reserved(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn credentials_are_known_in_every_spelling() {
        for name in [
            "authorization",
            "cookie",
            "cookie2",
            "proxy-authorization",
            "proxy_authorization",
            "proxy.x",
        ] {
            assert!(is_credential(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["x-authorization", "cookies", "proxy", "content-type"] {
            assert!(!is_credential(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn an_answer_comes_back_without_its_connection() {
        let answer = headers(&[
            ("connection", "keep-alive, x-hop"),
            ("content-length", "12"),
            ("countersign-event", "forged"),
            ("keep-alive", "timeout=5"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("te", "trailers"),
            ("x-hop", "1"),
        ]);

        let back = end_to_end_answer(&answer);

        assert_eq!(names(&back), ["content-length", "set-cookie"]);
        assert_eq!(back.get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn an_answers_length_counts_unless_it_was_measured_another_way() {
        let chunked = headers(&[("content-length", "5"), ("transfer-encoding", "chunked")]);
        let measured = headers(&[("content-length", "5")]);

        assert!(end_to_end_answer(&chunked).is_empty());
        assert_eq!(names(&end_to_end_answer(&measured)), ["content-length"]);
    }

    #[test]
    fn hops_are_counted_and_end_after_eight() {
        for (before, next) in [
            (&[][..], "1"),
            (&["0"], "1"),
            (&["1"], "2"),
            (&["7"], "8"),
            (&["many"], "1"),
            (&["-1"], "1"),
            (&["many", "3", "2"], "4"),
        ] {
            assert_eq!(next_hop(&after(before)).unwrap(), next, "{before:?}");
        }
        for before in [&["8"][..], &["9"], &["1", "8"], &["4294967295"]] {
            assert_eq!(next_hop(&after(before)), Err(TooManyHops), "{before:?}");
        }
    }

    fn after(hops: &[&'static str]) -> HeaderMap {
        let values = hops.iter().copied().map(HeaderValue::from_static);
        values.map(|value| (HOPS, value)).collect()
    }

    #[test]
    fn repeated_lines_keep_their_order() {
        let inbound = headers(&[("x-a", "1"), ("x-b", "2"), ("x-a", "3")]);

        let onward = end_to_end(&inbound, |_| false);

        assert_eq!(onward.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "3"]);
    }

    #[test]
    fn setting_a_header_replaces_every_spelling_of_it() {
        let mut onward = headers(&[
            ("x-forwarded-for", "6.6.6.6"),
            ("x_forwarded_for", "6.6.6.6"),
            ("x.forwarded-for", "6.6.6.6"),
            ("x-forwarded", "kept"),
        ]);

        let name = HeaderName::from_static("x-forwarded-for");
        set(&mut onward, name, HeaderValue::from_static("192.0.2.1"));

        assert_eq!(names(&onward), ["x-forwarded", "x-forwarded-for"]);
        assert_eq!(onward["x-forwarded-for"], "192.0.2.1");
    }
}
