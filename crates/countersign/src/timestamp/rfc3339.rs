//! RFC 3339 from 1970 on: `2023-11-14T22:13:20.123456789Z`, `2020-01-01T00:00:00-07:00`.
//!
//! `T` and `Z` in upper case, up to nine digits of a second, no leap second.

use std::time::Duration;

#[expect(
    clippy::arithmetic_side_effects,
    reason = "every operand is bounded: four-digit years, two-digit parts"
)]
pub(super) fn read(text: &[u8]) -> Option<Duration> {
    let mut rest = Cursor(text);
    let year = rest.digits(4)?;
    rest.byte(b'-')?;
    let month = rest.digits(2)?;
    rest.byte(b'-')?;
    let day = rest.digits(2)?;
    rest.byte(b'T')?;
    let hour = rest.digits(2).filter(|hour| *hour < 24)?;
    rest.byte(b':')?;
    let minute = rest.digits(2).filter(|minute| *minute < 60)?;
    rest.byte(b':')?;
    let second = rest.digits(2).filter(|second| *second < 60)?;
    let nanos = rest.fraction()?;
    let ahead = rest.offset()?;
    if !rest.0.is_empty() || !(1..=days_in(year, month)?).contains(&day) {
        return None;
    }
    let seconds =
        days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - ahead;
    Some(Duration::new(u64::try_from(seconds).ok()?, nanos))
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "the year is checked to have four digits before anything is derived from it"
)]
pub(super) fn write(since_epoch: Duration) -> Option<String> {
    let seconds = i64::try_from(since_epoch.as_secs()).ok()?;
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    if days > days_before(9999, 12, 31) {
        return None;
    }
    let mut year = 1970 + days / 366;
    while days_before(year + 1, 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12)
        .rev()
        .find(|month| days_before(year, *month, 1) <= days)?;
    let day = days - days_before(year, month, 1) + 1;
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    let millis = since_epoch.subsec_millis();
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
    ))
}

/// Days from the epoch to a date; the part of the year is counted from March, where it is regular.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "four-digit years, two-digit parts"
)]
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if leap => Some(29),
        2 => Some(28),
        _ => None,
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn byte(&mut self, wanted: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        (*first == wanted).then(|| self.0 = rest)
    }

    #[expect(clippy::arithmetic_side_effects, reason = "two or four digits")]
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let mut value = 0;
        for byte in digits {
            value = value * 10 + i64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        }
        self.0 = rest;
        Some(value)
    }

    /// Nanoseconds: none, or a point and one to nine digits.
    fn fraction(&mut self) -> Option<u32> {
        if self.byte(b'.').is_none() {
            return Some(0);
        }
        let count = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let scale = 10_i64.checked_pow(9_u32.checked_sub(u32::try_from(count).ok()?)?)?;
        if count == 0 {
            return None;
        }
        u32::try_from(self.digits(count)?.checked_mul(scale)?).ok()
    }

    /// Seconds by which local time is ahead of UTC.
    #[expect(clippy::arithmetic_side_effects, reason = "two-digit parts")]
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.0.first()? {
            b'Z' => return self.byte(b'Z').map(|()| 0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.0 = self.0.get(1..)?;
        let hours = self.digits(2).filter(|hours| *hours < 24)?;
        self.byte(b':')?;
        let minutes = self.digits(2).filter(|minutes| *minutes < 60)?;
        Some(sign * (hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants_are_read() {
        for (text, seconds, nanos) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2000-02-29T12:00:00Z", 951_825_600, 0),
            ("2021-03-25T05:09:27Z", 1_616_648_967, 0),
            ("2020-01-01T00:00:00-07:00", 1_577_862_000, 0),
            ("2020-01-01T00:00:00+05:30", 1_577_817_000, 0),
            ("2023-11-14T22:13:20.123456789Z", 1_700_000_000, 123_456_789),
            ("2023-11-14T22:13:20.5Z", 1_700_000_000, 500_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
        ] {
            assert_eq!(
                read(text.as_bytes()),
                Some(Duration::new(seconds, nanos)),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "2023",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-11-14t22:13:20Z",
            "2023-11-14 22:13:20Z",
            "2023-11-14T22:13:20z",
            "2023-13-01T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2023-04-31T00:00:00Z",
            "2023-04-00T00:00:00Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T23:60:00Z",
            "2023-11-14T23:59:60Z",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20.1234567890Z",
            "2023-11-14T22:13:20+0530",
            "2023-11-14T22:13:20+24:00",
            "2023-11-14T22:13:20+05:60",
            "2023-11-14T22:13:20ZZ",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "+023-11-14T22:13:20Z",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for day in (0..2_932_897).step_by(37) {
            let time = Duration::new(day * 86_400 + 86_399, 123_000_000);
            let text = write(time).unwrap();
            assert_eq!(read(text.as_bytes()), Some(time), "{text}");
        }
        assert_eq!(write(Duration::from_secs(253_402_300_800)), None);
    }
}
