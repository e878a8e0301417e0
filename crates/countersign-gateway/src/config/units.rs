//! Durations and sizes as people write them: `"30s"`, `"1MiB"`.
//!
//! A bare number is refused: nobody can tell what it counts.

use std::time::Duration;

use toml::Value;

use super::error::Fault;

/// Reads `"250ms"`, `"30s"`, `"5m"`, `"2h"` or `"30d"`; zero is refused.
pub(super) fn duration(value: &Value) -> Result<Duration, Fault> {
    const HELP: &str =
        "write a whole number and a unit, like \"250ms\", \"30s\", \"5m\", \"2h\" or \"30d\"";
    let (number, unit) = split(value, HELP)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" => return Err(Fault::new("has no unit", HELP)),
        _ => return Err(Fault::new("is not a duration", HELP)),
    };
    let duration = number.checked_mul(milliseconds).map(Duration::from_millis);
    match duration {
        Some(Duration::ZERO) => Err(Fault::new("is zero", HELP)),
        Some(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(Fault::new(
            "is too long",
            "write ten years, \"3650d\", or less",
        )),
    }
}

/// Reads `"512B"`, `"64KiB"`, `"1MiB"` or `"2GiB"`; zero is refused.
pub(super) fn size(value: &Value) -> Result<u64, Fault> {
    const HELP: &str =
        "write a whole number and a unit, like \"512B\", \"64KiB\", \"1MiB\" or \"2GiB\"";
    let (number, unit) = split(value, HELP)?;
    let bytes: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "" => return Err(Fault::new("has no unit", HELP)),
        _ => return Err(Fault::new("is not a size", HELP)),
    };
    match number.checked_mul(bytes) {
        Some(0) => Err(Fault::new("is zero", HELP)),
        Some(size) => Ok(size),
        None => Err(Fault::new("is too large", HELP)),
    }
}

/// A duration in the same form, exactly.
pub(super) fn show(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let (size, unit) = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ]
    .into_iter()
    .find(|(size, _)| milliseconds >= *size && milliseconds.is_multiple_of(*size))
    .unwrap_or((1, "ms"));
    format!("{}{unit}", milliseconds / size)
}

fn split<'v>(value: &'v Value, help: &str) -> Result<(u64, &'v str), Fault> {
    let text = match value {
        Value::String(text) => text,
        Value::Integer(_) | Value::Float(_) => return Err(Fault::new("has no unit", help)),
        _ => return Err(Fault::new("is not a text", help)),
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number = number
        .parse()
        .map_err(|_| Fault::new("does not begin with a whole number", help))?;
    Ok((number, unit.trim_start_matches(' ')))
}

const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    #[test]
    fn durations_have_five_units() {
        for (written, milliseconds) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("30d", 2_592_000_000),
            ("30 s", 30_000),
        ] {
            assert_eq!(
                duration(&text(written)).unwrap(),
                Duration::from_millis(milliseconds),
                "{written}"
            );
        }
    }

    #[test]
    fn sizes_have_four_units() {
        for (written, bytes) in [
            ("512B", 512),
            ("64KiB", 65_536),
            ("1MiB", 1_048_576),
            ("2GiB", 1 << 31),
        ] {
            assert_eq!(size(&text(written)).unwrap(), bytes, "{written}");
        }
    }

    #[test]
    fn a_bare_number_is_refused_with_the_remedy() {
        for value in [Value::Integer(30), Value::Float(0.5), text("30")] {
            let fault = duration(&value).unwrap_err();
            assert_eq!(fault.message, "has no unit");
            assert!(fault.help.contains("\"30s\""));

            assert!(size(&value).unwrap_err().help.contains("\"1MiB\""));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for written in [
            "",
            "s",
            "-1s",
            "+1s",
            "1.5s",
            "1 week",
            "1S",
            "0s",
            "9999999999999999999s",
            "3651d",
            "1m30s",
            "٣s",
        ] {
            assert!(duration(&text(written)).is_err(), "{written}");
        }
        for written in ["", "MiB", "0B", "1MB", "1kib", "99999999999GiB", "1 M i B"] {
            assert!(size(&text(written)).is_err(), "{written}");
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_would_be_written() {
        for written in ["250ms", "30s", "90m", "5m", "2h", "30d", "25h"] {
            assert_eq!(show(duration(&text(written)).unwrap()), written);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(written in ".*") {
            let _ = duration(&text(&written));
            let _ = size(&text(&written));
        }
    }
}
