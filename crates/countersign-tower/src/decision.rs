//! Everything that decides, in one place and without `async`.

use std::{net::IpAddr, time::SystemTime};

use countersign::{Claim, Given, KeyUrl, PublicUrl, Reason, Rejection, Signed, Unverified};
use http::{HeaderMap, Response, header::CONTENT_LENGTH, request::Parts};
use http_body::SizeHint;

use crate::{
    Answer, ClientAddress, NoKey, Policy, Refusal, Repeats, Verdict, lookup::Learnt,
    replay::Reserve,
};

/// Looks at what costs nothing, before the body is asked for.
///
/// A sender that waits for `100 Continue` is told to go on by the first look at the
/// body, so whatever can be refused without it is refused here.
pub(crate) fn check_head(policy: &Policy, parts: &Parts, hint: &SizeHint) -> Result<(), Refusal> {
    if !policy.methods().contains(&parts.method) {
        return Err(Refusal::MethodNotAllowed);
    }
    if exceeds(declared(&parts.headers, hint), policy.body_limit()) {
        return Err(Refusal::BodyTooLarge);
    }
    if !policy.observes() && !policy.reads_all() {
        let client = client(parts);
        policy
            .auth()
            .check_head_from(client, &parts.method, &parts.headers)?;
    }
    Ok(())
}

/// What comes of a request that is there as a whole.
pub(crate) enum Check {
    /// The verdict hangs on this.
    Ask(Claim),
    /// The verdict hangs on the key that is found here.
    Fetch(KeyUrl),
    Settled(Verdict),
}

/// Says whether the request is genuine, as far as that is known by what was learnt about it.
pub(crate) fn check(
    policy: &Policy,
    parts: &Parts,
    body: &[u8],
    learnt: &Learnt,
    now: SystemTime,
) -> Result<Check, Refusal> {
    let signed = signed(policy, parts, body, now);
    let given = Given {
        client: client(parts),
        password: match learnt.password {
            Some(Answer::Right) => Some(true),
            Some(Answer::Wrong) => Some(false),
            Some(Answer::Unavailable) | None => None,
        },
        key: learnt.key.as_ref().and_then(|key| key.as_deref().ok()),
    };
    let (refusal, reason) = match policy.auth().judge(&signed, given) {
        Ok(verified) => return Ok(Check::Settled(Verdict::Verified(verified))),
        Err(Unverified::Ask(claim)) => match learnt.password {
            None => return Ok(Check::Ask(claim)),
            Some(_) => (Refusal::Unavailable, Reason::BadCredentials),
        },
        Err(Unverified::Fetch(url)) => match &learnt.key {
            None => return Ok(Check::Fetch(url)),
            Some(Err(NoKey::Unavailable)) => (Refusal::Unavailable, Reason::KeyNotFetched),
            Some(Ok(_) | Err(NoKey::Untrusted)) => {
                let reason = Reason::UntrustedKey;
                (Rejection::from(reason).into(), reason)
            }
        },
        Err(Unverified::Rejected(rejection)) => {
            let reason = rejection.reason();
            (rejection.into(), reason)
        }
    };
    match policy.observes() {
        true => Ok(Check::Settled(Verdict::Observed(reason))),
        false => Err(refusal),
    }
}

/// Says what a guard's answer means under this policy.
pub(crate) fn admit<H>(policy: &Policy, reserve: Reserve<H>) -> Result<Option<H>, Refusal> {
    match (reserve, policy.repeats()) {
        (Reserve::Held(held), _) => Ok(Some(held)),
        (Reserve::Unguarded, _) | (Reserve::Repeated, Repeats::Allow) => Ok(None),
        (Reserve::InFlight, _) => Err(Refusal::InFlight),
        (Reserve::Repeated, Repeats::Acknowledge) => Err(Refusal::Acknowledged),
        (Reserve::Repeated, Repeats::Refuse) => Err(Refusal::Repeated),
    }
}

/// Whether the inner service took the request: only then is an equal one a repeat.
pub(crate) fn accepted<B>(response: &Response<B>) -> bool {
    response.status().is_success()
}

/// Whether `size` bytes are more than `limit`.
pub(crate) fn exceeds(size: u64, limit: usize) -> bool {
    usize::try_from(size).map_or(true, |size| size > limit)
}

/// The size the request says its body has, or the least it can have.
fn declared(headers: &HeaderMap, hint: &SizeHint) -> u64 {
    headers
        .get_all(CONTENT_LENGTH)
        .iter()
        .filter_map(|value| value.to_str().ok()?.trim().parse().ok())
        .fold(hint.lower(), u64::max)
}

/// Where the request comes from, if somebody has said so.
pub(crate) fn client(parts: &Parts) -> Option<IpAddr> {
    let ClientAddress(address) = parts.extensions.get()?;
    Some(*address)
}

/// The request as it is verified.
pub(crate) fn signed<'a>(
    policy: &'a Policy,
    parts: &'a Parts,
    body: &'a [u8],
    now: SystemTime,
) -> Signed<'a> {
    Signed {
        method: &parts.method,
        url: PublicUrl {
            base: policy.public_url().unwrap_or_default(),
            target: target(parts),
        },
        headers: &parts.headers,
        body,
        now,
    }
}

/// The request target as it was sent, without what an absolute form puts before the path.
fn target(parts: &Parts) -> &str {
    // Inside `nest`, axum has taken the prefix off the URI; the sender signed all of it.
    #[cfg(feature = "axum")]
    let uri = parts
        .extensions
        .get::<axum::extract::OriginalUri>()
        .map_or(&parts.uri, |original| &original.0);
    #[cfg(not(feature = "axum"))]
    let uri = &parts.uri;
    uri.path_and_query().map_or("", |target| target.as_str())
}
