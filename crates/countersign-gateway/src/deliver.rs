//! From an owed delivery to a step's answer: build the request, vet the address, send, read what comes back.

mod address;
pub(crate) mod answer;
mod client;
mod credentials;
mod failure;
#[cfg(test)]
pub(crate) mod receiver;
mod request;
mod trust;

#[cfg(test)]
pub(crate) use address::{Guard, Origin};
#[cfg(test)]
pub(crate) use client::Tls;
pub(crate) use client::{Client, ClientError, SendError};
pub(crate) use failure::Failure;
pub(crate) use request::{StepRequest, Unsendable};
pub(crate) use trust::Trust;
