//! Addresses: where a step or an upstream is, and the one that senders know us by.
//!
//! What is used is the text as written; the `url` crate is asked what a browser would make of it,
//! and a text that it reads as another host is refused rather than guessed at.

use std::fmt;
use std::sync::Arc;

use http::Uri;
use url::Url;

use super::error::Fault;

/// Where a step is: `http` or `https`, a host in plain ASCII, no credentials, no fragment.
#[derive(Clone, Eq, PartialEq)]
pub struct StepUrl(Uri);

impl StepUrl {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        target(text).map(Self)
    }

    /// The URL, to send requests to.
    pub fn as_uri(&self) -> &Uri {
        &self.0
    }

    /// The host, as it may be logged.
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

impl fmt::Debug for StepUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepUrl({self})")
    }
}

/// Without the query, which often holds a token.
impl fmt::Display for StepUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}{}", self.0.path())?;
        f.write_str(if self.0.query().is_some() { "?…" } else { "" })
    }
}

/// Reads the base of an upstream: a URL without a query; a slash at its end says nothing.
pub(super) fn upstream(text: &str) -> Result<Uri, Fault> {
    let uri = target(text)?;
    match uri.query() {
        Some(_) => Err(Fault::new(
            "has a query",
            "remove it; a request brings its own",
        )),
        None => Ok(uri),
    }
}

/// Reads the address that senders know us by, without the slash at its end.
///
/// Signed URLs are this text plus the raw request target, so it is kept as written.
pub(super) fn public(text: &str) -> Result<Arc<str>, Fault> {
    const HELP: &str =
        "write what senders see before the request's path, like \"https://hooks.example.com\"";
    let uri = target(text)?;
    if uri.query().is_some() {
        return Err(Fault::new("has a query", HELP));
    }
    let base = text.strip_suffix('/').unwrap_or(text);
    if base.ends_with('/') {
        return Err(Fault::new("ends with more than one slash", HELP));
    }
    Ok(base.into())
}

fn target(text: &str) -> Result<Uri, Fault> {
    const HELP: &str = "write it like \"https://receiver.example.com/in\"";
    let seen =
        Url::parse(text).map_err(|error| Fault::new(format!("is not a URL: {error}"), HELP))?;
    if !matches!(seen.scheme(), "http" | "https") {
        return Err(Fault::new("is neither http nor https", HELP));
    }
    if !seen.username().is_empty() || seen.password().is_some() || authority(text).contains('@') {
        let help = "leave credentials out of URLs; set a header of the step instead, from { env = \"NAME\" }";
        return Err(Fault::new("holds credentials", help));
    }
    if seen.fragment().is_some() {
        return Err(Fault::new(
            "has a fragment, which is never sent",
            "remove the part from `#` on",
        ));
    }
    let host = seen.host_str().unwrap_or_default();
    if !text.is_ascii() {
        return Err(Fault::new(
            "is not in plain ASCII",
            format!("write the host as `{host}` and percent-encode the rest"),
        ));
    }
    let uri: Uri = text
        .parse()
        .map_err(|_| Fault::new("is not a URL that can be requested", HELP))?;
    if !uri
        .host()
        .is_some_and(|written| written.eq_ignore_ascii_case(host))
    {
        return Err(Fault::new(
            "names its host in an unusual way",
            format!("write the host as `{host}`"),
        ));
    }
    if uri.port_u16() == Some(0) {
        return Err(Fault::new(
            "has port 0",
            "write the port that the receiver listens on",
        ));
    }
    Ok(uri)
}

/// What stands between the two slashes and the next one.
fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or(text, |(_, rest)| rest);
    rest.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}
