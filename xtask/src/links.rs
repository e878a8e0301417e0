//! Links from one document to another file of the repository: each must lead somewhere.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub(crate) fn check(root: &Path) -> Result<()> {
    let mut documents = Vec::new();
    collect(root, &mut documents)?;
    documents.sort();
    let mut broken = Vec::new();
    for path in &documents {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let folder = path.parent().unwrap_or(root);
        let lost = relative(&text).filter(|target| !folder.join(target).exists());
        let name = path.strip_prefix(root).unwrap_or(path);
        broken.extend(lost.map(|target| format!("{}: {target}", name.display())));
    }
    if !broken.is_empty() {
        bail!(
            "{} links lead nowhere\n  {}",
            broken.len(),
            broken.join("\n  ")
        );
    }
    eprintln!("    {} documents", documents.len());
    Ok(())
}

/// The targets of `[text](target)` that are files of ours, without their anchors.
fn relative(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?.split('#').next()?;
        let elsewhere = target.is_empty()
            || target.contains("://")
            || target.contains("::")
            || target.contains(char::is_whitespace);
        (!elsewhere).then_some(target)
    })
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            if !SKIPPED.iter().any(|skipped| name == OsStr::new(skipped)) {
                collect(&path, found)?;
            }
        } else if path.extension() == Some(OsStr::new("md")) {
            found.push(path);
        }
    }
    Ok(())
}

const SKIPPED: &[&str] = &[".git", ".tools", "corpus", "target"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found_and_others_are_not() {
        let text = "[a](docs/a.md#part) [b](https://example.com/) [c](#here) `f(x)` [d](../d.md) [`T`](crate::T)";

        assert_eq!(relative(text).collect::<Vec<_>>(), ["docs/a.md", "../d.md"]);
    }
}
