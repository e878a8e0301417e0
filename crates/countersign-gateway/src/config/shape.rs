//! What is wrong with a file that has the wrong shape: not TOML, an unknown key, another type.
//!
//! The parser's messages quote what they found, which may be a secret, so they are said again
//! without it.

use std::ops::Range;

use toml::de::{DeTable, Error};

use super::error::{Fault, quoted};

/// The error of a text that is not TOML, and its place.
pub(super) fn not_toml(error: &Error) -> (Range<usize>, Fault) {
    let message = error.message().lines().next().unwrap_or_default();
    let help = "texts stand in quotes, lists in [brackets], tables in {braces}, and every key is there once; see https://toml.io";
    (
        place(error),
        Fault::new(format!("not valid TOML: {message}"), help),
    )
}

/// The error of a TOML text that is not a configuration, and its place.
pub(super) fn misshapen(error: &Error) -> (Range<usize>, Fault) {
    (place(error), restate(error.message()))
}

fn place(error: &Error) -> Range<usize> {
    error.span().unwrap_or(0..0)
}

/// The id of the flow around a place, as far as the text can be read.
pub(super) fn flow_at(text: &str, place: &Range<usize>) -> Option<String> {
    let (document, _) = DeTable::parse_recoverable(text);
    let flows = document.get_ref().get("flows")?.get_ref().as_array()?;
    let flow = flows
        .iter()
        .rev()
        .find(|flow| flow.span().start <= place.start)?;
    // A table that is there only as part of another's name, as in `[schemes.acme]`, stands where its name does.
    let since = flow.span().start..=place.end;
    let later_table = document.get_ref().iter().any(|(key, value)| {
        let starts = [key.span().start, value.span().start];
        key.get_ref() != "flows" && starts.iter().any(|start| since.contains(start))
    });
    let id = flow.get_ref().get("id")?.get_ref().as_str()?;
    (!later_table).then(|| id.to_owned())
}

fn restate(message: &str) -> Fault {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown(rest);
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) = message
            .strip_prefix(prefix)
            .and_then(|rest| rest.rsplit_once(", expected "))
        {
            // What was found is a kind, then perhaps the value in quotes.
            let kind = found
                .split(['"', '`'])
                .next()
                .unwrap_or_default()
                .trim_end();
            return Fault::new(
                format!("expected {}, found {}", plain(expected), plain(kind)),
                "see `countersign config default` for how this key is written",
            );
        }
    }
    Fault::new(message, "see docs/configuration.md for what belongs here")
}

/// "`nam`, expected one of `id`, `name`", said with the likeliest of them.
fn unknown(rest: &str) -> Fault {
    let mut names = rest.split('`').skip(1).step_by(2);
    let name = names.next().unwrap_or_default();
    let known: Vec<&str> = names.collect();
    let likely = known
        .iter()
        .map(|known| (distance(name, known), *known))
        .min()
        .filter(|(far, _)| *far <= name.len().div_ceil(3));
    let help = match likely {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None if known.is_empty() => "remove it".to_owned(),
        None => format!(
            "known here: {}",
            known
                .iter()
                .map(|known| format!("`{known}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    Fault::new(format!("unknown key {}", quoted(name)), help)
}

/// The kinds of serde, in the words of TOML.
fn plain(kind: &str) -> &str {
    match kind {
        "a sequence" | "sequence" => "a list",
        "map" | "a map" => "a table",
        "string" | "a string" => "a text",
        "integer" | "i64" => "a whole number",
        "floating point" => "a number",
        "boolean" | "a boolean" => "true or false",
        kind if kind.starts_with("struct ") => "a table",
        kind => kind,
    }
}

/// How many letters to add, remove or change (Levenshtein's distance).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.bytes().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.bytes()) {
            let above = *cell;
            left = (diagonal + usize::from(a != b))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_was_found_is_not_repeated() {
        let fault = restate("invalid type: string \"hunter2, expected x\", expected a sequence");

        assert_eq!(fault.message, "expected a list, found a text");
    }

    #[test]
    fn a_misspelt_key_is_told_from_a_foreign_one() {
        let near = restate("unknown field `lisen`, expected `listen` or `tokens`");
        let far = restate("unknown field `colour`, expected one of `listen`, `tokens`");

        assert_eq!(near.help, "did you mean `listen`?");
        assert_eq!(far.help, "known here: `listen`, `tokens`");
    }

    #[test]
    fn distance_counts_edits() {
        for (one, other, far) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("lisen", "listen", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), far);
        }
    }
}
