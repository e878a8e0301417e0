//! What one flow asks of its requests, checked once when it is built.

use std::{sync::Arc, time::Duration};

use countersign::{Auth, Claim, FlowSalt, Handshakes, ReplayKey, Verified};
use http::{HeaderValue, Method};

use crate::{Checking, Passwords};

mod coverage;
mod error;

use coverage::{sign_check, twice_the_window};
pub use error::PolicyError;

/// What a request has to be to pass, as built by [`Policy::builder`].
///
/// ```
/// use countersign::{Auth, Keyring, Scheme, Secret, Verifier};
/// use countersign_tower::Policy;
/// use http::Method;
///
/// let keys = Keyring::single(Secret::new("a secret of some length"));
/// let scheme = Scheme::preset("designer-cloud").ok_or("no such preset")?;
/// let policy = Policy::builder(Auth::Signature(Verifier::new(&scheme, &keys)?))
///     .flow("orders")
///     .methods([Method::POST, Method::GET])
///     .public_url("https://hooks.example.com")
///     .body_limit(64 * 1024)
///     .build()?;
/// assert_eq!(policy.flow(), "orders");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Policy {
    allow: HeaderValue,
    /// How long in the end, whether or not that was said.
    remember: Option<Duration>,
    salt: FlowSalt,
    terms: Terms,
}

/// What is said of a policy.
#[derive(Clone, Debug)]
struct Terms {
    auth: Auth,
    body_limit: usize,
    flow: Arc<str>,
    handshakes: Handshakes,
    methods: Vec<Method>,
    observe: bool,
    passwords: Option<Arc<dyn Passwords>>,
    public_url: Option<Arc<str>>,
    read_all: bool,
    remember: Option<Duration>,
    repeats: Repeats,
}

impl Policy {
    /// Starts a policy: POST only, bodies up to 1 MiB, nothing let through unverified.
    pub fn builder(auth: Auth) -> PolicyBuilder {
        PolicyBuilder(Terms {
            auth,
            body_limit: DEFAULT_BODY_LIMIT,
            flow: Arc::from("default"),
            handshakes: Handshakes::default(),
            methods: vec![Method::POST],
            observe: false,
            passwords: None,
            public_url: None,
            read_all: false,
            remember: None,
            repeats: Repeats::default(),
        })
    }

    /// A builder with everything that this policy says, and another way of knowing senders: for keys that come and go.
    pub fn with_auth(&self, auth: Auth) -> PolicyBuilder {
        PolicyBuilder(Terms {
            auth,
            ..self.terms.clone()
        })
    }

    /// How senders are known.
    pub fn auth(&self) -> &Auth {
        &self.terms.auth
    }

    /// The largest body taken, in bytes.
    pub fn body_limit(&self) -> usize {
        self.terms.body_limit
    }

    /// The id of the flow this policy belongs to.
    pub fn flow(&self) -> &str {
        &self.terms.flow
    }

    /// The handshakes answered in the inner service's place.
    pub fn handshakes(&self) -> &Handshakes {
        &self.terms.handshakes
    }

    /// The methods taken.
    pub fn methods(&self) -> &[Method] {
        &self.terms.methods
    }

    /// Whether what does not verify is let through, marked as such.
    pub fn observes(&self) -> bool {
        self.terms.observe
    }

    /// Has the passwords that are kept elsewhere asked, if there are any.
    pub fn ask(&self, claim: Claim) -> Option<Checking> {
        Some(self.terms.passwords.as_ref()?.check(claim))
    }

    /// The public address that URL signatures cover, without the request's target.
    pub fn public_url(&self) -> Option<&str> {
        self.terms.public_url.as_deref()
    }

    /// Whether the body is read even where the head is enough to refuse the request.
    pub fn reads_all(&self) -> bool {
        self.terms.read_all
    }

    /// How long a replay guard remembers a request, or `None` when it is not asked.
    pub fn remember(&self) -> Option<Duration> {
        self.remember
    }

    /// The same for this request: without a signed time it is remembered only where that was set.
    pub(crate) fn remember_this(&self, verified: &Verified) -> Option<Duration> {
        self.remember
            .filter(|_| self.terms.remember.is_some() || verified.time().is_some())
    }

    /// What a repeat of an accepted request gets.
    pub fn repeats(&self) -> Repeats {
        self.terms.repeats
    }

    /// The key by which a repeat of this request within this flow is known.
    ///
    /// `None` where the auth mode has nothing that tells requests apart.
    pub fn replay_key(&self, verified: &Verified) -> Option<ReplayKey> {
        Some(verified.replay_key()?.in_flow(&self.salt))
    }

    /// The value of the `Allow` header.
    pub(crate) fn allow(&self) -> HeaderValue {
        self.allow.clone()
    }
}

/// Builds a [`Policy`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct PolicyBuilder(Terms);

