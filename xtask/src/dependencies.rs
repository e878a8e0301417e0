//! Which crate may depend on what, read from the tree that cargo resolves.

use std::path::Path;

use anyhow::{Result, bail};

use crate::step::{cargo, output};

/// A crate of ours and the crates that its normal dependencies must not reach.
struct Rule {
    package: &'static str,
    features: &'static str,
    banned: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        package: "countersign",
        features: "--all-features",
        banned: &[
            "axum",
            "hyper",
            "hyper-util",
            "mio",
            "tokio",
            "tower",
            "tower-layer",
            "tower-service",
        ],
    },
    Rule {
        package: "countersign-tower",
        features: "--no-default-features",
        banned: &["axum", "hyper", "hyper-util", "mio", "tokio"],
    },
    Rule {
        package: "countersign-queue",
        features: "--all-features",
        banned: &[
            "axum",
            "countersign",
            "hyper",
            "hyper-util",
            "mio",
            "rustls",
            "tower",
        ],
    },
];

pub(crate) fn check(root: &Path) -> Result<()> {
    for rule in RULES {
        let Rule {
            package,
            features,
            banned,
        } = rule;
        let tree = output(&mut cargo(
            root,
            [
                "tree", "-p", package, "-e", "normal", features, "--prefix", "none", "--format",
                "{p}",
            ],
        ))?;
        let found = named(&tree, banned);
        if let Some(first) = found.first() {
            bail!(
                "{package} must not depend on {}; the way there: cargo tree -p {package} -e normal {features} -i {first}",
                found.join(", "),
            );
        }
        eprintln!(
            "    {package}: {} crates, none of {}",
            tree.lines().count(),
            banned.join(", ")
        );
    }
    Ok(())
}

/// The crates of `banned` that a `cargo tree --prefix none --format {p}` names.
fn named<'a>(tree: &str, banned: &[&'a str]) -> Vec<&'a str> {
    let names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    banned
        .iter()
        .copied()
        .filter(|name| names.contains(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_crate_in_the_tree_is_named() {
        let tree = "countersign v0.1.0 (/somewhere)\nhttp v1.5.0\nmio v1.0.0\nbytes v1.12.1\n";

        assert_eq!(named(tree, &["tokio", "mio"]), ["mio"]);
    }

    #[test]
    fn a_crate_whose_name_begins_like_a_banned_one_is_not_it() {
        assert!(named("tower-layer v0.3.3\n", &["tower"]).is_empty());
    }
}
