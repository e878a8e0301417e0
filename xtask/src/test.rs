//! `cargo xtask test`: every test there is.

use std::path::Path;

use anyhow::Result;

use crate::step::{cargo, has_subcommand, run, step};
use crate::{fuzz, interop};

pub(crate) fn all(root: &Path) -> Result<()> {
    step("build the binary and the examples", || {
        // The end-to-end tests start these from the target folder.
        run(&mut cargo(
            root,
            ["build", "--workspace", "--all-features", "--bins"],
        ))
    })?;
    interop::install(root)?;
    step("tests of the workspace, end to end included", || {
        if has_subcommand(root, "nextest") {
            run(&mut cargo(
                root,
                [
                    "nextest",
                    "run",
                    "--workspace",
                    "--all-features",
                    "--no-fail-fast",
                ],
            ))
        } else {
            eprintln!(
                "    cargo-nextest is not installed: running the same tests with `cargo test`"
            );
            eprintln!("    (faster and clearer: cargo install cargo-nextest --locked)");
            run(&mut cargo(
                root,
                [
                    "test",
                    "--workspace",
                    "--all-features",
                    "--lib",
                    "--bins",
                    "--tests",
                    "--no-fail-fast",
                ],
            ))
        }
    })?;
    step("tests of the libraries without their features", || {
        // Some promises, such as how often memory is asked for, are about a build without them.
        let runner: &[&str] = if has_subcommand(root, "nextest") {
            &["nextest", "run", "--no-fail-fast"]
        } else {
            &["test", "--lib", "--tests", "--no-fail-fast"]
        };
        let libraries = ["-p", "countersign", "-p", "countersign-tower"];
        run(&mut cargo(root, runner.iter().chain(&libraries)))
    })?;
    step("examples in the documentation", || {
        run(&mut cargo(
            root,
            ["test", "--workspace", "--all-features", "--doc"],
        ))
    })?;
    step("fuzz corpora", || fuzz::replay(root))
}
