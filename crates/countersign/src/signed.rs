//! The request to verify, as values.

use std::fmt;
use std::time::SystemTime;

use http::{HeaderMap, Method};

/// Everything that a verdict depends on.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The URL as the sender knows it.
    pub url: PublicUrl<'a>,
    /// The request's headers, as received.
    pub headers: &'a HeaderMap,
    /// The whole body, as received.
    pub body: &'a [u8],
    /// The time of the verdict.
    pub now: SystemTime,
}

/// Headers, query and body may hold credentials: only their measures are shown.
impl fmt::Debug for Signed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("method", self.method)
            .field("url", &self.url)
            .field("headers", &self.headers.len())
            .field("body", &self.body.len())
            .field("now", &self.now)
            .finish()
    }
}

/// A URL in two pieces: what is configured, then the request target exactly as received.
///
/// The URL is the one after the other, byte for byte: nothing is normalised, decoded or joined.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct PublicUrl<'a> {
    /// Scheme, host and, where a proxy cuts one off, path prefix: `https://hooks.example.com`.
    /// Without a slash at its end; empty when it is not known.
    pub base: &'a str,
    /// The raw request target: `/hooks/orders?job=7`.
    pub target: &'a str,
}

impl<'a> PublicUrl<'a> {
    /// Puts the two pieces side by side.
    pub const fn new(base: &'a str, target: &'a str) -> Self {
        Self { base, target }
    }
}

/// A query may hold credentials: only the path is shown.
impl fmt::Debug for PublicUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        write!(f, "{}{path}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_query_nor_headers_nor_body() {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", http::HeaderValue::from_static("hunter2"));
        let request = Signed {
            method: &Method::POST,
            url: PublicUrl::new("https://hooks.example.com", "/hooks/orders?key=hunter2"),
            headers: &headers,
            body: b"hunter2",
            now: SystemTime::UNIX_EPOCH,
        };

        let shown = format!("{request:?}");

        assert!(shown.contains("https://hooks.example.com/hooks/orders"));
        assert!(!shown.contains("hunter2"));
    }
}
