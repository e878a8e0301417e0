//! An HTTP request as it was captured: request line, headers, empty line, body.
//!
//! Lines may end in CR LF or in LF. The body is what follows the empty line, byte for byte; where a
//! `Content-Length` says where it ends, one line end beyond it is forgiven, because editors add one.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// A captured request.
#[derive(Debug)]
pub(crate) struct Message {
    /// The method.
    pub(crate) method: Method,
    /// Scheme and authority, where the request line had them; else empty.
    pub(crate) base: String,
    /// The request target as written, from its first `/`.
    pub(crate) target: String,
    /// The headers, in order.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// What was forgiven, for the reader to know.
    pub(crate) notes: Vec<&'static str>,
}

/// Why the bytes are no HTTP request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("the body has {have} bytes but `Content-Length` says {said}: was the capture cut?")]
    BodyCut { have: usize, said: usize },
    #[error(
        "{extra} bytes follow the {said} that `Content-Length` announces: keep one request in the file"
    )]
    BodyOver { extra: usize, said: usize },
    #[error("`Content-Length` has to be one number")]
    ContentLength,
    #[error("line {line}: a header continued on a second line is not accepted")]
    Folded { line: usize },
    #[error("line {line}: `{name}` has a value with a byte that no header may hold")]
    HeaderValue { line: usize, name: HeaderName },
    #[error("line {line}: not a header; write `Name: value`, and an empty line before the body")]
    NotAHeader { line: usize },
    #[error("line 1: not a request line; it has to read like `POST /hooks/orders HTTP/1.1`")]
    RequestLine,
    #[error("line {line}: more than {MAX_HEADERS} headers")]
    TooManyHeaders { line: usize },
}

impl Message {
    /// Reads one request.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut lines = Lines { rest: bytes };
        let (method, base, target) = lines
            .next()
            .and_then(request_line)
            .ok_or(MessageError::RequestLine)?;
        let headers = headers(&mut lines)?;
        let mut notes = Vec::new();
        let body = match content_length(&headers)? {
            Some(said) => cut(lines.rest, said, &mut notes)?,
            None => lines.rest,
        };
        if headers.contains_key(TRANSFER_ENCODING) {
            notes
                .push("`Transfer-Encoding` is ignored: the body is taken as it stands in the file");
        }
        Ok(Self {
            method,
            base,
            target,
            headers,
            body: body.to_vec(),
            notes,
        })
    }
}

/// The lines of the head; `rest` is what comes after the last one taken.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let mut halves = self.rest.splitn(2, |b| *b == b'\n');
        let line = halves.next()?;
        self.rest = halves.next().unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

fn request_line(line: &[u8]) -> Option<(Method, String, String)> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, url, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !version.starts_with("HTTP/") || url.contains(char::is_control) {
        return None;
    }
    let (base, target) = split_url(url);
    if !target.starts_with('/') {
        return None;
    }
    Some((
        Method::from_bytes(method.as_bytes()).ok()?,
        base.to_owned(),
        target.to_owned(),
    ))
}

/// An absolute URL's scheme and authority, and the rest as written; the first is empty where the URL is no absolute one.
pub(crate) fn split_url(url: &str) -> (&str, &str) {
    let Some(authority) = url.find("://").map(|at| at + 3) else {
        return ("", url);
    };
    if url.starts_with('/') {
        return ("", url);
    }
    let path = url
        .get(authority..)
        .and_then(|rest| rest.find(['/', '?', '#']))
        .map_or(url.len(), |at| authority + at);
    url.split_at(path)
}

fn headers(lines: &mut Lines<'_>) -> Result<HeaderMap, MessageError> {
    let mut headers = HeaderMap::new();
    for (index, text) in lines.enumerate() {
        let line = index + 2;
        if text.is_empty() {
            break;
        }
        if text.starts_with(b" ") || text.starts_with(b"\t") {
            return Err(MessageError::Folded { line });
        }
        if headers.len() >= MAX_HEADERS {
            return Err(MessageError::TooManyHeaders { line });
        }
        let mut halves = text.splitn(2, |b| *b == b':');
        let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
            return Err(MessageError::NotAHeader { line });
        };
        let Ok(name) = HeaderName::from_bytes(name) else {
            return Err(MessageError::NotAHeader { line });
        };
        match HeaderValue::from_bytes(value.trim_ascii()) {
            Ok(value) => headers.append(name, value),
            Err(_) => return Err(MessageError::HeaderValue { line, name }),
        };
    }
    Ok(headers)
}

fn content_length(headers: &HeaderMap) -> Result<Option<usize>, MessageError> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| MessageError::ContentLength)?;
    if values.next().is_some() || text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(MessageError::ContentLength);
    }
    text.parse()
        .map(Some)
        .map_err(|_| MessageError::ContentLength)
}

