//! The rules of CONTRIBUTING.md about files that a machine can check.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub(crate) fn check(root: &Path) -> Result<()> {
    let mut files = Vec::new();
    for folder in ["crates", "examples", "fuzz", "tests", "xtask"] {
        rust_files(&root.join(folder), &mut files)?;
    }
    files.sort();

    let mut broken = Vec::new();
    for path in &files {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.strip_prefix(root).unwrap_or(path);
        broken.extend(
            problems(name, &text)
                .into_iter()
                .map(|problem| format!("{}: {problem}", name.display())),
        );
    }
    if !broken.is_empty() {
        bail!("{} broken rules\n  {}", broken.len(), broken.join("\n  "));
    }
    eprintln!("    {} files", files.len());
    Ok(())
}

/// What is wrong with the file `name` (relative to the root).
fn problems(name: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let is_tests = name.file_name() == Some(OsStr::new("tests.rs"));
    if !is_tests && !text.starts_with("//!") && !text.starts_with("#![") {
        found.push("does not begin with `//!` and what the file is for".to_owned());
    }
    if name.file_name() == Some(OsStr::new("mod.rs")) {
        found.push("is a mod.rs; name it after the module".to_owned());
    }
    let stem = name.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    if NAMES_THAT_SAY_NOTHING.contains(&stem) {
        found.push(format!("`{stem}` does not say what the file knows"));
    }
    let lines = text.lines().count();
    if is_source(name) && lines > LONGEST {
        found.push(format!("{lines} lines; split it by noun at {LONGEST}"));
    }
    if is_source(name) {
        for (number, line) in without_tests(text).enumerate() {
            if let Some(word) = compared(line) {
                found.push(format!(
                    "line {}: `{word}` is compared with an operator; secrets are compared in constant time",
                    number + 1
                ));
            }
        }
    }
    for rule in OWNERS.iter().filter(|rule| !rule.may(name)) {
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = rule.words.iter().find(|word| names(line, word)) {
                let owners = rule.owners.join(", ");
                found.push(format!(
                    "line {}: `{word}` belongs to {owners} only",
                    number + 1
                ));
            }
        }
    }
    found
}

/// Words that only some files and folders under `under` may say.
struct Owner {
    under: &'static str,
    owners: &'static [&'static str],
    words: &'static [&'static str],
}

impl Owner {
    fn may(&self, name: &Path) -> bool {
        name.strip_prefix(self.under).map_or(true, |rest| {
            self.owners.iter().any(|owner| rest.starts_with(owner))
        })
    }
}

const OWNERS: &[Owner] = &[
    Owner {
        under: "crates/countersign/src",
        owners: &["mac.rs", "mac"],
        words: &[
            "aws_lc_rs::",
            "ed25519_dalek::",
            "hmac::",
            "p256::",
            "sha1::",
            "sha2::",
            "subtle::",
            "webpki::",
        ],
    },
    Owner {
        under: "crates/countersign-queue/src",
        owners: &["sqlite.rs", "sqlite"],
        words: &["rusqlite::"],
    },
    Owner {
        under: "crates/countersign-gateway/src",
        owners: &["admin.rs", "admin"],
        words: &["axum::"],
    },
];

const NAMES_THAT_SAY_NOTHING: &[&str] = &[
    "common", "core", "helper", "helpers", "manager", "misc", "types", "util", "utils",
];

const LONGEST: usize = 400;

/// Whether `line` is code that says `word` at the beginning of a path.
fn names(line: &str, word: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The lines before the file's own tests.
fn without_tests(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| *line != "#[cfg(test)]")
}

/// The secret thing, if `line` is code that holds one against something with `==` or `!=`.
fn compared(line: &str) -> Option<&'static str> {
    let code = line.split("//").next().unwrap_or_default();
    ["==", "!="].into_iter().find_map(|operator| {
        code.split(operator)
            .zip(code.split(operator).skip(1))
            .find_map(|(left, right)| {
                secret_named(left.trim_end().rsplit(is_between).next()?).or_else(|| {
                    secret_named(
                        right
                            .trim_start_matches([' ', '&', '*'])
                            .split(is_between)
                            .next()?,
                    )
                })
            })
    })
}

