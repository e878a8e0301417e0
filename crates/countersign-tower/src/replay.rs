//! One success a request: reserve before the inner call, commit on its success, release otherwise.

use std::{
    fmt,
    future::{Future, Ready, ready},
    time::{Duration, SystemTime},
};

use countersign::ReplayKey;

mod memory;

pub use memory::{MemoryReplayGuard, MemoryReservation};

/// Remembers which requests were accepted.
///
/// A clone shares what it remembers with the original.
pub trait ReplayGuard: Clone {
    /// What is held while the inner service works.
    type Reservation: Reservation;
    /// The answer to [`reserve`](Self::reserve), to be awaited.
    type Reserving: Future<Output = Reserve<Self::Reservation>>;

    /// Asks to be the one that works on the request with this key.
    ///
    /// A committed key is a repeat for at least `keep` from `now`.
    fn reserve(&self, key: ReplayKey, keep: Duration, now: SystemTime) -> Self::Reserving;
}

/// The right to work on one request; dropping it lets the next one try.
pub trait Reservation {
    /// Says that the request was accepted, so that equal ones are repeats from now on.
    fn commit(self);
}

/// What a [`ReplayGuard`] answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reserve<R> {
    /// Nobody has accepted this request or is working on it: go on.
    Held(R),
    /// Somebody is working on an equal request.
    InFlight,
    /// An equal request was accepted.
    Repeated,
    /// The guard cannot tell now, and a repeat is better than a loss: go on.
    Unguarded,
}

/// Remembers nothing: every genuine request reaches the inner service.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReplayGuard;

impl ReplayGuard for NoReplayGuard {
    type Reservation = NoReservation;
    type Reserving = Ready<Reserve<NoReservation>>;

    fn reserve(&self, _: ReplayKey, _: Duration, _: SystemTime) -> Self::Reserving {
        ready(Reserve::Unguarded)
    }
}

/// What a [`NoReplayGuard`] would hand out, if it did.
pub enum NoReservation {}

impl Reservation for NoReservation {
    fn commit(self) {
        match self {}
    }
}

impl fmt::Debug for NoReservation {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
