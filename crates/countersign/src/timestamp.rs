//! Signed times: the text they are written in and the instant they mean.
//!
//! Only one spelling of each number is read, so that the text which is signed and the time which is
//! checked can never be two things.

use std::time::{Duration, SystemTime};

mod rfc3339;

/// How a scheme writes its timestamp.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Unit {
    /// Milliseconds since the epoch: `1568818215724`.
    Milliseconds,
    /// RFC 3339 text: `2019-09-18T14:50:15.724Z`.
    Rfc3339,
    /// Seconds since the epoch: `1568818215`.
    Seconds,
}

impl Unit {
    /// The instant that `text` means, if it keeps to the grammar.
    ///
    /// Numbers are `[1-9][0-9]{0,15}`: no sign, no leading zero, no fraction, no space.
    pub(crate) fn read(self, text: &[u8]) -> Option<SystemTime> {
        let since_epoch = match self {
            Self::Milliseconds => Duration::from_millis(number(text)?),
            Self::Rfc3339 => rfc3339::read(text)?,
            Self::Seconds => Duration::from_secs(number(text)?),
        };
        SystemTime::UNIX_EPOCH.checked_add(since_epoch)
    }

    /// The text for `time`, if the grammar has one.
    pub(crate) fn write(self, time: SystemTime) -> Option<String> {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let text = match self {
            Self::Milliseconds => since_epoch.as_millis().to_string(),
            Self::Rfc3339 => rfc3339::write(since_epoch)?,
            Self::Seconds => since_epoch.as_secs().to_string(),
        };
        self.read(text.as_bytes()).map(|_| text)
    }
}

fn number(text: &[u8]) -> Option<u64> {
    if text.len() > 16 || !matches!(text.first(), Some(b'1'..=b'9')) {
        return None;
    }
    let mut number: u64 = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Sixteen digits are far below the largest number.
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        let time = Unit::Seconds.read(text.as_bytes())?;
        Some(
            time.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs(),
        )
    }

    #[test]
    fn a_number_has_exactly_one_spelling() {
        assert_eq!(seconds("1"), Some(1));
        assert_eq!(seconds("1700000000"), Some(1_700_000_000));
        assert_eq!(seconds("9999999999999999"), Some(9_999_999_999_999_999));
        for text in [
            "",
            "0",
            "01",
            "00",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1.0",
            "1e9",
            "1_000",
            "0x10",
            "١",
            "１",
            "1\u{0}",
            "10000000000000000",
            "99999999999999999999999999",
        ] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
    }

    #[test]
    fn milliseconds_and_seconds_are_not_mixed() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_568_818_215_724);

        assert_eq!(Unit::Milliseconds.read(b"1568818215724"), Some(time));
        assert_eq!(Unit::Milliseconds.write(time).unwrap(), "1568818215724");
        assert_eq!(Unit::Seconds.write(time).unwrap(), "1568818215");
        assert_ne!(Unit::Seconds.read(b"1568818215724"), Some(time));
    }

    #[test]
    fn a_time_without_a_spelling_is_not_written() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);

        for unit in [Unit::Milliseconds, Unit::Rfc3339, Unit::Seconds] {
            assert_eq!(unit.write(before), None);
        }
        assert_eq!(Unit::Seconds.write(SystemTime::UNIX_EPOCH), None);
    }
}
