//! The public key of a certificate.

use crate::KeyProblem;

/// The SubjectPublicKeyInfo of an X.509 certificate; nothing else in it is looked at.
#[cfg(feature = "rsa")]
pub(crate) fn public_key(certificate: Vec<u8>) -> Result<Vec<u8>, KeyProblem> {
    let certificate = rustls_pki_types::CertificateDer::from(certificate);
    webpki::EndEntityCert::try_from(&certificate)
        .map(|parsed| parsed.subject_public_key_info().to_vec())
        .map_err(|_| KeyProblem::Encoding("an X.509 certificate"))
}

#[cfg(not(feature = "rsa"))]
pub(crate) fn public_key(_certificate: Vec<u8>) -> Result<Vec<u8>, KeyProblem> {
    Err(KeyProblem::NotBuilt("rsa"))
}
