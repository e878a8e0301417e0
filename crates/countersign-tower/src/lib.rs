#![cfg_attr(feature = "axum", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "axum"),
    doc = "Lets only genuine webhooks in: a tower layer over [`countersign`]."
)]

mod body;
mod decision;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod handshake;
mod layer;
mod lookup;
mod passwords;
mod policy;
mod refusal;
mod replay;
mod respond;
mod service;

#[cfg(feature = "axum")]
pub use extract::{ExtractError, JsonError, Verified, VerifiedJson};
pub use {
    body::{ReplyBody, Verdict, VerifiedBody},
    future::ResponseFuture,
    handshake::Handshake,
    layer::{Fixed, Resolve, ResolveFn, VerifyLayer},
    lookup::{Fetching, KeySource, NoKey},
    passwords::{Answer, Checking, ClientAddress, Passwords},
    policy::{Policy, PolicyBuilder, PolicyError, Repeats},
    refusal::{Refusal, Refused},
    replay::{
        MemoryReplayGuard, MemoryReservation, NoReplayGuard, NoReservation, ReplayGuard,
        Reservation, Reserve,
    },
    respond::{Problem, Respond},
    service::Verify,
};
