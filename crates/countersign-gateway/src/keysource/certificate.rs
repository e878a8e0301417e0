//! Whether a certificate is a sender's: its name, its time, and who signed it.
//!
//! Pure: what is missing in the chain is told, and whoever has it fetched asks again.

use std::net::IpAddr;
use std::time::SystemTime;

use countersign::{CertificateRule, FetchedKey, KeyProblem, KeyUrl, Validity};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};

use crate::deliver::Trust;

/// A certificate, and what is known of those who signed it.
#[derive(Debug)]
pub(super) struct Chain {
    own: CertificateDer<'static>,
    issuers: Vec<CertificateDer<'static>>,
}

/// What is to be thought of a [`Chain`].
#[derive(Debug)]
pub(super) enum Verdict {
    /// The certificate of whoever signed the last of these is said to be here.
    Incomplete(String),
    Trusted(FetchedKey),
    Untrusted(&'static str),
}

impl Chain {
    /// Reads certificates in PEM, the sender's first.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let mut certificates = pem(text)?.into_iter();
        Some(Self {
            own: certificates.next()?,
            issuers: certificates.collect(),
        })
    }

    /// Adds an issuer's certificate, in PEM or DER; nothing more than so many.
    pub(super) fn add(&mut self, bytes: &[u8]) -> bool {
        let certificates = match bytes.first() {
            Some(0x30) => vec![CertificateDer::from(bytes.to_vec())],
            _ => pem(bytes).unwrap_or_default(),
        };
        let fits = !certificates.is_empty() && self.issuers.len() + certificates.len() <= LONGEST;
        if fits {
            self.issuers.extend(certificates);
        }
        fits
    }

    /// Holds the chain against what is trusted, and the names against those of the rule.
    pub(super) fn judge(
        &self,
        url: &KeyUrl,
        rule: &CertificateRule,
        trust: &Trust,
        now: SystemTime,
    ) -> Verdict {
        let Some(at) = since_epoch(now) else {
            return Verdict::Untrusted("the clock is not set");
        };
        let mut why = "it has none of the names that the scheme asks for";
        for name in rule.names() {
            let Ok(name) = ServerName::try_from(name) else {
                continue;
            };
            match trust.check(&self.own, &self.issuers, &name, at) {
                Ok(()) => {
                    let holds = |at| trust.check(&self.own, &self.issuers, &name, at).is_ok();
                    return match self.key(url, now, holds) {
                        Ok(key) => Verdict::Trusted(key),
                        Err(_) => Verdict::Untrusted("its key cannot be read"),
                    };
                }
                Err(Error::InvalidCertificate(error)) => match error {
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. } => {}
                    CertificateError::UnknownIssuer => {
                        return match issuer_url(self.last()).filter(|url| allows(rule, url)) {
                            Some(url) => Verdict::Incomplete(url),
                            None => Verdict::Untrusted("nobody who is trusted has signed it"),
                        };
                    }
                    CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                        why = "it has expired";
                    }
                    CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                        why = "it is not valid yet";
                    }
                    _ => why = "it is not valid",
                },
                Err(_) => why = "it cannot be checked",
            }
        }
        Verdict::Untrusted(why)
    }

    /// The key, for as long as the chain `holds`: to the first end of a certificate in it that it hangs on. One that is
    /// sent along and not needed may end before that.
    fn key(
        &self,
        url: &KeyUrl,
        now: SystemTime,
        holds: impl Fn(UnixTime) -> bool,
    ) -> Result<FetchedKey, KeyProblem> {
        let key = FetchedKey::of_certificate(url.clone(), &self.own)?;
        let ends = self.issuers.iter().filter_map(|issuer| {
            let validity = Validity::of_certificate(issuer).ok()?;
            validity.not_after().filter(|end| now < *end)
        });
        let without = |end: &SystemTime| since_epoch(*end).is_some_and(&holds);
        let ends = ends.filter(|end| !without(end));
        Ok(ends.fold(key, FetchedKey::not_after))
    }

    fn last(&self) -> &CertificateDer<'static> {
        self.issuers.last().unwrap_or(&self.own)
    }
}

fn since_epoch(time: SystemTime) -> Option<UnixTime> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.ok().map(UnixTime::since_unix_epoch)
}

fn pem(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(text).take(LONGEST + 2);
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().ok()?;
    (certificates.len() <= LONGEST + 1).then_some(certificates)
}

/// Where a certificate says that its issuer's is: whoever signed it is found out afterwards, so a wrong hint is
/// worth nothing.
fn issuer_url(certificate: &[u8]) -> Option<String> {
    // The object identifier id-ad-caIssuers, then a URL of fewer than 128 bytes.
    const ISSUERS: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86";
    let at = certificate
        .windows(ISSUERS.len())
        .position(|bytes| bytes == ISSUERS)?;
    let (length, rest) = certificate.get(at + ISSUERS.len()..)?.split_first()?;
    let url = rest
        .get(..usize::from(*length))
        .filter(|_| *length < 0x80)?;
    String::from_utf8(url.to_vec()).ok()
}

/// Whether an issuer's certificate may be fetched from there. Such URLs are `http`: what they lead to is signed.
fn allows(rule: &CertificateRule, url: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    let Some((host, path)) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    host.parse::<IpAddr>().is_err() && path.bytes().all(plain) && rule.allows_issuer_at(host)
}

/// How many issuers are between a sender and one who is trusted.
const LONGEST: usize = 4;

#[cfg(test)]
mod tests;
