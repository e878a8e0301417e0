//! What the crate promises, tested from outside.

#![expect(clippy::unwrap_used, reason = "whatever fails here is to be seen")]

mod boundaries;
#[cfg(feature = "rsa")]
mod certificates;
mod credentials;
mod digits;
mod downgrades;
mod flips;
mod genuine;
#[cfg(all(feature = "ed25519", feature = "rsa"))]
mod handshakes;
mod keys;
mod properties;
mod schemes;
mod senseless;
#[cfg(all(feature = "ecdsa", feature = "rsa"))]
mod sets;
mod several;
mod signatures;
mod signing;
mod spellings;
mod support;
mod table;
mod time;
mod urls;
mod vectors;
mod wycheproof;
