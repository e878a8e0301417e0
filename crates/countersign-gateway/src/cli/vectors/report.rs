//! What came of a file of vectors, told line by line.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::process::ExitCode;

use super::{Entry, Outcome};
use crate::cli::out::Out;
use crate::cli::verdict;

/// Runs all of them; prints each failure and note, then `N passed, M failed`.
pub(crate) fn run(entries: &[Entry], out: &mut Out) -> io::Result<ExitCode> {
    let (mut passed, mut failed) = (0_usize, 0_usize);
    let mut unknown = BTreeMap::<&str, usize>::new();
    for entry in entries {
        let vector = match &entry.vector {
            Ok(vector) => vector,
            Err(why) => {
                failed += 1;
                let (family, name) = (&entry.family, &entry.name);
                writeln!(
                    out,
                    "{}: {family}/{name}: cannot be read: {why}",
                    out.bad("failed")
                )?;
                continue;
            }
        };
        match vector.run() {
            Outcome::Passed => passed += 1,
            Outcome::Noted(text) => writeln!(out, "note: {text}; not binding")?,
            Outcome::Failed(text) => {
                failed += 1;
                writeln!(out, "{}: {text}", out.bad("failed"))?;
            }
        }
        if vector.is_unknown() {
            *unknown.entry(&vector.provider).or_default() += 1;
        }
    }
    if !unknown.is_empty() {
        let names: Vec<_> = unknown
            .iter()
            .map(|(name, count)| format!("{name} ({count})"))
            .collect();
        writeln!(out, "unknown families: {}", names.join(", "))?;
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(verdict(failed == 0))
}
