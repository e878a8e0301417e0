//! For tests: certificates, those who sign them, and URLs that lead to them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use countersign::{Key, KeyId, KeyUrl, Keyring, PublicUrl, Scheme, Signed, Verifier};
use http::{HeaderMap, HeaderValue, Method};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair, PKCS_RSA_SHA256,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};

use crate::deliver::Trust;

/// Someone who signs certificates.
pub(super) struct Authority {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// One that whoever trusts it trusts for itself.
    pub(super) fn root() -> Self {
        let (key, params) = (KeyPair::generate().unwrap(), authority("Root"));
        let own = params.self_signed(&key).unwrap();
        Self {
            certificate: own.der().clone(),
            pem: own.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// One between this and those that are signed.
    pub(super) fn below(&self) -> Self {
        self.below_until(None)
    }

    /// The same, which ends at a time.
    pub(super) fn below_until(&self, end: Option<SystemTime>) -> Self {
        let (key, mut params) = (KeyPair::generate().unwrap(), authority("Between"));
        if let Some(end) = end {
            params.not_after = end.into();
        }
        let own = params.signed_by(&key, &self.issuer).unwrap();
        Self {
            certificate: own.der().clone(),
            pem: own.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A sender's certificate in PEM, perhaps with the URL of its issuer's in it.
    pub(super) fn sign(&self, name: &str, until: SystemTime, issuer_url: Option<&str>) -> String {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = (until - Duration::from_secs(1000)).into();
        params.not_after = until.into();
        params.custom_extensions.extend(issuer_url.map(access));
        params.signed_by(&key, &self.issuer).unwrap().pem()
    }

    /// Nobody but this is trusted.
    pub(super) fn trust(&self) -> Trust {
        Trust::in_roots(self.roots())
    }

    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    /// What a server at `localhost` shows.
    pub(super) fn server(&self) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let own = params.signed_by(&key, &self.issuer).unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![own.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap()
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// The extension that says where the issuer's certificate is.
fn access(url: &str) -> CustomExtension {
    let tagged = |tag: u8, content: &[u8]| {
        let mut out = vec![tag, u8::try_from(content.len()).unwrap()];
        out.extend_from_slice(content);
        out
    };
    let method = [0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 0x30, 2].to_vec();
    let description = [method, tagged(0x86, url.as_bytes())].concat();
    let content = tagged(0x30, &tagged(0x30, &description));
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

/// A URL that a scheme allows on `host`, with whose certificate has to be there.
pub(super) fn key_url(host: &str, path: &str, certificate: Option<(&[&str], &[&str])>) -> KeyUrl {
    let mut key_url = serde_json::json!({ "from": "header:x-key", "https": { "hosts": [host] } });
    let digest = match certificate {
        Some(_) => "rsa-sha256",
        None => "ecdsa-p256",
    };
    if let Some((names, issuers)) = certificate {
        key_url["certificate"] = serde_json::json!({ "names": names, "issuers": issuers });
    }
    let scheme: Scheme = serde_json::from_value(serde_json::json!({
        "name": "acme",
        "sign": "{body}",
        "key-url": key_url,
        "signature": { "from": "header:x-acme", "encoding": "base64" },
        "rules": [{ "digest": digest, "key": { "encoding": "public" } }],
    }))
    .unwrap();
    let key = Key::fetched(KeyId::parse("acme").unwrap());
    let verifier = Verifier::new(&scheme, &Keyring::new([key]).unwrap()).unwrap();
    let mut headers = HeaderMap::new();
    let url = format!("https://{host}{path}");
    headers.insert("x-key", HeaderValue::try_from(url).unwrap());
    let request = Signed {
        method: &Method::POST,
        url: PublicUrl::default(),
        headers: &headers,
        body: b"",
        now: SystemTime::UNIX_EPOCH,
    };
    verifier.key_url(&request).unwrap().unwrap()
}
