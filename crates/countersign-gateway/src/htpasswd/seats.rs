//! Who may have a password checked now: few at once, in turn, and of one address one after another.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Mark;

/// The checks that may be under way, and the lines before them. A clone is the same ones.
#[derive(Clone)]
pub(crate) struct Seats(Arc<Room>);

struct Room {
    seats: Arc<Semaphore>,
    /// The addresses that have somebody in a seat or waiting for one.
    lines: Mutex<HashMap<Origin, Line>>,
    /// The most addresses at once.
    most: usize,
}

/// The checks of one address: the first of the line has a seat or waits for one.
struct Line {
    /// How many requests wait with each claim: when the first was right, the others are known.
    claims: HashMap<Mark, usize>,
    turn: Arc<Semaphore>,
}

/// Whose requests are held to be one sender's: an IPv4 address, an IPv6 network of 64 bits, or the unknown ones.
type Origin = Option<IpAddr>;

impl Seats {
    /// Those of the whole gateway, whatever configuration it has: checks of the last one may still be under way.
    pub(crate) fn of_the_process() -> Self {
        static SEATS: LazyLock<Seats> = LazyLock::new(|| {
            // Half of the cores, at most eight: the rest is for those that are let in already.
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            Seats::new((cores / 2).clamp(1, 8))
        });
        SEATS.clone()
    }

    pub(super) fn new(seats: usize) -> Self {
        Self(Arc::new(Room {
            seats: Arc::new(Semaphore::new(seats)),
            lines: Mutex::default(),
            most: seats.saturating_mul(IN_TIME),
        }))
    }

    /// Stands in line for a seat; `None` at once where the line has too many other claims, or the room is full.
    pub(super) fn line_up(&self, client: Option<IpAddr>, mark: Mark) -> Option<Place> {
        let origin = client.map(network);
        let mut lines = self.0.lines();
        if !lines.contains_key(&origin) && lines.len() >= self.0.most {
            return None;
        }
        let line = lines.entry(origin).or_insert_with(|| Line {
            claims: HashMap::new(),
            turn: Arc::new(Semaphore::new(1)),
        });
        if line.claims.len() >= IN_TIME && !line.claims.contains_key(&mark) {
            return None;
        }
        *line.claims.entry(mark).or_default() += 1;
        Some(Place {
            room: Arc::clone(&self.0),
            mark,
            origin,
            turn: Arc::clone(&line.turn),
        })
    }
}

impl Room {
    fn lines(&self) -> MutexGuard<'_, HashMap<Origin, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line of an address, kept until the check is done.
pub(super) struct Place {
    room: Arc<Room>,
    mark: Mark,
    origin: Origin,
    turn: Arc<Semaphore>,
}

impl Place {
    /// Waits for the turn in the line, then for a seat.
    pub(super) async fn seat(self) -> Option<Seat> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        let seat = Arc::clone(&self.room.seats).acquire_owned().await.ok()?;
        Some(Seat {
            _seat: seat,
            _turn: turn,
            _place: self,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.room.lines();
        let Some(line) = lines.get_mut(&self.origin) else {
            return;
        };
        if let Some(people) = line.claims.get_mut(&self.mark) {
            *people = people.saturating_sub(1);
            if *people == 0 {
                line.claims.remove(&self.mark);
            }
        }
        if line.claims.is_empty() {
            lines.remove(&self.origin);
        }
    }
}

/// The right to check one password.
pub(super) struct Seat {
    _seat: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
    _place: Place,
}

/// The network that one sender has to itself, most likely.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

/// How many slow checks are done one after another before a request that waits for them gives up, about.
///
/// So many addresses may wait for a seat, and so many claims of one address for each other: more would wait in vain,
/// with their bodies.
const IN_TIME: usize = 16;

#[cfg(test)]
mod tests;
