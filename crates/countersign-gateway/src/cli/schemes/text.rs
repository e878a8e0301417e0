//! A scheme as people write it: a line for each key, a section for each variant and vector.

use std::fmt::Write as _;

use countersign::Scheme;
use toml::{Table, Value};

/// The scheme in TOML; what a user should beware of stands before it as comments.
pub(super) fn toml(scheme: &Scheme) -> anyhow::Result<String> {
    let table = Table::try_from(scheme)?;
    let mut text = String::new();
    for weakness in scheme.weaknesses() {
        writeln!(text, "# Beware: {weakness}")?;
    }
    lines(&mut text, &table)?;
    for section in SECTIONS {
        let tables = table.get(section).and_then(Value::as_array);
        for table in tables.into_iter().flatten().filter_map(Value::as_table) {
            writeln!(text, "\n[[{section}]]")?;
            lines(&mut text, table)?;
        }
    }
    Ok(text)
}

fn lines(text: &mut String, table: &Table) -> anyhow::Result<()> {
    let mut keys: Vec<_> = table
        .keys()
        .filter(|key| !SECTIONS.contains(&key.as_str()))
        .collect();
    keys.sort_by_key(|key| {
        ORDER
            .iter()
            .position(|known| known == key)
            .unwrap_or(usize::MAX)
    });
    for key in keys {
        if let Some(value) = table.get(key) {
            writeln!(text, "{key} = {value}")?;
        }
    }
    Ok(())
}

/// Keys whose tables come last, each under a head of its own.
const SECTIONS: [&str; 2] = ["variants", "vectors"];

/// The order in which people read the keys; others follow.
const ORDER: [&str; 29] = [
    // A scheme and its variants.
    "name",
    "note",
    "prefer",
    "shared-key",
    "window",
    "excludes-edges",
    "when",
    "require",
    "each",
    "sign",
    "or",
    "needs-body",
    "unsigned-body",
    "ambiguous",
    "signature",
    "timestamp",
    "id",
    "rules",
    // A vector, after its name.
    "genuine",
    "secret",
    "key",
    "unit",
    "parameters",
    "method",
    "url",
    "headers",
    "body",
    "body-base64",
    "now",
];
