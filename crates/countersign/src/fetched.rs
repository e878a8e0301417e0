//! Keys that a request names by a URL: what is to be fetched, and what came of it.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::KeyProblem;
use crate::mac::Digest;
use crate::plan::{Opened, read_certificate, read_public};

/// Where the key of a request is, on a host that its scheme allows.
///
/// It begins with `https://`, and has neither user nor query nor fragment.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyUrl {
    url: Arc<str>,
    certificate: Option<Arc<CertificateRule>>,
    /// What the key verifies.
    digest: Digest,
}

/// Whose the certificate at a [`KeyUrl`] has to be.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CertificateRule {
    pub(crate) names: Box<[String]>,
    pub(crate) issuers: Box<[String]>,
}

impl KeyUrl {
    pub(crate) fn new(
        url: &str,
        certificate: Option<Arc<CertificateRule>>,
        digest: Digest,
    ) -> Self {
        Self {
            url: url.into(),
            certificate,
            digest,
        }
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Whose certificate has to be there; where nothing is said, a public key or a set of them is.
    pub fn certificate(&self) -> Option<&CertificateRule> {
        self.certificate.as_deref()
    }
}

impl fmt::Display for KeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl CertificateRule {
    /// The names of which the certificate must have one.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether the certificate of an issuer may be fetched from this host.
    pub fn allows_issuer_at(&self, host: &str) -> bool {
        let mut patterns = self.issuers.iter();
        patterns.any(|pattern| crate::scheme::is_host(host, pattern))
    }
}

/// A public key, or several, as fetched from a [`KeyUrl`]; it counts for requests that lead to that only.
///
/// It is read once and ready for use from then on. Keep it in an [`Arc`].
pub struct FetchedKey {
    url: KeyUrl,
    keys: Vec<Opened>,
}

impl FetchedKey {
    /// Reads a public key in PEM or a set of JSON Web Keys, of which those are left out that verify other kinds of
    /// signatures than the scheme has, unless there are no others.
    pub fn read(url: KeyUrl, text: &[u8]) -> Result<Self, KeyProblem> {
        let materials = read_public(text)?.into_iter();
        let opened = materials.map(|material| Opened::new(url.digest, material));
        let (usable, others): (Vec<_>, Vec<_>) = opened.partition(Result::is_ok);
        let count = if usable.is_empty() { others } else { usable };
        let keys = count.into_iter().collect::<Result<_, _>>()?;
        Ok(Self { url, keys })
    }

    /// Takes the key out of a certificate in DER, which has been checked; it counts as long as the certificate does.
    pub fn of_certificate(url: KeyUrl, der: &[u8]) -> Result<Self, KeyProblem> {
        let keys = vec![Opened::new(url.digest, read_certificate(der)?)?];
        Ok(Self { url, keys })
    }

    /// Sets the first instant at which it counts no longer, where that is before the end of its own certificate: when
    /// one ends that has signed that, for example.
    #[must_use]
    pub fn not_after(mut self, time: SystemTime) -> Self {
        self.keys.iter_mut().for_each(|key| key.end_at(time));
        self
    }

    /// Whether it counts at this instant, or some of it does.
    pub fn covers(&self, now: SystemTime) -> bool {
        self.keys.iter().any(|key| key.covers(now))
    }

    pub(crate) fn is_from(&self, url: &KeyUrl) -> bool {
        self.url == *url
    }

    pub(crate) fn keys(&self) -> &[Opened] {
        &self.keys
    }
}

impl fmt::Debug for FetchedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedKey")
            .field("url", &self.url.as_str())
            .field("keys", &self.keys.len())
            .finish()
    }
}
