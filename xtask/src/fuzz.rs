//! Feeds every committed corpus file to its fuzz target, on stable Rust and without libFuzzer.

use std::path::Path;

use anyhow::Result;

use crate::step::{cargo, run};

pub(crate) fn replay(root: &Path) -> Result<()> {
    // `fuzz` is a workspace of its own; it shares the target folder so that dependencies are built once.
    run(cargo(
        root,
        [
            "test",
            "--manifest-path",
            "fuzz/Cargo.toml",
            "--no-default-features",
            "--locked",
        ],
    )
    .env("CARGO_TARGET_DIR", target(root)))
}

fn target(root: &Path) -> std::path::PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into)
}
