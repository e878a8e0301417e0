//! The kinds of authentication, behind one question.

use std::iter;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Method, header};

use crate::handshake::HandshakeForm;
use crate::{FetchedKey, KeyId, Reason, Rejection, Signed, Validity, Verified, Verifier};

mod address;
mod api_key;
mod basic;
mod given;
mod several;

pub use address::{Addresses, InvalidNetwork};
pub use api_key::ApiKey;
pub use basic::Basic;
pub(crate) use basic::credentials;
use given::Doubt;
pub use given::{Claim, Given, Unverified};
pub use several::Several;

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
    /// By the address that it comes from.
    Address(Addresses),
    /// In any of several ways; made by [`Auth::any`].
    Any(Several),
    /// In several ways at once; made by [`Auth::all`].
    All(Several),
}

impl Auth {
    /// Any of these ways: the first that holds makes the verdict, and names its key and its repeats.
    ///
    /// Who signs one request in two of the ways has it accepted once in each: whoever captured it can leave one
    /// signature out. `None` where there is nothing to choose from.
    pub fn any(members: impl IntoIterator<Item = Self>) -> Option<Self> {
        Several::new(members).map(Self::Any)
    }

    /// All of these ways at once: the first that signs a time, else the first that is signed, makes the verdict, and
    /// names its key and its repeats.
    ///
    /// `None` where nothing is demanded.
    pub fn all(members: impl IntoIterator<Item = Self>) -> Option<Self> {
        Several::new(members).map(Self::All)
    }

    /// Looks at what can be judged before the body is read: presence and grammar, not genuineness.
    ///
    /// Who asks for an address is answered with that of nobody; see [`check_head_from`](Self::check_head_from).
    pub fn check_head(&self, method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
        self.check_head_from(None, method, headers)
    }

