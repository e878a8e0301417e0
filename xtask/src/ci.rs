//! `cargo xtask ci`: everything that must hold before a change goes in, cheapest first.

use std::path::Path;

use anyhow::Result;

use crate::step::{cargo, has_subcommand, run, skip, step};
use crate::{dependencies, links, structure, test};

pub(crate) fn all(root: &Path) -> Result<()> {
    step("formatting", || {
        run(&mut cargo(root, ["fmt", "--all", "--check"]))?;
        run(&mut cargo(
            root,
            ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"],
        ))
    })?;
    step("structure", || structure::check(root))?;
    step("links in the documents", || links::check(root))?;
    step("dependencies", || dependencies::check(root))?;
    licences(root)?;
    step("lints", || {
        run(&mut cargo(
            root,
            [
                "clippy",
                "--workspace",
                "--all-targets",
                "--all-features",
                "--",
                "-D",
                "warnings",
            ],
        ))?;
        // The features must not be what makes it compile.
        run(&mut cargo(
            root,
            [
                "clippy",
                "-p",
                "countersign",
                "-p",
                "countersign-tower",
                "--",
                "-D",
                "warnings",
            ],
        ))
    })?;
    step("documentation", || {
        run(
            cargo(root, ["doc", "--workspace", "--all-features", "--no-deps"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    })?;
    test::all(root)?;
    eprintln!("\nall of it holds");
    Ok(())
}

fn licences(root: &Path) -> Result<()> {
    let name = "licences, bans and sources";
    if !has_subcommand(root, "deny") {
        skip(
            name,
            "cargo-deny is not installed (cargo install cargo-deny --locked)",
        );
        return Ok(());
    }
    step(name, || {
        run(&mut cargo(
            root,
            [
                "deny",
                "--all-features",
                "check",
                "--hide-inclusion-graph",
                "bans",
                "licenses",
                "sources",
            ],
        ))
    })
}
