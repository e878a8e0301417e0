//! What came of a file of vectors: told line by line to people, as one object to scripts.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Entry, Outcome};
use crate::cli::out::{Out, printable};
use crate::cli::verdict;

/// What came of the entries of a file.
#[derive(Default)]
struct Report<'a> {
    passed: usize,
    /// Those that did not end as expected, in the order of the file.
    told: Vec<Told<'a>>,
    /// The families that nobody here knows, and how many entries each has.
    unknown: BTreeMap<&'a str, usize>,
}

/// An entry that did not end as expected.
struct Told<'a> {
    entry: &'a Entry,
    /// Whether it had to.
    binds: bool,
    why: String,
}

/// Runs all of them; prints each failure and note, then `N passed, M failed`, or one object with all of it.
pub(crate) fn run(entries: &[Entry], as_json: bool, out: &mut Out) -> io::Result<ExitCode> {
    let report = Report::of(entries);
    match as_json {
        true => writeln!(out, "{}", report.as_json())?,
        false => report.print(out)?,
    }
    Ok(verdict(report.failed() == 0))
}

impl<'a> Report<'a> {
    fn of(entries: &'a [Entry]) -> Self {
        let mut report = Self::default();
        for entry in entries {
            let outcome = match &entry.vector {
                Ok(vector) => vector.run(),
                Err(why) => Outcome::Failed(format!("cannot be read: {why}")),
            };
            let (binds, why) = match outcome {
                Outcome::Passed => {
                    report.passed += 1;
                    continue;
                }
                Outcome::Failed(why) => (true, why),
                Outcome::Noted(why) => (false, why),
            };
            report.told.push(Told { entry, binds, why });
            if entry.is_unknown() {
                *report.unknown.entry(entry.family()).or_default() += 1;
            }
        }
        report
    }

    fn failed(&self) -> usize {
        self.told.iter().filter(|told| told.binds).count()
    }

    fn print(&self, out: &mut Out) -> io::Result<()> {
        for told in &self.told {
            let (family, name) = (&told.entry.family, &told.entry.name);
            let text = in_a_line(&format!("{family}/{name}: {}", told.why));
            match told.binds {
                true => writeln!(out, "{}: {text}", out.bad("failed"))?,
                false => writeln!(out, "note: {text}; not binding")?,
            }
        }
        if !self.unknown.is_empty() {
            let names = self.unknown.iter();
            let names: Vec<_> = names
                .map(|(name, count)| format!("{} ({count})", in_a_line(name)))
                .collect();
            writeln!(out, "unknown families: {}", names.join(", "))?;
        }
        writeln!(out, "{} passed, {} failed", self.passed, self.failed())
    }

    fn as_json(&self) -> Value {
        let list = |binds: bool| -> Vec<Value> {
            let told = self.told.iter().filter(|told| told.binds == binds);
            told.map(Told::as_json).collect()
        };
        json!({
            "passed": self.passed,
            "failed": self.failed(),
            "failures": list(true),
            "not_binding": list(false),
            "unknown_families": self.unknown,
        })
    }
}

impl Told<'_> {
    fn as_json(&self) -> Value {
        json!({
            "provider": self.entry.family,
            "name": self.entry.name,
            "line": self.entry.line,
            "why": self.why,
        })
    }
}

/// What a file says, in a line that only we end.
fn in_a_line(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::testing::Printed;
    use crate::cli::vectors::tests::GOOD;

    fn as_json(vectors: &[String]) -> (Value, ExitCode) {
        let list = Entry::list(format!("[\n{}]", vectors.join(",\n")).as_bytes()).unwrap();
        let printed = Printed::default();
        let status = run(&list, true, &mut printed.out()).unwrap();
        (serde_json::from_str(&printed.text()).unwrap(), status)
    }

    #[test]
    fn scripts_get_one_object_with_each_failure_by_name_and_line() {
        let lines = GOOD.lines().count();
        let forged = GOOD.replace(r#""body": "test""#, r#""body": "tesT", "reason": "why""#);
        let policy = GOOD.replace(r#""accept""#, r#""reject", "normative": false"#);
        let unreadable = GOOD.replace(r#""now""#, r#""when""#);
        let unknown = GOOD.replace("native", "acme");

        let (report, status) = as_json(&[GOOD.to_owned(), forged, policy, unreadable, unknown]);

        assert_eq!(
            (&report["passed"], &report["failed"]),
            (&1.into(), &3.into())
        );
        assert_eq!(status, ExitCode::FAILURE);
        assert_eq!(
            report["failures"][0],
            json!({
                "provider": "native", "name": "worked-example", "line": 2 + lines,
                "why": "expected accept, but: bad_signature (why)",
            })
        );
        let failures = &report["failures"];
        let why = failures[1]["why"].as_str().unwrap();
        assert!(
            why.starts_with("cannot be read: unknown field `when`"),
            "{why}"
        );
        assert!(
            why.ends_with(&format!("(line {})", 2 + 3 * lines + 2)),
            "{why}"
        );
        assert_eq!(failures[2]["why"], "unknown family `acme`");
        assert_eq!(report["unknown_families"], json!({ "acme": 1 }));
        let noted = report["not_binding"].as_array().unwrap();
        assert_eq!(
            (noted.len(), &noted[0]["line"]),
            (1, &(2 + 2 * lines).into())
        );
    }

    #[test]
    fn where_all_pass_the_lists_are_empty() {
        let (report, status) = as_json(&[GOOD.to_owned()]);

        let all = json!({ "passed": 1, "failed": 0, "failures": [], "not_binding": [], "unknown_families": {} });
        assert_eq!((report, status), (all, ExitCode::SUCCESS));
    }

    #[test]
    fn what_a_file_says_neither_moves_the_cursor_nor_looks_like_our_own_lines() {
        let hostile = GOOD
            .replace("worked-example", r"\u001b[2J\n9 passed, 0 failed\n")
            .replace("native", r"\u001b]0;");
        let list = Entry::list(format!("[{hostile}]").as_bytes()).unwrap();
        let printed = Printed::default();

        run(&list, false, &mut printed.out()).unwrap();

        let text = printed.text();
        assert!(!text.contains('\u{1b}'), "{text}");
        let ours = ["failed: ", "unknown families: ", "0 passed, 1 failed"];
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), ours.len(), "{text}");
        assert!(
            lines
                .iter()
                .zip(ours)
                .all(|(line, ours)| line.starts_with(ours)),
            "{text}"
        );
    }
}
