//! A request to bend, and the keys it was signed with.

use std::time::{Duration, SystemTime};

use countersign::{
    Key, KeyId, Keyring, PublicUrl, Reason, Rejection, Scheme, Secret, Signed, Signer, ToSign,
    Verified, Verifier,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

pub(crate) const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const OTHER: &str = "C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// Presets of every kind of header, whose keys may be any text.
pub(crate) const PRESETS: [&str; 10] = [
    "designer-cloud",
    "github",
    "paddle",
    "recurly",
    "slack",
    "standard-webhooks",
    "stripe",
    "svix",
    "webflow",
    "workflow",
];
pub(crate) const BASE: &str = "https://hooks.example.com";

/// A request, owned so that a test can change any part of it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) base: String,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) now: SystemTime,
}

impl Sent {
    /// A POST that is genuine under this scheme and the keyring of [`SECRET`].
    pub(crate) fn post(scheme: &str) -> Self {
        Self::signed(scheme, Method::POST, br#"{"job":7}"#)
    }

    pub(crate) fn signed(scheme: &str, method: Method, body: &[u8]) -> Self {
        let mut sent = Self {
            method,
            base: BASE.into(),
            target: "/hooks/orders?job=7&note=%20".into(),
            headers: HeaderMap::new(),
            body: body.to_vec(),
            now: at_millis(1_700_000_000_000),
        };
        sent.sign(&Signer::new(&preset(scheme), &ring(&[SECRET])).unwrap());
        sent
    }

    /// A request that nobody has signed.
    pub(crate) fn bare(method: Method, target: &str, body: &[u8]) -> Self {
        Self {
            method,
            base: BASE.into(),
            target: target.into(),
            headers: HeaderMap::new(),
            body: body.to_vec(),
            now: at_millis(1_700_000_000_000),
        }
    }

    /// Puts the signer's headers over what is there.
    pub(crate) fn sign(&mut self, signer: &Signer) {
        let headers = signer
            .headers(&ToSign {
                method: &self.method,
                url: PublicUrl::new(&self.base, &self.target),
                headers: &self.headers,
                body: &self.body,
                id: Some("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
                now: self.now,
            })
            .unwrap();
        for (name, value) in headers {
            self.headers.insert(name, value);
        }
    }

    pub(crate) fn as_signed(&self) -> Signed<'_> {
        Signed {
            method: &self.method,
            url: PublicUrl::new(&self.base, &self.target),
            headers: &self.headers,
            body: &self.body,
            now: self.now,
        }
    }

    pub(crate) fn check(&self, verifier: &Verifier) -> Result<Verified, Rejection> {
        verifier.verify(&self.as_signed())
    }

    pub(crate) fn reason(&self, verifier: &Verifier) -> Option<Reason> {
        self.check(verifier)
            .err()
            .map(|rejection| rejection.reason())
    }

    pub(crate) fn text(&self, name: &'static str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    pub(crate) fn set(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
    }

    pub(crate) fn add(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.headers.append(HeaderName::from_static(name), value);
    }
}

pub(crate) fn preset(name: &str) -> Scheme {
    Scheme::preset(name).unwrap()
}

/// A verifier for this preset with the keyring of [`SECRET`].
pub(crate) fn verifier(scheme: &str) -> Verifier {
    Verifier::new(&preset(scheme), &ring(&[SECRET])).unwrap()
}

pub(crate) fn key(id: &str, secret: &str) -> Key {
    Key::new(KeyId::parse(id).unwrap(), Secret::new(secret))
}

/// Keys named `0`, `1`, and so on.
pub(crate) fn ring(secrets: &[&str]) -> Keyring {
    let keys = secrets.iter().enumerate();
    Keyring::new(keys.map(|(index, secret)| key(&index.to_string(), secret))).unwrap()
}

pub(crate) fn at_millis(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

pub(crate) fn header(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
}