fn cut<'a>(
    rest: &'a [u8],
    said: usize,
    notes: &mut Vec<&'static str>,
) -> Result<&'a [u8], MessageError> {
    let Some((body, beyond)) = rest.split_at_checked(said) else {
        return Err(MessageError::BodyCut {
            have: rest.len(),
            said,
        });
    };
    match beyond {
        b"" => {}
        b"\n" | b"\r\n" => notes
            .push("the line end after the body is left out: `Content-Length` does not count it"),
        _ => {
            return Err(MessageError::BodyOver {
                extra: beyond.len(),
                said,
            });
        }
    }
    Ok(body)
}

const MAX_HEADERS: usize = 1_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_ends_may_be_crlf_or_lf_and_the_body_is_exact() {
        for end in ["\r\n", "\n"] {
            let text = format!(
                "POST /hooks/a?b=%2F HTTP/1.1{end}Host: x{end}X-A:  1 {end}{end}one\r\ntwo\n"
            );

            let message = Message::parse(text.as_bytes()).unwrap();

            assert_eq!(message.method, Method::POST);
            assert_eq!(message.target, "/hooks/a?b=%2F");
            assert_eq!(message.headers["x-a"], "1");
            assert_eq!(message.body, b"one\r\ntwo\n");
            assert!(message.notes.is_empty());
        }
    }

    #[test]
    fn content_length_ends_the_body_and_one_line_end_beyond_it_is_forgiven() {
        for beyond in ["", "\n", "\r\n"] {
            let text = format!("POST / HTTP/1.1\nContent-Length: 4\n\ntest{beyond}");

            let message = Message::parse(text.as_bytes()).unwrap();

            assert_eq!(message.body, b"test");
            assert_eq!(message.notes.len(), usize::from(!beyond.is_empty()));
        }
    }

    #[test]
    fn a_body_that_does_not_fit_its_length_is_refused() {
        let short = Message::parse(b"POST / HTTP/1.1\nContent-Length: 5\n\ntest");
        let long = Message::parse(b"POST / HTTP/1.1\nContent-Length: 3\n\ntest");
        let two = Message::parse(b"POST / HTTP/1.1\nContent-Length: 4\nContent-Length: 4\n\ntest");
        let signed = Message::parse(b"POST / HTTP/1.1\nContent-Length: +4\n\ntest");

        assert!(matches!(
            short,
            Err(MessageError::BodyCut { have: 4, said: 5 })
        ));
        assert!(matches!(
            long,
            Err(MessageError::BodyOver { extra: 1, said: 3 })
        ));
        assert!(matches!(two, Err(MessageError::ContentLength)));
        assert!(matches!(signed, Err(MessageError::ContentLength)));
    }

    #[test]
    fn repeated_headers_stay_repeated() {
        let message = Message::parse(b"GET / HTTP/1.1\nX-S: 1\nX-S: 2\n").unwrap();

        assert_eq!(message.headers.get_all("x-s").iter().count(), 2);
        assert!(message.body.is_empty());
    }

    #[test]
    fn an_absolute_target_gives_the_public_address() {
        let message = Message::parse(b"GET https://h.example:8443/a?b HTTP/1.1\n\n").unwrap();

        assert_eq!(message.base, "https://h.example:8443");
        assert_eq!(message.target, "/a?b");
    }

    #[test]
    fn each_mistake_names_its_line() {
        for (text, at) in [
            ("", "line 1"),
            ("hello", "line 1"),
            ("POST / HTTP/1.1 x", "line 1"),
            ("POST hooks HTTP/1.1", "line 1"),
            ("POST / HTTP/1.1\nnot a header\n", "line 2"),
            ("POST / HTTP/1.1\nA: b\n c\n", "line 3"),
            ("POST / HTTP/1.1\nA: b\x01\n", "line 2"),
        ] {
            let error = Message::parse(text.as_bytes()).unwrap_err().to_string();

            assert!(error.starts_with(at), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_url_is_split_without_changing_a_byte() {
        assert_eq!(
            split_url("https://a.b/c?d=e://f"),
            ("https://a.b", "/c?d=e://f")
        );
        assert_eq!(split_url("https://a.b"), ("https://a.b", ""));
        assert_eq!(split_url("https://a.b?x"), ("https://a.b", "?x"));
        assert_eq!(split_url("/c?u=http://x/y"), ("", "/c?u=http://x/y"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Message::parse(&bytes);
        }

        #[test]
        fn bytes_after_a_good_start_do_not_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Message::parse(&[b"POST / HTTP/1.1\nContent-Length: 3\n".as_slice(), &bytes].concat());
        }

        #[test]
        fn what_was_written_is_read_back(body in proptest::collection::vec(any::<u8>(), 0..200), crlf: bool) {
            let end = if crlf { "\r\n" } else { "\n" };
            let head = format!("PUT /a HTTP/1.1{end}x-b: c{end}content-length: {}{end}{end}", body.len());

            let message = Message::parse(&[head.as_bytes(), &body].concat()).unwrap();

            prop_assert_eq!(message.body, body);
        }

        #[test]
        fn the_two_parts_of_a_url_make_the_url(url in "\\PC{0,60}") {
            let (base, target) = split_url(&url);

            prop_assert_eq!(format!("{base}{target}"), url);
        }
    }
}
