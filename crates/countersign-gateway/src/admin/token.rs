//! Who asks: a bearer token of the configuration, over a name that is ours.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Uri};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::State;
use super::error::Problem;
use crate::config::AdminToken;
use crate::log::outside;

/// Somebody with a token; sees this organization and no other.
#[derive(Debug)]
pub(super) struct Operator {
    /// The organization.
    pub(super) organization: Arc<str>,
}

impl FromRequestParts<Arc<State>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Problem> {
        let live = state.current.load();
        let admin = &live.config.admin;
        if !is_ours(&parts.uri, &parts.headers, &admin.hosts) {
            note_refused(parts, "foreign_host");
            return Err(Problem::misdirected());
        }
        let Some(sent) = bearer(&parts.headers) else {
            note_refused(parts, "no_token");
            return Err(Problem::unauthorized());
        };
        let Some(token) = find(&admin.tokens, sent) else {
            note_refused(parts, "unknown_token");
            return Err(Problem::unauthorized());
        };
        tracing::debug!(
            token.name = %token.name,
            organization = %token.organization,
            path = %outside(parts.uri.path()),
            "admin call"
        );
        Ok(Self {
            organization: token.organization.to_shared(),
        })
    }
}

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

fn note_refused(parts: &Parts, reason: &'static str) {
    let peer = parts.extensions.get::<Peer>();
    tracing::info!(
        peer = peer.map(|peer| tracing::field::display(peer.0)),
        path = %outside(parts.uri.path()),
        reason,
        "admin call refused"
    );
}

/// The token sent, if there is exactly one `Authorization` and it is a bearer's.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = lines.next()?.as_bytes();
    if lines.next().is_some() {
        return None;
    }
    let (scheme, token) = line.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(token)
}

/// Compares with every token, whichever matches, by digest and in constant time.
fn find<'a>(tokens: &'a [AdminToken], sent: &[u8]) -> Option<&'a AdminToken> {
    let digest: [u8; 32] = Sha256::digest(sent).into();
    tokens.iter().fold(None, |found, token| {
        if bool::from(token.sha256.ct_eq(&digest)) {
            Some(token)
        } else {
            found
        }
    })
}

/// Whether a browser could have got here only by an address or a name that is ours.
fn is_ours(uri: &Uri, headers: &HeaderMap, names: &[String]) -> bool {
    let mut lines = headers.get_all(HOST).iter();
    let (Some(host), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let Ok(host) = host.as_bytes().try_into() else {
        return false;
    };
    known(&host, names)
        && uri
            .authority()
            .is_none_or(|authority| known(authority, names))
}

fn known(authority: &Authority, names: &[String]) -> bool {
    let host = authority.host();
    let literal = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .map_or_else(
            || host.parse::<Ipv4Addr>().is_ok(),
            |inner| inner.parse::<Ipv6Addr>().is_ok(),
        );
    !authority.as_str().contains('@')
        && (literal
            || host.eq_ignore_ascii_case("localhost")
            || names.iter().any(|name| host.eq_ignore_ascii_case(name)))
}

const SCHEME: &[u8] = b"Bearer ";

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn host(text: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(text).unwrap());
        is_ours(
            &Uri::from_static("/events"),
            &headers,
            &["admin.example".to_owned()],
        )
    }

    fn authorization(lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (AUTHORIZATION, HeaderValue::from_str(line).unwrap()))
            .collect()
    }

    #[test]
    fn addresses_localhost_and_configured_names_are_ours() {
        for ours in [
            "127.0.0.1:8081",
            "10.0.0.7",
            "[::1]:8081",
            "localhost",
            "LocalHost:1",
            "admin.example:8081",
        ] {
            assert!(host(ours), "{ours}");
        }
    }

    #[test]
    fn a_rebound_name_is_not_ours() {
        for foreign in [
            "evil.example",
            "evil.example:8081",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "a@127.0.0.1",
            "",
        ] {
            assert!(!host(foreign), "{foreign}");
        }
    }

    #[test]
    fn two_host_lines_or_a_foreign_absolute_target_are_not_ours() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost"));
        assert!(!is_ours(
            &Uri::from_static("http://evil.example/events"),
            &headers,
            &[]
        ));

        headers.append(HOST, HeaderValue::from_static("localhost"));
        assert!(!is_ours(&Uri::from_static("/events"), &headers, &[]));
        assert!(!is_ours(
            &Uri::from_static("/events"),
            &HeaderMap::new(),
            &[]
        ));
    }

    #[test]
    fn exactly_one_bearer_line_carries_a_token() {
        assert_eq!(bearer(&authorization(&["Bearer abc"])), Some(&b"abc"[..]));
        assert_eq!(bearer(&authorization(&["bEARER abc"])), Some(&b"abc"[..]));
        assert_eq!(bearer(&authorization(&["Basic abc"])), None);
        assert_eq!(bearer(&authorization(&["Bearer"])), None);
        assert_eq!(bearer(&authorization(&["Bearer a", "Bearer a"])), None);
        assert_eq!(bearer(&authorization(&[])), None);
    }
}