/// The word of [`SECRETS`] that this path, call or variable ends with.
fn secret_named(operand: &str) -> Option<&'static str> {
    let named = operand
        .split(['.', ':'])
        .map(|part| part.trim_end_matches(['(', ')', '[', ']']))
        .rfind(|part| !part.is_empty() && !VIEWS.contains(part))?;
    SECRETS.iter().copied().find(|secret| *secret == named)
}

/// Whether `c` ends an operand.
fn is_between(c: char) -> bool {
    !(c.is_alphanumeric() || "_.:()[]".contains(c))
}

/// What must not meet `==`.
const SECRETS: &[&str] = &[
    "candidate",
    "expose",
    "mac",
    "password",
    "secret",
    "sha256",
    "signature",
    "tag",
    "token",
];

/// Calls after which a thing is still itself.
const VIEWS: &[&str] = &[
    "as_bytes", "as_deref", "as_ref", "as_slice", "as_str", "clone", "to_vec",
];

/// Whether the length rule is for this file: what we ship, tests aside.
fn is_source(name: &Path) -> bool {
    let has = |wanted: &str| name.components().any(|part| part.as_os_str() == wanted);
    name.starts_with("crates") && has("src") && !has("tests") && !has("tests.rs")
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name() != Some(OsStr::new("target")) {
                rust_files(&path, found)?;
            }
        } else if path.extension() == Some(OsStr::new("rs")) {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_say_what_it_is_for_is_named() {
        assert_eq!(
            problems(Path::new("crates/x/src/y.rs"), "use std::fs;\n").len(),
            1
        );
        assert!(problems(Path::new("crates/x/src/y.rs"), "//! Files.\nuse std::fs;\n").is_empty());
    }

    #[test]
    fn only_the_mac_module_names_crypto_crates() {
        let text = "//! x\nuse sha2::Sha256;\n";

        assert_eq!(
            problems(Path::new("crates/countersign/src/verifier.rs"), text).len(),
            1
        );
        assert!(problems(Path::new("crates/countersign/src/mac.rs"), text).is_empty());
    }

    #[test]
    fn a_longer_name_and_a_comment_are_not_the_crate() {
        assert!(!names("use my_sha2::Digest;", "sha2::"));
        assert!(!names("// like sha2::Sha256", "sha2::"));
        assert!(names("let d: sha2::Sha256;", "sha2::"));
    }

    #[test]
    fn a_secret_that_meets_an_operator_is_named() {
        for (line, secret) in [
            ("if tag == other {", "tag"),
            ("    sent.as_bytes() != self.secret.expose()", "expose"),
            ("known.sha256 == checked", "sha256"),
            ("a && b == &token.mac.as_slice() {", "mac"),
            ("(left==right) && mac()!=x", "mac"),
        ] {
            assert_eq!(compared(line), Some(secret), "{line}");
        }
        for line in [
            "tag.matches(&other)",
            "secret.len() == 0",
            "rule.digest != other.digest",
            "mode == \"signature\"",
            "reason == Reason::BadSignature",
            "// tag == other",
            "*last == b'\\n'",
        ] {
            assert_eq!(compared(line), None, "{line}");
        }
        let text = "//! x\nfn f() { tag == other }\n#[cfg(test)]\nfn g() { tag == other }\n";
        assert_eq!(problems(Path::new("crates/x/src/y.rs"), text).len(), 1);
    }

    #[test]
    fn a_long_file_is_named_and_a_long_test_file_is_not() {
        let text = format!("//! x\n{}", "fn f() {}\n".repeat(LONGEST));

        assert_eq!(problems(Path::new("crates/x/src/y.rs"), &text).len(), 1);
        assert!(problems(Path::new("crates/x/src/y/tests.rs"), &text).is_empty());
    }
}
