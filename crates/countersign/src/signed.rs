//! The request to verify, as values.

use std::time::SystemTime;

use http::{HeaderMap, Method};

/// Everything that a verdict depends on.
#[derive(Clone, Copy, Debug)]
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

/// A URL in two pieces: what is configured, then the request target exactly as received.
///
/// The URL is the one after the other, byte for byte: nothing is normalised, decoded or joined.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
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
