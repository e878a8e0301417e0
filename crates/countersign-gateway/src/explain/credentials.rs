//! What is said of passwords, API keys and shared tokens that are not the flow's: they sign nothing, so neither the
//! body nor the URL can be at fault.

use countersign::{Auth, Reason, Weakness};

use super::{Case, Hint};

impl Case<'_> {
    /// That the request's credentials are not the ones; for whoever has found nothing else.
    pub(super) fn credentials(&self) -> Option<Hint> {
        let reason = match self.verdict() {
            Err(rejection) => rejection.reason(),
            // Whoever knows the passwords has said no.
            Ok(()) if self.asks() => Reason::BadCredentials,
            Ok(()) => return None,
        };
        let text = match (self.auth, reason) {
            (Auth::Basic(_), Reason::BadCredentials) => PASSWORD.to_owned(),
            (Auth::ApiKey(_), Reason::BadCredentials) => API_KEY.to_owned(),
            (Auth::Basic(_) | Auth::ApiKey(_), other) => other.to_string(),
            (Auth::Signature(verifier), Reason::BadSignature) => {
                let weaknesses = verifier.scheme().weaknesses();
                weaknesses
                    .contains(&Weakness::Token)
                    .then(|| TOKEN.to_owned())?
            }
            _ => return None,
        };
        Some(Hint::new(CREDENTIALS, text))
    }
}

/// The kind of a hint that says that the credentials are not the ones.
pub(super) const CREDENTIALS: &str = "credentials";
const PASSWORD: &str = "no user of the flow has the name and the password that were sent: correct them where the \
    sender has them, or in the flow's `auth`";
const API_KEY: &str = "the API key that was sent is not one of the flow's: correct it where the sender has it, or in \
    the flow's `auth`";
const TOKEN: &str = "the shared secret that was sent is not one of the keys: correct it where the sender has it, or \
    among the keys";
