//! Points in time as people write and read them: on the command line and in the admin API.

pub(crate) mod span;

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// Reads UNIX seconds (`1700000000`, `1700000000.25`) or RFC 3339 (`2026-11-21T12:00:00Z`).
pub(crate) fn parse(text: &str) -> Result<SystemTime, String> {
    if text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    {
        return unix(text)
            .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since))
            .filter(|moment| Timestamp::try_from(*moment).is_ok())
            .ok_or_else(|| {
                format!("`{text}` is too large or too fine: times are in UNIX seconds, not in milliseconds")
            });
    }
    text.parse::<Timestamp>()
        .map(SystemTime::from)
        .map_err(|_| {
            "write UNIX seconds (1700000000) or RFC 3339 (2026-11-21T12:00:00Z)".to_owned()
        })
}

/// Reads what [`parse`] does, or how long ago (`90s`, `15m`, `2h`, `7d`).
pub(crate) fn parse_or_ago(text: &str, now: SystemTime) -> Result<SystemTime, String> {
    match span::parse(text) {
        Ok(past) => now
            .checked_sub(past)
            .ok_or_else(|| format!("`{text}` reaches back before the clock began")),
        Err(span::InvalidSpan::TooLong) if !text.ends_with(|c: char| c.is_ascii_digit()) => {
            Err(format!("`{text}` is too long ago; write 3650d or less"))
        }
        Err(_) => parse(text).map_err(|e| format!("{e}, or how long ago (15m, 2h, 7d)")),
    }
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn show(moment: SystemTime) -> String {
    Timestamp::try_from(moment).map_or_else(|_| "out of range".to_owned(), |t| format!("{t:.3}"))
}

/// How far a moment is from now, in words: `12 s ago`, `in 3 min`.
pub(crate) fn distance(moment: SystemTime, now: SystemTime) -> String {
    let (seconds, past) = match now.duration_since(moment) {
        Ok(ago) => (ago.as_secs(), true),
        Err(ahead) => (ahead.duration().as_secs(), false),
    };
    let words = match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    if past {
        format!("{words} ago")
    } else {
        format!("in {words}")
    }
}

/// Seconds and at most nine digits of a fraction, exactly.
fn unix(text: &str) -> Option<Duration> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let scale = 9_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let nanos = fraction
        .parse::<u32>()
        .ok()?
        .checked_mul(10_u32.checked_pow(scale)?)?;
    Some(Duration::new(seconds.parse().ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_700_000_000;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn seconds_and_rfc_3339_are_both_read() {
        assert_eq!(parse("1700000000"), Ok(at(NOON)));
        assert_eq!(
            parse("1700000000.25"),
            Ok(at(NOON) + Duration::from_millis(250))
        );
        assert_eq!(
            parse("1568818215.724"),
            Ok(at(1_568_818_215) + Duration::from_millis(724))
        );
        assert_eq!(parse("2023-11-14T22:13:20Z"), Ok(at(NOON)));
    }

    #[test]
    fn nonsense_is_refused_with_the_two_forms() {
        for text in [
            "",
            "yesterday",
            "-5",
            "1.2.3",
            "1e9",
            "99999999999999999999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn how_long_ago_is_read() {
        assert_eq!(parse_or_ago("2h", at(NOON)), Ok(at(NOON - 7_200)));
        assert_eq!(parse_or_ago("1700000000", at(NOON)), Ok(at(NOON)));
        assert!(parse_or_ago("2 fortnights", at(NOON)).is_err());
        assert!(parse_or_ago("9999999999999999999d", at(NOON)).is_err());
    }

    #[test]
    fn a_distance_is_readable() {
        assert_eq!(distance(at(NOON - 12), at(NOON)), "12 s ago");
        assert_eq!(distance(at(NOON + 600), at(NOON)), "in 10 min");
        assert_eq!(distance(at(NOON - 400_000), at(NOON)), "4 days ago");
    }

    #[test]
    fn a_time_is_shown_in_utc_with_milliseconds() {
        assert_eq!(show(at(NOON)), "2023-11-14T22:13:20.000Z");
    }
}
