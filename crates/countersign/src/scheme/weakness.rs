//! What a scheme does not protect against, told to whoever configures it.

use std::fmt;

use super::{Form, Scheme};
use crate::mac::Digest;

/// A property of a scheme that its users should know of.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Weakness {
    /// Parts of the message stand side by side; why the sender does so.
    Ambiguous(String),
    /// Some or all requests are signed without a time: they can be sent again later.
    NoTime,
    /// A hash of the secret and the message instead of a MAC.
    PlainHash,
    /// SHA-1, which is broken for other purposes.
    Sha1,
    /// The sender signs for all its customers with one key, and nothing tells them apart here; why, and what
    /// the parameter is called that would.
    SharedKey(String, Option<String>),
    /// A shared secret is sent along instead of a signature.
    Token,
    /// The body is not signed, or not all of it; why the sender does so.
    UnsignedBody(String),
}

impl Scheme {
    /// What a receiver should know before it relies on this scheme.
    pub fn weaknesses(&self) -> Vec<Weakness> {
        let mut found = Vec::new();
        for weakness in self
            .forms()
            .iter()
            .flat_map(weaknesses)
            .chain(self.shared_key())
        {
            if !found.contains(&weakness) {
                found.push(weakness);
            }
        }
        found
    }
}

impl Scheme {
    pub(crate) fn shared_key(&self) -> Option<Weakness> {
        let why = self.description().shared_key.clone()?;
        let is_given = |form: &Form| form.bound().any(|demand| !demand.is.is_empty());
        if self.forms().iter().all(is_given) {
            return None;
        }
        let mut bound = self.forms().iter().flat_map(Form::bound);
        let parameter = bound.find_map(|demand| demand.parameter.clone());
        Some(Weakness::SharedKey(why, parameter))
    }
}

fn weaknesses(form: &Form) -> impl Iterator<Item = Weakness> {
    let digests = form.rules.iter().map(|rule| rule.digest);
    let of_digests = digests.filter_map(|digest| match digest {
        Digest::Sha1 | Digest::Sha256 => Some(Weakness::PlainHash),
        Digest::HmacSha1 | Digest::RsaSha1 => Some(Weakness::Sha1),
        Digest::Token => Some(Weakness::Token),
        _ => None,
    });
    let unsigned = form.unsigned_body.clone().map(Weakness::UnsignedBody);
    let ambiguous = form.ambiguous.clone().map(Weakness::Ambiguous);
    let no_time = form.timestamp.is_none().then_some(Weakness::NoTime);
    of_digests.chain(unsigned).chain(ambiguous).chain(no_time)
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous(why) => {
                write!(
                    f,
                    "parts of the message cannot be told apart for sure: {why}"
                )
            }
            Self::NoTime => f.write_str("no time is signed: a captured request can be sent again"),
            Self::PlainHash => f.write_str("a plain hash with the secret in it instead of a MAC"),
            Self::Sha1 => f.write_str("signatures are made with SHA-1"),
            Self::SharedKey(why, Some(name)) => {
                let why = why.trim_end_matches('.');
                write!(f, "{why}, and the parameter `{name}` is not given")
            }
            Self::SharedKey(why, None) => f.write_str(why.trim_end_matches('.')),
            Self::Token => f.write_str("a shared secret is sent along instead of a signature"),
            Self::UnsignedBody(why) => write!(f, "the body is not covered: {why}"),
        }
    }
}
