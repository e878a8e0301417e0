//! The sender's address, when the peer is a proxy of ours: read from what proxies write, from the right.
//!
//! Pure, and stands on its own: the fuzz targets compile it in. The nearest proxy wrote last, so only what stands to the
//! right of the first address that is no proxy's was written by somebody we trust. What cannot be read ends the walk:
//! then the address is not known, rather than taken from someone else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderName, header::FORWARDED};

/// The address that a request comes from; `None` where our proxies do not say.
///
/// That of the peer, unless it is trusted; else what `X-Forwarded-For` or `Forwarded` says. Where both are there they
/// have to agree: a proxy writes one of them and lets a sender's other one pass.
pub(crate) fn address(
    peer: IpAddr,
    headers: &HeaderMap,
    trusts: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if !trusts(peer) {
        return Some(peer);
    }
    let listed = walk(headers, &FORWARDED_FOR, listed, &trusts);
    let forwarded = walk(headers, &FORWARDED, forwarded, &trusts);
    match (listed, forwarded) {
        (None, None) => Some(peer),
        (Some(told), None) | (None, Some(told)) => told,
        (Some(one), Some(other)) => one.filter(|one| Some(*one) == other),
    }
}

/// The first address from the right that is not trusted, or the last one if all are; `None` without such a header.
fn walk(
    headers: &HeaderMap,
    name: &HeaderName,
    hops: fn(&[u8]) -> Vec<Option<IpAddr>>,
    trusts: &impl Fn(IpAddr) -> bool,
) -> Option<Option<IpAddr>> {
    let mut farthest = None;
    let mut lines = headers.get_all(name).iter().rev().peekable();
    lines.peek()?;
    for line in lines {
        for hop in hops(line.as_bytes()).into_iter().rev() {
            let Some(address) = hop else {
                return Some(None);
            };
            if !trusts(address) {
                return Some(Some(address));
            }
            farthest = Some(address);
        }
    }
    Some(farthest)
}

/// The hops of a line of `X-Forwarded-For`.
fn listed(line: &[u8]) -> Vec<Option<IpAddr>> {
    let pieces = line.split(|byte| *byte == b',');
    pieces
        .map(|piece| node(str::from_utf8(piece).ok()?.trim_matches(BLANK)))
        .collect()
}

/// The hops of a line of `Forwarded` (RFC 7239); a line that breaks its grammar is one hop that cannot be read.
fn forwarded(line: &[u8]) -> Vec<Option<IpAddr>> {
    let hops = str::from_utf8(line).ok().and_then(elements);
    hops.unwrap_or_else(|| vec![None])
}

fn elements(line: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    let mut hop = None;
    let mut rest = line;
    loop {
        let (name, after) = rest.trim_start_matches(BLANK).split_once('=')?;
        let (value, after) = value(after)?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") {
            // Twice in one element, it could be read either way.
            if hop.replace(node(value)).is_some() {
                return None;
            }
        }
        let after = after.trim_start_matches(BLANK);
        if let Some(pair) = after.strip_prefix(';') {
            rest = pair;
            continue;
        }
        hops.push(hop.take().flatten());
        match after.strip_prefix(',') {
            Some(element) => rest = element,
            None if after.is_empty() => return Some(hops),
            None => return None,
        }
    }
}

/// A token or a quoted text, without its quotes and with its escapes, and what follows.
fn value(text: &str) -> Option<(&str, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|byte| !is_token(byte));
        let (token, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
        return (!token.is_empty()).then_some((token, rest));
    };
    let mut escaped = false;
    for (at, byte) in quoted.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((quoted.get(..at)?, quoted.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// An address, perhaps with a port; IPv6 in brackets where it has one.
fn node(text: &str) -> Option<IpAddr> {
    let address = if let Some(inner) = text.strip_prefix('[') {
        let (address, port) = inner.split_once(']')?;
        is_port(port).then_some(())?;
        IpAddr::V6(address.parse::<Ipv6Addr>().ok()?)
    } else if let Ok(address) = text.parse::<IpAddr>() {
        address
    } else {
        let (address, _) = text.split_once(':')?;
        is_port(text.get(address.len()..)?).then_some(())?;
        IpAddr::V4(address.parse::<Ipv4Addr>().ok()?)
    };
    Some(address.to_canonical())
}

/// Nothing, or a colon and a number that ports have.
fn is_port(text: &str) -> bool {
    let Some(number) = text.strip_prefix(':') else {
        return text.is_empty();
    };
    number.bytes().all(|byte| byte.is_ascii_digit()) && number.parse::<u16>().is_ok()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const BLANK: [char; 2] = [' ', '\t'];
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[cfg(test)]
#[path = "client/tests.rs"] // for the fuzzing workspace, which has this file in a module of its own
mod tests;
