//! TLS towards receivers: the platform's roots, or (per target, on purpose) no check at all.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
    WantsVerifier,
};

/// How receivers prove who they are.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    checking: ClientConfig,
}

impl Tls {
    /// Trusts the certificate authorities that the machine trusts.
    ///
    /// A machine without any (a container from scratch) gets a warning and fails every `https` delivery;
    /// `http` ones are not affected.
    ///
    /// # Errors
    ///
    /// The cryptography library supports none of TLS 1.2 and 1.3.
    pub(crate) fn of_this_machine() -> Result<Self, rustls::Error> {
        let provider = provider();
        let checking = match builder(&provider)?.try_with_platform_verifier() {
            Ok(builder) => builder.with_no_client_auth(),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "no certificate authorities found, https deliveries will fail: \
                     install ca-certificates or set SSL_CERT_FILE"
                );
                builder(&provider)?
                    .with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth()
            }
        };
        Ok(Self { provider, checking })
    }

    /// Trusts what `checking` trusts.
    #[cfg(test)]
    pub(crate) fn with_config(checking: ClientConfig) -> Self {
        Self {
            provider: provider(),
            checking,
        }
    }

    pub(super) fn checking(&self) -> ClientConfig {
        self.checking.clone()
    }

    pub(super) fn dangerous(&self) -> ClientConfig {
        let mut config = self.checking.clone();
        let anyone = AcceptsAnyCertificate {
            provider: Arc::clone(&self.provider),
        };
        config
            .dangerous()
            .set_certificate_verifier(Arc::new(anyone));
        // A session that began without a check must not be resumed by the client that checks.
        config.resumption = rustls::client::Resumption::default();
        config
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn builder(
    provider: &Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::clone(provider)).with_safe_default_protocol_versions()
}

/// Lets every certificate pass; the handshake's own signatures are still checked.
#[derive(Debug)]
struct AcceptsAnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptsAnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
