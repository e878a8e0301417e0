//! Everything that decides, in one place and without `async`.

use std::time::SystemTime;

use countersign::{PublicUrl, Signed};
use http::{HeaderMap, Response, header::CONTENT_LENGTH, request::Parts};
use http_body::SizeHint;

use crate::{Policy, Refusal, Repeats, Verdict, replay::Reserve};

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
    if !policy.observes() {
        policy.auth().check_head(&parts.method, &parts.headers)?;
    }
    Ok(())
}

/// Says whether the request is genuine.
pub(crate) fn check(
    policy: &Policy,
    parts: &Parts,
    body: &[u8],
    now: SystemTime,
) -> Result<Verdict, Refusal> {
    let signed = Signed {
        method: &parts.method,
        url: PublicUrl {
            base: policy.public_url().unwrap_or_default(),
            target: target(parts),
        },
        headers: &parts.headers,
        body,
        now,
    };
    match policy.auth().verify(&signed) {
        Ok(verified) => Ok(Verdict::Verified(verified)),
        Err(rejection) if policy.observes() => Ok(Verdict::Observed(rejection.reason())),
        Err(rejection) => Err(Refusal::Rejected(rejection)),
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
