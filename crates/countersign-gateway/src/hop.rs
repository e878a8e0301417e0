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
/// `Content-Length` stays: it says what a `HEAD` would have got, and the body that follows is that long.
pub(crate) fn end_to_end_answer(answer: &HeaderMap) -> HeaderMap {
    let mut back = HeaderMap::with_capacity(answer.keys_len());
    for (name, value) in answer {
        let listed = || is_listed(answer, name) && !is_content(name);
        if !(is_hop_by_hop(name) || is_reserved(name) || listed()) {
            back.append(name.clone(), value.clone());
        }
    }
    back
}

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
    let name = name.as_str();
    name.len() >= RESERVED.len()
        && same_reading(&name.as_bytes()[..RESERVED.len()], RESERVED.as_bytes())
}

/// Whether the name reads as one that carries the sender's credentials.
pub(crate) fn is_credential(name: &HeaderName) -> bool {
    const PROXY: &[u8] = b"proxy-";
    let bytes = name.as_str().as_bytes();
    ["authorization", "cookie", "cookie2"]
        .iter()
        .any(|secret| reads_as(name, secret))
        || bytes
            .get(..PROXY.len())
            .is_some_and(|start| same_reading(start, PROXY))
}

/// Whether a receiver might read `name` as `other` (which is in lower case).
pub(crate) fn reads_as(name: &HeaderName, other: &str) -> bool {
    same_reading(name.as_str().as_bytes(), other.as_bytes())
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
            ("transfer-encoding", "chunked"),
            ("x-hop", "1"),
        ]);

        let back = end_to_end_answer(&answer);

        assert_eq!(names(&back), ["content-length", "set-cookie"]);
        assert_eq!(back.get_all("set-cookie").iter().count(), 2);
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
