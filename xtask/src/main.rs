//! The project's own commands.
//!
//! `cargo xtask test` runs every test; `cargo xtask ci` runs everything that must hold before a change goes in.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

mod ci;
mod dependencies;
mod fuzz;
mod interop;
mod links;
mod step;
mod structure;
mod test;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nFAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    let root = root()?;
    match words {
        ["test"] => test::all(&root),
        ["interop"] => interop::install(&root),
        ["ci"] => ci::all(&root),
        ["links"] => links::check(&root),
        ["structure"] => structure::check(&root),
        ["dependencies"] => dependencies::check(&root),
        ["fuzz", "replay"] => fuzz::replay(&root),
        ["help" | "--help" | "-h"] => {
            eprint!("{HELP}");
            Ok(())
        }
        [] => bail!("no command\n\n{HELP}"),
        other => bail!("no such command: {}\n\n{HELP}", other.join(" ")),
    }
}

/// The root of the repository: the folder above this package's.
fn root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .context("xtask has no folder above it")
}

const HELP: &str = "\
Usage: cargo xtask COMMAND

  test           every test: workspace, documentation examples, end to end, fuzz corpora
  interop        install the senders' SDKs that some of the tests talk to; `test` does it too
  ci             test, and formatting, lints, documentation, dependencies, structure, licences
  structure      the rules of CONTRIBUTING.md that a machine can check
  links          from one document to another file of the repository
  dependencies   which crate may depend on what
  fuzz replay    feed the committed fuzz corpora to their targets, on stable Rust
";
