//! What the crate promises, tested from outside.

mod credentials;
mod keys;
mod properties;
mod schemes;
mod signatures;
mod support;
mod time;
mod urls;
mod vectors;