impl PolicyBuilder {
    /// Sets the largest body taken, in bytes.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.0.body_limit = bytes;
        self
    }

    /// Sets the flow's id: equal requests to two flows are no repeats of each other.
    pub fn flow(mut self, id: &str) -> Self {
        self.0.flow = Arc::from(id);
        self
    }

    /// Answers these handshakes, whatever methods are taken: the inner service never sees one.
    ///
    /// What has no signature is answered from its head alone, and only if it is a handshake exactly as the
    /// scheme describes it; everything else is verified first. [`Handshakes::of`] has those of a scheme.
    pub fn handshakes(mut self, handshakes: Handshakes) -> Self {
        self.0.handshakes = handshakes;
        self
    }

    /// Sets the methods taken, in place of POST alone.
    ///
    /// `HEAD` is a method like any other: it is refused unless it is listed.
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.0.methods.clear();
        for method in methods {
            if !self.0.methods.contains(&method) {
                self.0.methods.push(method);
            }
        }
        self
    }

    /// Lets requests through that do not verify, marked as observed.
    ///
    /// The methods and the body limit still hold, and no replay guard is asked.
    pub fn observe(mut self, observe: bool) -> Self {
        self.0.observe = observe;
        self
    }

    /// Sets who is asked for the passwords that the auth does not know itself.
    pub fn passwords(mut self, passwords: Arc<dyn Passwords>) -> Self {
        self.0.passwords = Some(passwords);
        self
    }

    /// Sets the address that senders know this receiver by: scheme, authority and what
    /// a proxy in front takes off the path, as in `https://hooks.example.com`.
    ///
    /// The signed URL is this plus the raw request target; no header changes it.
    pub fn public_url(mut self, base: impl Into<Arc<str>>) -> Self {
        self.0.public_url = Some(base.into());
        self
    }

    /// Reads the body even where the head is enough to refuse the request, so that whoever looks into
    /// [refused requests](crate::Refused) has them whole. It makes refusals dearer.
    pub fn read_all(mut self, read_all: bool) -> Self {
        self.0.read_all = read_all;
        self
    }

    /// Sets how long a replay guard remembers a request.
    ///
    /// The default is twice the window of the signature; without a window (the
    /// signature covers no time, or there is none) the guard is not asked unless
    /// this is set, since equal requests may then be two events: so it is for each request,
    /// where some of several ways to sign cover a time. It cannot be less than the default: a
    /// forgotten repeat would pass.
    pub fn remember(mut self, keep: Duration) -> Self {
        self.0.remember = Some(keep);
        self
    }

    /// Sets what a repeat of an accepted request gets.
    pub fn repeats(mut self, repeats: Repeats) -> Self {
        self.0.repeats = repeats;
        self
    }

    /// Checks the policy as a whole.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let Self(mut terms) = self;
        if terms.methods.is_empty() {
            return Err(PolicyError::NoMethods);
        }
        if terms.auth.asks() && terms.passwords.is_none() {
            return Err(PolicyError::NoPasswords);
        }
        if let Some(base) = &terms.public_url {
            check_public_url(base)?;
        }
        let fresh = twice_the_window(&terms.auth);
        if let (Some(keep), Some(least)) = (terms.remember, fresh)
            && keep < least
        {
            return Err(PolicyError::ShortMemory { keep, least });
        }
        let remembers = !terms.observe && terms.repeats != Repeats::Allow;
        let remember = terms.remember.or(fresh).filter(|_| remembers);
        terms.auth = sign_check(terms.auth, &terms.methods, terms.public_url.is_some())?;
        let allow = terms.methods.iter().map(Method::as_str).collect::<Vec<_>>();

        Ok(Policy {
            // Methods are tokens, and tokens are valid in header values.
            allow: HeaderValue::try_from(allow.join(", ")).map_err(|_| PolicyError::NoMethods)?,
            remember,
            salt: FlowSalt::new(&terms.flow),
            terms,
        })
    }
}

/// What a repeat of an accepted request gets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Repeats {
    /// The same success again, without reaching the inner service.
    #[default]
    Acknowledge,
    /// Nothing of its own: it passes, and no replay guard is asked.
    Allow,
    /// A refusal.
    Refuse,
}

fn check_public_url(url: &Arc<str>) -> Result<(), PolicyError> {
    let problem = |problem| {
        let url = Arc::clone(url);
        Err(PolicyError::PublicUrl { url, problem })
    };
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else {
        return problem("has to start with https:// or http://");
    };
    if rest.is_empty() || rest.starts_with('/') {
        return problem("names no host");
    }
    if url.contains(['?', '#']) {
        return problem("has a query or fragment: leave it out, the request brings its own");
    }
    if url.ends_with('/') {
        return problem("ends with a slash: leave it out, the request's path starts with one");
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return problem("has white space or characters outside ASCII");
    }
    Ok(())
}

const DEFAULT_BODY_LIMIT: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
