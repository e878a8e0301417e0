//! Keys that a request names by a URL: what is to be fetched, and what came of it.

use std::fmt;
use std::sync::Arc;

use crate::KeyProblem;
use crate::plan::{KeyMaterial as Material, read_certificate, read_public};

/// Where the key of a request is, on a host that its scheme allows.
///
/// It begins with `https://`, and has neither user nor query nor fragment.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyUrl {
    url: Arc<str>,
    certificate: Option<Arc<CertificateRule>>,
}

/// Whose the certificate at a [`KeyUrl`] has to be.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CertificateRule {
    pub(crate) names: Box<[String]>,
    pub(crate) issuers: Box<[String]>,
}

impl KeyUrl {
    pub(crate) fn new(url: &str, certificate: Option<Arc<CertificateRule>>) -> Self {
        Self {
            url: url.into(),
            certificate,
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
#[derive(Clone)]
pub struct FetchedKey {
    url: KeyUrl,
    materials: Vec<Material>,
}

impl FetchedKey {
    /// Reads a public key in PEM or a set of JSON Web Keys.
    pub fn read(url: KeyUrl, text: &[u8]) -> Result<Self, KeyProblem> {
        let materials = read_public(text)?;
        Ok(Self { url, materials })
    }

    /// Takes the key out of a certificate in DER, which has been checked.
    pub fn of_certificate(url: KeyUrl, der: &[u8]) -> Result<Self, KeyProblem> {
        let materials = vec![read_certificate(der)?];
        Ok(Self { url, materials })
    }

    pub(crate) fn is_from(&self, url: &KeyUrl) -> bool {
        self.url == *url
    }

    pub(crate) fn materials(&self) -> &[Material] {
        &self.materials
    }
}

impl fmt::Debug for FetchedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedKey")
            .field("url", &self.url.as_str())
            .field("keys", &self.materials.len())
            .finish()
    }
}
