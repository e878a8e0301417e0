//! The request that a step gets: the event as it came, less what was meant for us alone, plus what we say.
//!
//! Pure. Every name and value is one of `http`'s types, also after the queue, so nothing stored can break out
//! of its header.

use std::time::SystemTime;

use bytes::Bytes;
use countersign::{PublicUrl, SignError, ToSign};
use countersign_queue::{Claim, EventId};
use http::header::{HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use http::uri::{PathAndQuery, Scheme};
use http::{Method, Request, Uri};

use super::credentials::Credentials;
use crate::config::{Flow, Step};
use crate::hop;

/// What a step's request is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepRequest<'a> {
    /// Which try this is, counted from 1.
    pub(crate) attempt: u32,
    pub(crate) body: &'a Bytes,
    pub(crate) event: EventId,
    pub(crate) flow: &'a Flow,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) method: &'a Method,
    pub(crate) step: &'a Step,
    /// The request target as the sender wrote it.
    pub(crate) target: &'a str,
}

impl<'a> StepRequest<'a> {
    /// The request for this attempt.
    pub(crate) fn new(claim: &'a Claim, flow: &'a Flow, step: &'a Step) -> Self {
        let event = &*claim.event;
        Self {
            attempt: claim.attempt,
            body: &event.body,
            event: event.id,
            flow,
            headers: &event.headers,
            method: &event.method,
            step,
            target: &event.target,
        }
    }

    /// The request, signed at `now`; `random` makes a trace's ids where the sender began none.
    ///
    /// # Errors
    ///
    /// [`Unsendable`] where no request can be made of this event for this step.
    pub(crate) fn build(
        &self,
        now: SystemTime,
        random: [u8; 24],
    ) -> Result<Request<Bytes>, Unsendable> {
        let hops = hop::next_hop(self.headers)?;
        let auth = self.flow.policy.auth();
        let credentials = Credentials::new(auth);
        let target = credentials.strip(self.target);
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url(&target)?;

        let mut headers = hop::end_to_end(self.headers, |name| auth.reads(name));
        credentials.remove_from(&mut headers);
        trace(&mut headers, random)?;
        set(&mut headers, "countersign-attempt", self.attempt.into());
        set(
            &mut headers,
            "countersign-event",
            HeaderValue::try_from(self.event.to_string())?,
        );
        set(
            &mut headers,
            "countersign-flow",
            HeaderValue::try_from(self.flow.id.as_str())?,
        );
        headers.insert(hop::HOPS, hops);
        set(
            &mut headers,
            "countersign-target",
            HeaderValue::try_from(&*target)?,
        );
        for (name, value) in &self.step.headers {
            hop::set(&mut headers, name.clone(), value.clone());
        }
        *request.headers_mut() = headers;
        self.sign(&mut request, now)?;
        Ok(request)
    }

    /// The step's URL, with the event's query where it has none of its own.
    fn url(&self, target: &str) -> Result<Uri, Unsendable> {
        let url = self.step.url.as_uri();
        let query = target
            .split_once('?')
            .map(|(_, query)| query)
            .filter(|query| !query.is_empty());
        let Some(query) = query.filter(|_| url.query().is_none()) else {
            return Ok(url.clone());
        };
        let mut parts = url.clone().into_parts();
        let joined = PathAndQuery::try_from(format!("{}?{query}", url.path()));
        parts.path_and_query = Some(joined.map_err(|_| Unsendable::Target)?);
        Uri::from_parts(parts).map_err(|_| Unsendable::Target)
    }

    fn sign(&self, request: &mut Request<Bytes>, now: SystemTime) -> Result<(), Unsendable> {
        let Some(signer) = &self.step.signer else {
            return Ok(());
        };
        let uri = request.uri();
        let base = format!(
            "{}://{}",
            uri.scheme().unwrap_or(&Scheme::HTTPS),
            uri.authority().map_or("", |authority| authority.as_str()),
        );
        let id = self.event.to_string();
        let written = signer.headers(&ToSign {
            method: request.method(),
            url: PublicUrl::new(
                &base,
                uri.path_and_query().map_or("/", PathAndQuery::as_str),
            ),
            headers: request.headers(),
            body: request.body(),
            id: Some(&id),
            now,
        })?;
        for (name, value) in written {
            hop::set(request.headers_mut(), name, value);
        }
        Ok(())
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: HeaderValue) {
    headers.insert(HeaderName::from_static(name), value);
}

/// Keeps the sender's trace, or begins one.
fn trace(headers: &mut HeaderMap, random: [u8; 24]) -> Result<(), InvalidHeaderValue> {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    let kept = matches!((lines.next(), lines.next()), (Some(line), None) if is_traceparent(line.as_bytes()));
    if !kept {
        let (trace, span) = random.split_at(16);
        let begun = format!("00-{}-{}-01", hex::encode(trace), hex::encode(span));
        hop::set(
            headers,
            HeaderName::from_static(TRACEPARENT),
            HeaderValue::try_from(begun)?,
        );
        // Another trace's state means nothing in this one.
        headers.remove("tracestate");
    }
    Ok(())
}

/// Whether `line` is a W3C trace parent: version, trace id, span id, flags.
fn is_traceparent(line: &[u8]) -> bool {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b'-').collect();
    let [version, trace, span, flags, rest @ ..] = fields.as_slice() else {
        return false;
    };
    let is_hex = |field: &[u8], length: usize| {
        field.len() == length
            && field
                .iter()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id =
        |field: &[u8], length| is_hex(field, length) && field.iter().any(|byte| *byte != b'0');
    is_hex(version, 2)
        && *version != b"ff"
        && is_id(trace, 32)
        && is_id(span, 16)
        && is_hex(flags, 2)
        && (rest.is_empty() || *version != b"00")
}

/// Why no request can be made of an event for a step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsendable {
    #[error("{}", hop::TooManyHops)]
    Hops,
    #[error("cannot sign the request")]
    Sign(#[from] SignError),
    #[error("the stored event is no valid request any more")]
    Stored(#[from] InvalidHeaderValue),
    #[error("the step's URL and the event's query make no URL together")]
    Target,
}

impl From<hop::TooManyHops> for Unsendable {
    fn from(_: hop::TooManyHops) -> Self {
        Self::Hops
    }
}

const TRACEPARENT: &str = "traceparent";

#[cfg(test)]
mod tests;