    /// The same for a request from this address.
    pub fn check_head_from(
        &self,
        client: Option<IpAddr>,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Rejection> {
        match self {
            Self::None => Ok(()),
            Self::Basic(basic) => basic.check_head(headers),
            Self::ApiKey(api_key) => api_key.check_head(headers),
            Self::Signature(verifier) => verifier.check_head(method, headers),
            Self::Address(addresses) => addresses.check(client),
            Self::Any(several) => several.check_any_head(client, method, headers),
            Self::All(several) => several.check_all_heads(client, method, headers),
        }
    }

    /// Judges a request by itself: nothing is known of its sender's address, and nobody can be asked for a password.
    pub fn verify(&self, request: &Signed<'_>) -> Result<Verified, Rejection> {
        self.consider(request, Given::default())
            .map_err(|doubt| match doubt {
                Doubt::Asks => Reason::BadCredentials.into(),
                Doubt::Fetches(_) => Reason::KeyNotFetched.into(),
                Doubt::Rejected(rejection) => rejection,
            })
    }

    /// Judges a request by itself and by what else is known of it.
    ///
    /// Where the verdict hangs on a password that somebody else knows, or on a key that has to be fetched, the error
    /// is what to ask or to fetch; then judge again, with the answer.
    pub fn judge(&self, request: &Signed<'_>, given: Given<'_>) -> Result<Verified, Unverified> {
        self.consider(request, given).map_err(|doubt| match doubt {
            Doubt::Asks => Claim::read(request.headers, given.client).map_or_else(
                |reason| Unverified::Rejected(reason.into()),
                Unverified::Ask,
            ),
            Doubt::Fetches(url) => Unverified::Fetch(url),
            Doubt::Rejected(rejection) => Unverified::Rejected(rejection),
        })
    }

    fn consider(&self, request: &Signed<'_>, given: Given<'_>) -> Result<Verified, Doubt> {
        Ok(match self {
            Self::None => Verified::unsigned(None),
            Self::Basic(basic) => return basic.verify(request, given.password),
            Self::ApiKey(api_key) => api_key.verify(request)?,
            Self::Signature(verifier) => signed(verifier, request, given.key)?,
            Self::Address(addresses) => {
                addresses.check(given.client)?;
                Verified::unsigned(None)
            }
            Self::Any(several) => return several.any(request, given),
            Self::All(several) => return several.all(request, given),
        })
    }

    /// Each way of knowing senders by itself, in order; this one where it is not several.
    pub fn parts(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match self {
            Self::Any(several) | Self::All(several) => {
                Box::new(several.iter().flat_map(Self::parts))
            }
            part => Box::new(iter::once(part)),
        }
    }

    /// The same with every signature's verifier as `change` makes it.
    #[must_use]
    pub fn with_signatures(self, mut change: impl FnMut(Verifier) -> Verifier) -> Self {
        self.change_signatures(&mut change)
    }

    fn change_signatures(self, change: &mut dyn FnMut(Verifier) -> Verifier) -> Self {
        match self {
            Self::Signature(verifier) => Self::Signature(change(verifier)),
            Self::Any(several) => Self::Any(several.map(change)),
            Self::All(several) => Self::All(several.map(change)),
            other => other,
        }
    }

    /// Whether a verdict depends on this header.
    ///
    /// Whoever passes a request on keeps such headers, whatever a `Connection` header says of them.
    pub fn reads(&self, name: &HeaderName) -> bool {
        match self {
            Self::None | Self::Address(_) => false,
            Self::Basic(_) => *name == header::AUTHORIZATION,
            Self::ApiKey(api_key) => api_key.reads(name),
            Self::Signature(verifier) => verifier.reads(name),
            Self::Any(several) | Self::All(several) => several.iter().any(|auth| auth.reads(name)),
        }
    }

    /// Whether a verdict depends on the sender's address.
    pub fn reads_address(&self) -> bool {
        self.parts().any(|part| matches!(part, Self::Address(_)))
    }

    /// Whether this handshake may come from this address: from where a way that has it takes requests, or from where
    /// any way does, if none has it.
    pub(crate) fn greets(&self, client: Option<IpAddr>, form: &HandshakeForm) -> bool {
        match self {
            Self::Address(addresses) => addresses.check(client).is_ok(),
            Self::Any(several) => {
                let anybody = !self.has(form);
                let mut members = several.iter();
                members.any(|member| (anybody || member.has(form)) && member.greets(client, form))
            }
            Self::All(several) => several.iter().all(|member| member.greets(client, form)),
            _ => true,
        }
    }

    /// Whether the verdict under this key says that this handshake is genuine: that of a way that has it, or any if
    /// none has it. A key whose id others have too says nothing.
    pub(crate) fn vouches(&self, key: Option<&KeyId>, form: &HandshakeForm) -> bool {
        if !self.has(form) {
            return true;
        }
        let knows = |part: &&Self| part.keys().iter().any(|(id, _)| Some(id) == key);
        let mut known = self.parts().filter(knows).peekable();
        known.peek().is_some() && known.all(|part| part.has(form))
    }

    /// Whether one of its signatures' schemes has this handshake.
    fn has(&self, form: &HandshakeForm) -> bool {
        self.parts().any(|part| {
            matches!(part, Self::Signature(verifier) if verifier.scheme().handshakes().contains(form))
        })
    }

    /// Whether a verdict may depend on a password that somebody else knows.
    pub fn asks(&self) -> bool {
        self.parts()
            .any(|part| matches!(part, Self::Basic(basic) if basic.asks()))
    }

    /// Whether a verdict may depend on a key that has to be fetched.
    pub fn fetches_key(&self) -> bool {
        self.parts()
            .any(|part| matches!(part, Self::Signature(verifier) if verifier.fetches_key()))
    }

    /// The keys and users by which senders are known, and when each counts; without users whose name is no [`KeyId`].
    pub fn keys(&self) -> Vec<(KeyId, Validity)> {
        match self {
            Self::None | Self::Address(_) => Vec::new(),
            Self::Basic(basic) => basic.keys().collect(),
            Self::ApiKey(api_key) => api_key.keys().collect(),
            Self::Signature(verifier) => verifier
                .keys()
                .map(|(id, validity)| (id.clone(), validity))
                .collect(),
            Self::Any(several) | Self::All(several) => {
                several.iter().flat_map(Self::keys).collect()
            }
        }
    }

    /// The name of the kind: `none`, `basic`, `api_key`, `signature`, `address`, `any` or `all`.
    pub fn mode(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic(_) => "basic",
            Self::ApiKey(_) => "api_key",
            Self::Signature(_) => "signature",
            Self::Address(_) => "address",
            Self::Any(_) => "any",
            Self::All(_) => "all",
        }
    }
}

fn signed(
    verifier: &Verifier,
    request: &Signed<'_>,
    key: Option<&FetchedKey>,
) -> Result<Verified, Doubt> {
    let verdict = match key {
        None => verifier.verify(request),
        Some(key) => verifier.verify_with(request, key),
    };
    match verdict {
        Err(rejection) if rejection.reason() == Reason::KeyNotFetched => {
            let url = verifier.key_url(request)?;
            Err(url.map_or(Doubt::Rejected(rejection), Doubt::Fetches))
        }
        verdict => Ok(verdict?),
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
            (
                Auth::ApiKey(api_key().bearer().header(HeaderName::from_static("x-shop"))),
                &["authorization", "x-shop"],
            ),
            (Auth::Address(Addresses::new([]).unwrap()), &[]),
            (
                Auth::any([Auth::ApiKey(api_key()), signature("designer-cloud")]).unwrap(),
                &["x-api-key", "x-webhook-signature"],
            ),
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
