//! Where the key of a signature is found, said as data.
//!
//! What a request names is allowed only on the hosts that the scheme lists; that is demanded of every
//! request, whether its key is fetched or given.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Https, Place, SchemeError};
use crate::element::Source;
use crate::fetched::{CertificateRule, KeyUrl};
use crate::mac::Digest;
use crate::{Key, Reason};

/// Where the key of a signature is found.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct KeyUrlForm {
    /// Where it is unless the receiver's configuration says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
    /// Where a request names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Place>,
    pub(crate) https: Https,
    /// It is a certificate, and whose; otherwise a public key or a set of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<CertificateForm>,
}

/// Whose certificate it has to be.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateForm {
    /// Names, any of which; `*` is what it is in the host of the URL.
    pub(crate) names: Vec<String>,
    /// Hosts that the certificates of issuers may come from, where the sender leaves them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) issuers: Vec<String>,
}

impl KeyUrlForm {
    /// Whether its parts fit together.
    pub(super) fn check(&self) -> Result<(), SchemeError> {
        let wrong = |why| Err(SchemeError::KeyUrl(why));
        match (&self.at, &self.from) {
            (Some(at), None) if !self.https.allows(at.as_bytes()) => {
                return wrong("its `at` is not on its own hosts");
            }
            (Some(_), None) | (None, Some(Place::Header(_) | Place::Json(_))) => {}
            (None, Some(_)) => return wrong("it is named in a header or in the body"),
            _ => return wrong("it is either `at` a URL or `from` the request"),
        }
        if self.https.hosts.is_empty() {
            return wrong("it has no hosts");
        }
        let stars = |text: &String| text.split('.').filter(|label| label.contains('*')).count();
        let fewest = self.https.hosts.iter().map(stars).min().unwrap_or_default();
        match &self.certificate {
            Some(whose) if whose.names.is_empty() => wrong("its certificate has no names"),
            Some(whose) if whose.names.iter().any(|name| stars(name) > fewest) => {
                wrong("a name of its certificate has a `*` that some host has not")
            }
            _ => Ok(()),
        }
    }

    /// Refuses a request that names a URL which is not allowed.
    pub(crate) fn demand(&self, source: &Source<'_>) -> Result<(), Reason> {
        let Some(place) = &self.from else {
            return Ok(());
        };
        let named = place.read(source)?.ok_or(Reason::MissingElement)?;
        match self.https.allows(&named) {
            true => Ok(()),
            false => Err(Reason::UnmetDemand),
        }
    }

    /// Where the key of this request is.
    pub(crate) fn url(
        &self,
        source: &Source<'_>,
        key: &Key,
        digest: Digest,
    ) -> Result<KeyUrl, Reason> {
        let named = match (&self.from, key.url(), &self.at) {
            (Some(place), _, _) => place.read(source)?.ok_or(Reason::MissingElement)?,
            (None, Some(own), _) => own.as_bytes().into(),
            (None, None, at) => at.as_deref().unwrap_or_default().as_bytes().into(),
        };
        let named = with_small_host(named.into_owned());
        let (url, stars) = self.https.read(&named).ok_or(Reason::UnmetDemand)?;
        let certificate = self.certificate.as_ref().map(|whose| CertificateRule {
            names: whose.names.iter().map(|name| spell(name, &stars)).collect(),
            issuers: whose.issuers.clone().into(),
        });
        Ok(KeyUrl::new(url, certificate.map(Arc::new), digest))
    }
}

/// The URL with its host in small letters: one place has one spelling, and what is there is fetched once.
fn with_small_host(mut url: Vec<u8>) -> Vec<u8> {
    let rest = url.iter_mut().skip("https://".len());
    rest.take_while(|byte| **byte != b'/')
        .for_each(|byte| byte.make_ascii_lowercase());
    url
}

/// A name with each `*` replaced by what it stands for.
fn spell(name: &str, stars: &[&str]) -> String {
    let mut stars = stars.iter();
    let labels = name.split('.').map(|label| match label {
        "*" => stars.next().copied().unwrap_or_default(),
        label => label,
    });
    labels.collect::<Vec<_>>().join(".")
}
