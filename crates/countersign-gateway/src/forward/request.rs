//! The request that the upstream gets: pure, so that every rule is a line in a table test.

use std::net::IpAddr;
use std::time::SystemTime;

use countersign_tower::Verdict;
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use jiff::Timestamp;

use super::failure::NoAnswer;
use crate::config::Flow;
use crate::hop;

/// What is known about one hop from a sender to an upstream.
#[derive(Debug)]
pub(super) struct Hop<'a> {
    pub(super) flow: &'a Flow,
    pub(super) peer: Option<IpAddr>,
    /// The peer is a proxy of ours: what it says about its client is kept.
    pub(super) peer_is_proxy: bool,
    pub(super) upstream: &'a Uri,
}

impl Hop<'_> {
    /// The head of the request as it goes on: same method, the upstream's address, our findings.
    ///
    /// # Errors
    ///
    /// The request goes in circles, or the upstream's address and this target do not make a URI together.
    pub(super) fn onward(
        &self,
        inbound: &Parts,
        verdict: &Verdict,
    ) -> Result<Request<()>, NoAnswer> {
        let hops = hop::next_hop(&inbound.headers)?;
        let auth = self.flow.policy.auth();
        let mut headers = hop::end_to_end(&inbound.headers, |name| auth.reads(name));
        headers.insert(hop::HOPS, hops);
        self.tell_origin(&inbound.headers, &mut headers);
        self.tell_verdict(verdict, &mut headers);

        let mut onward = Request::new(());
        *onward.method_mut() = inbound.method.clone();
        *onward.uri_mut() = joined(self.upstream, inbound.uri.path_and_query())?;
        *onward.headers_mut() = headers;
        Ok(onward)
    }

    /// `X-Forwarded-*`: ours alone, unless a proxy of ours spoke before us.
    fn tell_origin(&self, inbound: &HeaderMap, onward: &mut HeaderMap) {
        let before = self.peer_is_proxy.then_some(inbound);
        let told = |name: &HeaderName| before.and_then(|headers| headers.get(name)).cloned();

        let chain = self.forwarded_for(before);
        let proto = told(&FORWARDED_PROTO).unwrap_or(HeaderValue::from_static("http"));
        let host = told(&FORWARDED_HOST).or_else(|| inbound.get(header::HOST).cloned());
        for (name, value) in [
            (FORWARDED_FOR, chain),
            (FORWARDED_PROTO, Some(proto)),
            (FORWARDED_HOST, host),
        ] {
            match value {
                Some(value) => hop::set(onward, name, value),
                None => hop::remove_readings(onward, &name),
            }
        }
        if !self.peer_is_proxy {
            hop::remove_readings(onward, &header::FORWARDED);
        }
    }

    fn forwarded_for(&self, before: Option<&HeaderMap>) -> Option<HeaderValue> {
        let peer = self.peer?.to_canonical().to_string();
        let lines = before.map(|headers| headers.get_all(FORWARDED_FOR));
        let chain = lines
            .into_iter()
            .flatten()
            .filter_map(|line| line.to_str().ok())
            .chain([peer.as_str()])
            .collect::<Vec<_>>()
            .join(", ");
        HeaderValue::try_from(chain).ok()
    }

    /// `Countersign-*`: the flow, and what the verifier found.
    fn tell_verdict(&self, verdict: &Verdict, onward: &mut HeaderMap) {
        let mut set = |name, value: Result<HeaderValue, _>| {
            // Ids, labels and times are visible ASCII; another value is left out, never altered.
            if let Ok(value) = value {
                onward.insert(HeaderName::from_static(name), value);
            }
        };
        set(
            "countersign-flow",
            HeaderValue::from_str(self.flow.id.as_str()),
        );
        match verdict {
            Verdict::Verified(verified) => {
                if let Some(key) = verified.key() {
                    set("countersign-key", HeaderValue::from_str(key.as_str()));
                }
                if let Ok(now) = Timestamp::try_from(SystemTime::now()) {
                    set(
                        "countersign-verified-at",
                        HeaderValue::try_from(now.to_string()),
                    );
                }
            }
            Verdict::Observed(reason) => {
                set(
                    "countersign-observed",
                    HeaderValue::from_str(reason.as_str()),
                );
            }
        }
    }
}

/// The upstream's scheme, authority and path, followed by the target as it was received.
fn joined(upstream: &Uri, target: Option<&PathAndQuery>) -> Result<Uri, http::Error> {
    let target = target.map_or("/", PathAndQuery::as_str);
    let folder = upstream.path().trim_end_matches('/');
    let path = match folder {
        "" => target.parse::<PathAndQuery>()?,
        folder => PathAndQuery::try_from(format!("{folder}{target}"))?,
    };
    Uri::builder()
        .scheme(upstream.scheme().cloned().unwrap_or(Scheme::HTTP))
        .authority(
            upstream
                .authority()
                .cloned()
                .unwrap_or(Authority::from_static("localhost")),
        )
        .path_and_query(path)
        .build()
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[cfg(test)]
mod tests;
