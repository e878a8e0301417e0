//! Lengths of time as people write them, in the configuration and on the command line: `30s`, `5m`.

use std::fmt;
use std::time::Duration;

/// Reads a whole number and one of the units `ms`, `s`, `m`, `h` and `d`.
pub(crate) fn parse(text: &str) -> Result<Duration, InvalidSpan> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = match (number.parse(), number) {
        (Ok(number), _) => number,
        (Err(_), "") => return Err(InvalidSpan::NoNumber),
        (Err(_), _) => return Err(InvalidSpan::TooLong),
    };
    let unit = match unit.trim_start_matches(' ') {
        "" => return Err(InvalidSpan::NoUnit),
        unit => UNITS.iter().find(|(_, known)| *known == unit),
    };
    let (size, _) = unit.ok_or(InvalidSpan::UnknownUnit)?;
    number
        .checked_mul(*size)
        .map(Duration::from_millis)
        .filter(|span| *span <= LONGEST)
        .ok_or(InvalidSpan::TooLong)
}

/// A length of time in the same form, exactly to the millisecond.
pub(crate) fn show(span: Duration) -> String {
    let milliseconds = span.as_millis();
    let (size, unit) = UNITS
        .into_iter()
        .find(|(size, _)| {
            milliseconds >= u128::from(*size) && milliseconds.is_multiple_of(u128::from(*size))
        })
        .unwrap_or((1, "ms"));
    format!("{}{unit}", milliseconds / u128::from(size))
}

/// What is wrong with a text that is no length of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum InvalidSpan {
    NoNumber,
    NoUnit,
    TooLong,
    UnknownUnit,
}

impl InvalidSpan {
    /// What to write instead.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::TooLong => "write ten years, \"3650d\", or less",
            Self::NoNumber | Self::NoUnit | Self::UnknownUnit => HELP,
        }
    }

    /// What is wrong, after the name of what was written.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::NoNumber => "does not begin with a whole number",
            Self::NoUnit => "has no unit",
            Self::TooLong => "is too long",
            Self::UnknownUnit => "is not a duration",
        }
    }
}

impl fmt::Display for InvalidSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it {}; {}", self.message(), self.help())
    }
}

/// How a length of time is written.
pub(crate) const HELP: &str =
    "write a whole number and a unit, like \"250ms\", \"30s\", \"5m\", \"2h\" or \"30d\"";

/// In milliseconds, the largest first.
const UNITS: [(u64, &str); 5] = [
    (86_400_000, "d"),
    (3_600_000, "h"),
    (60_000, "m"),
    (1_000, "s"),
    (1, "ms"),
];

const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_five_units() {
        for (written, milliseconds) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("30d", 2_592_000_000),
            ("30 s", 30_000),
        ] {
            assert_eq!(parse(written), Ok(Duration::from_millis(milliseconds)));
        }
    }

    #[test]
    fn nonsense_is_refused_for_what_it_is() {
        for (written, why) in [
            ("", InvalidSpan::NoNumber),
            ("s", InvalidSpan::NoNumber),
            ("-1s", InvalidSpan::NoNumber),
            ("+1s", InvalidSpan::NoNumber),
            ("٣s", InvalidSpan::NoNumber),
            ("30", InvalidSpan::NoUnit),
            ("1.5s", InvalidSpan::UnknownUnit),
            ("1 week", InvalidSpan::UnknownUnit),
            ("1S", InvalidSpan::UnknownUnit),
            ("1m30s", InvalidSpan::UnknownUnit),
            ("9999999999999999999s", InvalidSpan::TooLong),
            ("99999999999999999999s", InvalidSpan::TooLong),
            ("3651d", InvalidSpan::TooLong),
        ] {
            assert_eq!(parse(written), Err(why), "{written}");
        }
    }

    #[test]
    fn a_length_of_time_is_shown_as_it_would_be_written() {
        for written in ["250ms", "30s", "90m", "5m", "2h", "30d", "25h"] {
            assert_eq!(show(parse(written).unwrap()), written);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(written in ".*") {
            let _ = parse(&written);
        }
    }
}
