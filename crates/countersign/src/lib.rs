#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice
    )
)]

mod auth;
mod element;
mod encoding;
mod fetched;
mod form;
mod grammar;
mod handshake;
mod json;
mod key;
mod mac;
mod message;
mod plan;
mod rejection;
mod scheme;
mod secret;
mod signed;
mod signer;
mod timestamp;
mod verified;
mod verifier;
mod window;

#[doc(hidden)]
pub mod fuzzing;

pub use auth::{Addresses, ApiKey, Auth, Basic, Claim, Given, InvalidNetwork, Several, Unverified};
pub use fetched::{CertificateRule, FetchedKey, KeyUrl};
pub use handshake::{HandshakeAnswer, Handshakes, WrongToken};
pub use key::{InvalidKeyId, Key, KeyError, KeyId, KeyProblem, Keyring, Validity};
pub use rejection::{Hint, Reason, Rejection};
pub use scheme::{Scheme, SchemeError, Unproven, Weakness};
pub use secret::Secret;
pub use signed::{PublicUrl, Signed};
pub use signer::{SignError, Signer, ToSign, Written};
pub use timestamp::Unit;
pub use verified::{FlowSalt, ReplayKey, Verified};
pub use verifier::Verifier;
pub use window::Window;

/// How many keys a [`Keyring`] may hold.
pub const MAX_KEYS: usize = 4;

/// How many signatures of one request are tried; a request with more is refused, unless a header of its
/// own, with a number up to 100, carries each.
pub const MAX_SIGNATURES: usize = 8;

/// How often a public key is held against a signature of one request, over all its keys, signatures and items; a
/// request that would need more is refused.
pub const MAX_PUBLIC_CHECKS: usize = 16;

/// The longest header value that is looked at, in bytes.
pub const MAX_HEADER: usize = 4096;

/// How long a secret has to be, in bytes, where short ones are not allowed explicitly.
pub const MIN_SECRET: usize = 16;
