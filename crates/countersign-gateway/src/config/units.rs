//! Durations and sizes as people write them: `"30s"`, `"1MiB"`.
//!
//! A bare number is refused: nobody can tell what it counts.

use std::time::Duration;

use toml::Value;

use super::error::Fault;
pub(super) use crate::moment::span::show;
use crate::moment::span::{self, InvalidSpan};

/// Reads `"250ms"`, `"30s"`, `"5m"`, `"2h"` or `"30d"`; zero is refused.
pub(super) fn duration(value: &Value) -> Result<Duration, Fault> {
    match span::parse(text(value, span::HELP)?) {
        Ok(Duration::ZERO) => Err(Fault::new("is zero", span::HELP)),
        Ok(duration) => Ok(duration),
        Err(why) => Err(why.into()),
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

fn split<'v>(value: &'v Value, help: &str) -> Result<(u64, &'v str), Fault> {
    let text = text(value, help)?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number = number
        .parse()
        .map_err(|_| Fault::new("does not begin with a whole number", help))?;
    Ok((number, unit.trim_start_matches(' ')))
}

fn text<'v>(value: &'v Value, help: &str) -> Result<&'v str, Fault> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(_) | Value::Float(_) => Err(Fault::new("has no unit", help)),
        _ => Err(Fault::new("is not a text", help)),
    }
}

impl From<InvalidSpan> for Fault {
    fn from(why: InvalidSpan) -> Self {
        Self::new(why.message(), why.help())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
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
        for written in ["", "s", "1.5s", "0s", "3651d"] {
            assert!(duration(&text(written)).is_err(), "{written}");
        }
        for written in ["", "MiB", "0B", "1MB", "1kib", "99999999999GiB", "1 M i B"] {
            assert!(size(&text(written)).is_err(), "{written}");
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
