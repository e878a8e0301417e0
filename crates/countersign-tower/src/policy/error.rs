//! Why a policy cannot be built.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use http::Method;

/// Why a [`Policy`](crate::Policy) cannot be built.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PolicyError {
    /// There is no method that could pass.
    NoMethods,
    /// The auth has users whose passwords it does not know, and there is nobody to ask.
    NoPasswords,
    /// The signature of an allowed method covers the URL, and the public one is not known.
    NoPublicUrl {
        /// The method.
        method: Method,
    },
    /// A repeat would pass once it is forgotten, while its signature is still fresh.
    ShortMemory {
        /// How long requests would be remembered.
        keep: Duration,
        /// Twice the window: how long a signature can stay fresh.
        least: Duration,
    },
    /// The scheme does not say what requests with an allowed method sign.
    UnsignedMethod {
        /// The method.
        method: Method,
    },
    /// The public URL is not one that a target can be appended to.
    PublicUrl {
        /// The URL as given.
        url: Arc<str>,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMethods => f.write_str("no method is allowed: list at least one"),
            Self::NoPasswords => {
                f.write_str("there is nobody to ask for passwords: set who keeps them")
            }
            Self::NoPublicUrl { method } => write!(
                f,
                "signatures of {method} cover the URL: set the public URL that senders sign"
            ),
            Self::ShortMemory { keep, least } => write!(
                f,
                "requests are remembered for {keep:?}, and their signatures stay fresh for {least:?}: remember them as long"
            ),
            Self::UnsignedMethod { method } => write!(
                f,
                "the scheme does not sign {method} requests, so none would pass: leave the method out"
            ),
            Self::PublicUrl { url, problem } => {
                write!(f, "public URL `{url}` {problem}")
            }
        }
    }
}

impl Error for PolicyError {}
