//! What a policy's signatures have to cover, in every way that senders may sign.

use std::time::Duration;

use countersign::{Auth, Verifier};
use http::Method;

use super::PolicyError;

/// How long a signed request can be repeated: twice the longest window.
///
/// Where several are demanded at once, the first that surely has a window names repeats and says how long, unless one
/// that may have one comes before it.
pub(super) fn twice_the_window(auth: &Auth) -> Option<Duration> {
    match auth {
        Auth::Signature(verifier) => {
            let window = verifier.window()?;
            // A signature made at the far edge of the future side stays fresh for both sides.
            Some(window.past().max(window.future()).saturating_mul(2))
        }
        Auth::Any(several) => several.iter().filter_map(twice_the_window).max(),
        Auth::All(several) => {
            let mut longest = None;
            for member in several.iter() {
                longest = longest.max(twice_the_window(member));
                if always_has_a_window(member) {
                    break;
                }
            }
            longest
        }
        _ => None,
    }
}

fn always_has_a_window(auth: &Auth) -> bool {
    match auth {
        Auth::Signature(verifier) => verifier.window().is_some(),
        Auth::Any(several) => several.iter().all(always_has_a_window),
        Auth::All(several) => several.iter().any(always_has_a_window),
        _ => false,
    }
}

/// Refuses URL signatures without a known URL, and closes the gap between URL-signed
/// and body-signed methods.
pub(super) fn sign_check(
    auth: Auth,
    methods: &[Method],
    url_known: bool,
) -> Result<Auth, PolicyError> {
    for part in auth.parts() {
        if let Auth::Signature(verifier) = part {
            check(verifier, methods, url_known)?;
        }
    }
    Ok(auth.with_signatures(|verifier| {
        let scheme = verifier.scheme();
        // The scheme may not sign the method: a captured GET is then a genuine POST whose
        // body is that URL.
        let both = methods.iter().any(|method| scheme.signs_url(method))
            && methods.iter().any(|method| scheme.signs_body(method));
        if both {
            verifier.refuse_url_bodies()
        } else {
            verifier
        }
    }))
}

fn check(verifier: &Verifier, methods: &[Method], url_known: bool) -> Result<(), PolicyError> {
    let scheme = verifier.scheme();
    if let Some(method) = methods.iter().find(|method| !scheme.signs(method)) {
        let method = method.clone();
        return Err(PolicyError::UnsignedMethod { method });
    }
    let needs_url = |method: &&Method| scheme.needs_public_url(std::slice::from_ref(*method));
    if let (Some(method), false) = (methods.iter().find(needs_url), url_known) {
        let method = method.clone();
        return Err(PolicyError::NoPublicUrl { method });
    }
    Ok(())
}
