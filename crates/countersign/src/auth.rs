//! The four kinds of authentication, behind one question.

use http::{HeaderMap, HeaderName, Method, header};

use crate::{KeyId, Rejection, Signed, Validity, Verified, Verifier};

mod api_key;
mod basic;

pub use api_key::ApiKey;
pub use basic::Basic;
pub(crate) use basic::credentials;

/// How a flow knows its senders. There is no default: letting anybody in is written out.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Not at all: anybody may send.
    None,
    /// By a user and a password.
    Basic(Basic),
    /// By a secret in a header.
    ApiKey(ApiKey),
    /// By a signature over what is sent.
    Signature(Verifier),
}

impl Auth {
    /// Looks at what can be judged before the body is read: presence and grammar, not genuineness.
    pub fn check_head(&self, method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
        match self {
            Self::None => Ok(()),
            Self::Basic(basic) => basic.check_head(headers),
            Self::ApiKey(api_key) => api_key.check_head(headers),
            Self::Signature(verifier) => verifier.check_head(method, headers),
        }
    }

    /// Judges a request.
    pub fn verify(&self, request: &Signed<'_>) -> Result<Verified, Rejection> {
        match self {
            Self::None => Ok(Verified::unsigned(None)),
            Self::Basic(basic) => basic.verify(request),
            Self::ApiKey(api_key) => api_key.verify(request),
            Self::Signature(verifier) => verifier.verify(request),
        }
    }

    /// Whether a verdict depends on this header.
    ///
    /// Whoever passes a request on keeps such headers, whatever a `Connection` header says of them.
    pub fn reads(&self, name: &HeaderName) -> bool {
        match self {
            Self::None => false,
            Self::Basic(_) => *name == header::AUTHORIZATION,
            Self::ApiKey(api_key) => api_key.reads(name),
            Self::Signature(verifier) => verifier.reads(name),
        }
    }

    /// The keys and users by which senders are known, and when each counts; without users whose name is no [`KeyId`].
    pub fn keys(&self) -> Vec<(KeyId, Validity)> {
        match self {
            Self::None => Vec::new(),
            Self::Basic(basic) => basic.keys().collect(),
            Self::ApiKey(api_key) => api_key.keys().collect(),
            Self::Signature(verifier) => verifier
                .keys()
                .map(|(id, validity)| (id.clone(), validity))
                .collect(),
        }
    }

    /// The name of the kind: `none`, `basic`, `api_key` or `signature`.
    pub fn mode(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic(_) => "basic",
            Self::ApiKey(_) => "api_key",
            Self::Signature(_) => "signature",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Keyring, Scheme, Secret};

    fn signature(scheme: &str) -> Auth {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let scheme = Scheme::preset(scheme).unwrap();
        Auth::Signature(Verifier::new(&scheme, &Keyring::single(secret)).unwrap())
    }

    fn api_key() -> ApiKey {
        ApiKey::new(&Keyring::single(Secret::new("a key of some length"))).unwrap()
    }

    #[test]
    fn what_a_verdict_depends_on_is_known_by_name() {
        let shop = HeaderName::from_static("x-shop");
        for (auth, read) in [
            (Auth::None, &[][..]),
            (Auth::ApiKey(api_key()), &["x-api-key"]),
            (Auth::ApiKey(api_key().header(shop)), &["x-shop"]),
            (Auth::ApiKey(api_key().bearer()), &["authorization"]),
            (Auth::ApiKey(api_key().query("k")), &[]),
            (signature("designer-cloud"), &["x-webhook-signature"]),
            (
                signature("svix"),
                &[
                    "svix-id",
                    "svix-signature",
                    "svix-timestamp",
                    "webhook-id",
                    "webhook-signature",
                    "webhook-timestamp",
                ],
            ),
        ] {
            let known = [
                "authorization",
                "content-type",
                "svix-id",
                "svix-signature",
                "svix-timestamp",
                "webhook-id",
                "webhook-signature",
                "webhook-timestamp",
                "x-api-key",
                "x-shop",
                "x-webhook-signature",
            ];
            let found: Vec<_> = known
                .into_iter()
                .filter(|name| auth.reads(&HeaderName::from_static(name)))
                .collect();
            assert_eq!(found, read, "{auth:?}");
        }
    }

    #[test]
    fn a_signed_header_is_read() {
        let text = r#"
            name = "signs-a-header"
            sign = "{header:x-topic}.{body}"
            signature = { from = "header:x-signature", encoding = "hex" }
            rules = [{ digest = "hmac-sha256" }]
        "#;
        let scheme: Scheme = toml::from_str(text).unwrap();
        let keys = Keyring::single(Secret::new("a secret of some length"));
        let auth = Auth::Signature(Verifier::new(&scheme, &keys).unwrap());

        for (name, read) in [("x-topic", true), ("x-signature", true), ("x-other", false)] {
            assert_eq!(auth.reads(&HeaderName::from_static(name)), read, "{name}");
        }
    }
}
