//! The public name of an event: its place in the queue and a random tail.
//!
//! The place makes a look-up one step in a table, with no index on random keys to keep; the tail makes the name one
//! that cannot be guessed from its neighbours.

use std::fmt;
use std::str::FromStr;

/// Names one event, for ever.
///
/// Written as `evt_` and 26 characters that are safe in a URL; later events sort after earlier ones, as text too.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EventId {
    row: u64,
    tail: u64,
}

impl EventId {
    pub(crate) fn new(row: u64, tail: u64) -> Self {
        debug_assert!((1..=LAST_ROW).contains(&row));
        Self { row, tail }
    }

    pub(crate) fn row(self) -> u64 {
        self.row
    }

    pub(crate) fn tail(self) -> u64 {
        self.tail
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = (u128::from(self.row) << 64) | u128::from(self.tail);
        let mut text = [0; DIGITS];
        for digit in text.iter_mut().rev() {
            *digit = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        f.write_str(PREFIX)?;
        f.write_str(str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        let digits = text.strip_prefix(PREFIX).ok_or(InvalidEventId)?.as_bytes();
        if digits.len() != DIGITS {
            return Err(InvalidEventId);
        }
        let mut whole: u128 = 0;
        for &digit in digits {
            let value = ALPHABET.iter().position(|&known| known == digit);
            let value = value.ok_or(InvalidEventId)?;
            // 26 digits are 130 bits: a first digit past 7 has bits that would fall off.
            if whole >> (128 - 5) != 0 {
                return Err(InvalidEventId);
            }
            whole = (whole << 5) | value as u128;
        }
        let (row, tail) = ((whole >> 64) as u64, whole as u64);
        if !(1..=LAST_ROW).contains(&row) {
            return Err(InvalidEventId);
        }
        Ok(Self { row, tail })
    }
}

/// A text that names no event.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an event id")]
#[non_exhaustive]
pub struct InvalidEventId;

/// The highest place an event can have, so that a lane's number fits in front of it (see `key`).
pub(crate) const LAST_ROW: u64 = (1 << 42) - 1;

const PREFIX: &str = "evt_";
const DIGITS: usize = 26;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_being_written_and_read() {
        for (row, tail) in [(1, 0), (1, u64::MAX), (LAST_ROW, 1), (77, 1 << 63)] {
            let id = EventId::new(row, tail);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        let good = EventId::new(5, 0xfeed).to_string();
        let bad = [
            String::new(),
            "evt_".into(),
            good.to_uppercase(),
            good.replace("evt_", ""),
            format!("{good}0"),
            format!(" {good}"),
            good[..good.len() - 1].into(),
            format!("evt_8{}", &good[5..]),
            format!("evt_{}", "0".repeat(26)),
            format!("evt_{}", "z".repeat(26)),
            good.replace('0', "o"),
            format!("evt_{}é", &good[4..28]),
        ];
        for text in bad {
            assert_eq!(text.parse::<EventId>(), Err(InvalidEventId), "{text:?}");
        }
    }

    #[test]
    fn later_ids_sort_after_earlier_ones_as_text() {
        let early = EventId::new(9, u64::MAX).to_string();
        let late = EventId::new(10, 0).to_string();
        assert!(early < late);
    }
}
