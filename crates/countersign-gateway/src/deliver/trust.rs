//! Who is trusted to have signed a certificate: the authorities that the machine trusts.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};
use rustls_platform_verifier::Verifier;

/// The machine's certificate authorities, as they were when this was made. A clone is the same.
#[derive(Clone)]
pub(crate) struct Trust(Option<Arc<dyn ServerCertVerifier>>);

impl Trust {
    /// What connections trust, too. A machine without authorities trusts nobody.
    pub(crate) fn of_this_machine() -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Verifier::new(provider).ok();
        Self(verifier.map(|verifier| Arc::new(verifier) as _))
    }

    /// These authorities and no others.
    #[cfg(test)]
    pub(crate) fn in_roots(roots: rustls::RootCertStore) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder =
            rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        Self(Some(builder.build().unwrap()))
    }

    /// Whether `own` is valid now, is for `name`, and comes from a trusted authority by way of `issuers`.
    ///
    /// # Errors
    ///
    /// The first of these that does not hold.
    pub(crate) fn check(
        &self,
        own: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let verifier = self.0.as_ref().ok_or(CertificateError::UnknownIssuer)?;
        verifier
            .verify_server_cert(own, issuers, name, &[], now)
            .map(|_| ())
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust(..)")
    }
}
