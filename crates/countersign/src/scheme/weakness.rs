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
    /// No request has a signed time that is checked: each can be sent again later.
    NoTime,
    /// The sender has a better scheme as well, of this name.
    Outdone(String),
    /// A hash of the secret and the message instead of a MAC.
    PlainHash,
    /// SHA-1, which is broken for other purposes.
    Sha1,
    /// The sender signs for all its customers with one key, and nothing tells them apart here; why, and what
    /// the parameter is called that would.
    SharedKey(String, Option<String>),
    /// Some requests are signed without a time, which count where there is no window.
    TimeInSome,
    /// A shared secret is sent along instead of a signature: it covers nothing.
    Token,
    /// The body is not signed, or not all of it; why the sender does so.
    UnsignedBody(String),
}

impl Scheme {
    /// What a receiver should know before it relies on this scheme.
    pub fn weaknesses(&self) -> Vec<Weakness> {
        let mut found = Vec::new();
        let better = self.description().prefer.clone().map(Weakness::Outdone);
        let of_forms = self.forms().iter().flat_map(weaknesses);
        let of_all = self.time().into_iter().chain(self.shared_key());
        for weakness in better.into_iter().chain(of_forms).chain(of_all) {
            if !found.contains(&weakness) {
                found.push(weakness);
            }
        }
        found
    }

    /// Whether requests of every form are of a certain time, or of some, or of none.
    fn time(&self) -> Option<Weakness> {
        let mut forms = self.forms().iter().filter(|form| !is_of_tokens(form));
        let untimed = forms.any(|form| form.timestamp.is_none());
        untimed.then(|| match self.signs_time() {
            true => Weakness::TimeInSome,
            false => Weakness::NoTime,
        })
    }

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
    let of_digests = digests.flat_map(|digest| match digest {
        Digest::Sha1 => vec![Weakness::PlainHash, Weakness::Sha1],
        Digest::Sha256 => vec![Weakness::PlainHash],
        Digest::HmacSha1 | Digest::RsaSha1 => vec![Weakness::Sha1],
        Digest::Token => vec![Weakness::Token],
        _ => Vec::new(),
    });
    let unsigned = form.unsigned_body.clone().map(Weakness::UnsignedBody);
    let unsigned = unsigned.filter(|_| !is_of_tokens(form));
    let ambiguous = form.ambiguous.clone().map(Weakness::Ambiguous);
    of_digests.chain(unsigned).chain(ambiguous)
}

/// Whether nothing is signed at all, of which neither body nor time need be told besides.
fn is_of_tokens(form: &Form) -> bool {
    form.rules.iter().all(|rule| rule.digest == Digest::Token)
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous(why) => {
                write!(f, "parts of the message may run together: {}", bare(why))
            }
            Self::NoTime => f.write_str(
                "no signed time is checked: a captured request can be sent again later",
            ),
            Self::Outdone(name) => write!(f, "the sender has `{name}` as well, which is better"),
            Self::PlainHash => f.write_str("a plain hash with the secret in it counts in place of a MAC"),
            Self::Sha1 => f.write_str("signatures made with SHA-1 count"),
            Self::SharedKey(why, Some(name)) => {
                write!(f, "{}, unless the parameter `{name}` is given", bare(why))
            }
            Self::SharedKey(why, None) => f.write_str(bare(why)),
            Self::TimeInSome => f.write_str(
                "some requests sign no time: without a window a captured one can be sent again later",
            ),
            Self::Token => f.write_str(
                "a shared secret is sent along instead of a signature: whoever sees one request can send any other",
            ),
            Self::UnsignedBody(why) => write!(f, "the body is not covered: {}", bare(why)),
        }
    }
}

/// A reason as part of a sentence.
fn bare(why: &str) -> &str {
    why.trim_end_matches('.')
}
