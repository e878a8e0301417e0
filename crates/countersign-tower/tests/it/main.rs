//! The Layer from outside: every way in, and every way to be turned away.

#![expect(clippy::unwrap_used, reason = "the helpers are part of the tests")]

#[cfg(feature = "axum")]
mod axum;
mod bodies;
mod contract;
mod handshakes;
mod hyper;
mod lookup;
mod observe;
mod passwords;
mod refusals;
mod replay;
mod stack;
mod support;
mod urls;
